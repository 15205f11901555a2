//! The other commands: help, verify, export, mistakes in arguments and configuration.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::checker::Asked;
use super::demo::{Demo, gerbang};

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_command_explains_itself() {
    let table: [(&[&str], &str); 18] = [
        (&[], "gerbang demo"),
        (&["bank-service"], "--bank"),
        (&["client-token"], "--key-file"),
        (&["demo"], "--listen"),
        (&["serve"], "--config"),
        (&["verify"], "--data"),
        (&["export"], "--format"),
        (&["admin"], "create-user"),
        (&["admin", "create-user"], "--role"),
        (&["admin", "freeze"], "--reason"),
        (&["admin", "make-api-key"], "--otp-exempt"),
        (&["simulate"], "bank"),
        (&["simulate", "bank"], "openssl rsa"),
        (&["admin", "partner", "set"], "--base-url"),
        (&["admin", "route", "set"], "--interbank"),
        (&["admin", "client", "set"], "--allow"),
        (&["admin", "route-preview"], "--bank"),
        (&["reconcile"], "--statement"),
    ];
    for (command, word) in table {
        let output = gerbang().args(command).arg("--help").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(said(&output).contains(word), "{command:?}: {}", said(&output));
    }
    let version = gerbang().arg("--version").output().unwrap();
    assert_eq!(said(&version).trim(), concat!("gerbang ", env!("CARGO_PKG_VERSION")));
    for wrong in [&["nothing"][..], &[], &["verify", "--nothing"], &["export", "--format", "xml"]] {
        assert_eq!(gerbang().args(wrong).output().unwrap().status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_named_before_anything_opens() {
    let home = tempfile::tempdir().unwrap();
    let (config, data) = (home.path().join("gerbang.toml"), home.path().join("data"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let table = [
        ("[server]\nlisten = '8080'".to_owned(), "server.listen"),
        ("[server]\nlissten = '127.0.0.1:0'".to_owned(), "lissten"),
        ("[server]\ntls_key = 'k.pem'".to_owned(), "server.tls_key"),
        ("[server]\noperations_listen = 'x'".to_owned(), "server.operations_listen"),
        ("[books]\ncurrency = 'rupiah'".to_owned(), "books.currency"),
        ("[books]\nutc_offset = 'WIB'".to_owned(), "books.utc_offset"),
        ("[books]\nmerchant_fee_basis_points = -1".to_owned(), "merchant_fee_basis_points"),
        ("[books]\nsignup = 'ya'".to_owned(), "signup"),
        ("[[limits]]\nkind = 'x'\ncurrency = 'IDR'".to_owned(), "limits.kind"),
        ("[server]\norigins = ['kasir']".to_owned(), "server.origins"),
        ("[log]\nfilter = 'gerbang=loud'".to_owned(), "log.filter"),
        ("not toml".to_owned(), "gerbang.toml"),
    ];
    for (text, key) in table {
        std::fs::write(&config, &text).unwrap();
        let output = gerbang().args(["serve", "--config"]).arg(&config).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}: {}", complaint(&output));
        assert!(complaint(&output).contains(key), "{text}: {}", complaint(&output));
    }
    let none = gerbang().args(["serve", "--config", "/none.toml"]).output().unwrap();
    assert_eq!(none.status.code(), Some(2));
    assert!(complaint(&none).contains("/none.toml"));
    assert!(!data.exists(), "nothing was opened");
    for (server, key) in [
        (format!("listen = '{taken}'"), "server.listen"),
        ("listen = '127.0.0.1:0'\ntls_certificate = 'a.pem'\ntls_key = 'b.pem'".into(), "a.pem"),
        (
            "listen = '127.0.0.1:0'\ntls_certificate = 'Cargo.toml'\ntls_key = 'Cargo.toml'".into(),
            "Cargo.toml",
        ),
    ] {
        let text =
            format!("[server]\n{server}\noperations_listen = ''\n[store]\ndata = {data:?}\n");
        std::fs::write(&config, &text).unwrap();
        let output = gerbang().args(["serve", "--config"]).arg(&config).output().unwrap();
        if server.contains(&taken) {
            // The listener of this test is gone by now if the port could be had.
            continue;
        }
        assert_eq!(output.status.code(), Some(2), "{text}: {}", complaint(&output));
        assert!(complaint(&output).contains(key), "{text}: {}", complaint(&output));
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (config, data) = (home.path().join("gerbang.toml"), home.path().join("data"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for key in ["listen", "operations_listen"] {
        let other =
            if key == "listen" { "operations_listen = ''" } else { "listen = '127.0.0.1:0'" };
        let address = taken.local_addr().unwrap();
        let text = format!("[server]\n{key} = '{address}'\n{other}\n[store]\ndata = {data:?}\n");
        std::fs::write(&config, text).unwrap();
        let output = gerbang().args(["serve", "--config"]).arg(&config).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", complaint(&output));
        let named = format!("server.{key}: cannot listen on {address}");
        assert!(complaint(&output).contains(&named), "{}", complaint(&output));
    }
}

#[test]
fn what_would_be_followed_is_printed() {
    let printed = gerbang().args(["serve", "--print-config"]).output().unwrap();
    assert_eq!(printed.status.code(), Some(0));
    for key in ["listen = \"127.0.0.1:8080\"", "utc_offset = \"+07:00\"", "[[limits]]"] {
        assert!(said(&printed).contains(key), "{key}: {}", said(&printed));
    }
}

fn export(data: &Path, format: &str) -> String {
    let output =
        gerbang().args(["export", "--format", format, "--data"]).arg(data).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    said(&output)
}

fn set_password(data: &Path, password: &str) -> Output {
    let mut command = gerbang();
    command.args(["admin", "set-password", "budi", "--data"]).arg(data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_store_is_verified_exported_and_changed_by_its_operator() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let commands: [&[&str]; 5] = [
        &["verify"],
        &["export"],
        &["admin", "set-role", "ani", "buyer"],
        &["admin", "freeze", "ani", "--reason", "x"],
        &["admin", "rotate-keys"],
    ];
    for command in commands {
        let none = gerbang().args(command).arg("--data").arg(&data).output().unwrap();
        assert_eq!(none.status.code(), Some(1), "{command:?}");
        assert!(complaint(&none).contains("there is no store"), "{}", complaint(&none));
        assert!(!data.exists(), "{command:?} makes nothing");
    }
    let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    let asked = Asked { by: "ani".into(), reference: "=1+1".into(), amount: 25_000 };
    assert_eq!(demo.client("ani").unwrap().pay(&asked).unwrap().status, 201);
    demo.kill();

    let ndjson = export(&data, "ndjson");
    let lines: Vec<serde_json::Value> =
        ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 10);
    assert!(ndjson.contains("=1+1"));
    assert!(!ndjson.contains("gerbang-demo"), "no password");
    let csv = export(&data, "csv");
    assert!(csv.starts_with("position,time,kind,debit,credit,amount,currency,reference"));
    assert_eq!(csv.lines().count(), 1 + 7, "six top-ups and a payment");
    assert!(csv.contains(",'=1+1,"), "no formula for a spreadsheet: {csv}");

    let admin = |arguments: &[&str]| {
        let mut command: Command = gerbang();
        command.arg("admin").args(arguments).arg("--data").arg(&data).stdin(Stdio::null());
        command.output().unwrap()
    };
    let frozen = admin(&["freeze", "ani", "--reason", "laporan"]);
    assert_eq!(frozen.status.code(), Some(0), "{}", complaint(&frozen));
    assert!(said(&frozen).contains("ani is frozen from position"));
    assert_eq!(admin(&["freeze", "siapa", "--reason", "x"]).status.code(), Some(1));
    assert_eq!(admin(&["set-role", "ani", "root"]).status.code(), Some(2));
    assert_eq!(admin(&["set-role", "ani", "merchant"]).status.code(), Some(1));
    assert_eq!(admin(&["set-role", "ani", "client"]).status.code(), Some(0));
    let key = ["make-api-key", "ani", "--name", "kasir toko", "--otp-exempt", "--scope"];
    let key = |scope| admin(&[&key[..], &[scope]].concat());
    assert_eq!(key("pay").status.code(), Some(2));
    let key = key("batch");
    assert_eq!(key.status.code(), Some(0), "{}", complaint(&key));
    assert!(said(&key).contains("shown only now:\ngk_"), "a client's key");
    assert_eq!(admin(&["rotate-keys"]).status.code(), Some(0));
    let weak = ["create-user", "baru", "--role", "admin", "--name", "B", "--email", "b@contoh.id"];
    let weak = admin(&weak);
    assert_eq!(weak.status.code(), Some(1));
    assert!(complaint(&weak).contains("password"), "{}", complaint(&weak));
    assert_eq!(set_password(&data, "pendek\n").status.code(), Some(1));
    let set = set_password(&data, "kata-sandi-dari-operator\n");
    assert_eq!(set.status.code(), Some(0), "{}", complaint(&set));
    assert!(said(&set).contains("budi has another password from position"));
    let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    let more = Asked { by: "ani".into(), reference: "r2".into(), amount: 1 };
    assert_eq!(demo.client("ani").unwrap().pay(&more).unwrap().status, 422);
    demo.kill();
    super::kills::verify(&data);
}
