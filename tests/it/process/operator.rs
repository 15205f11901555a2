//! What people do with a terminal: follow the demo's walk-through, set a gateway up from nothing.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use super::demo::{Demo, gerbang};
use super::kills::verify;
use super::paying::until;
use crate::client::Connection;
use crate::not_run::not_run;

/// Movements by which people and applications of a demo got what they begin with.
const OPENINGS: u64 = 6;

#[test]
fn the_walk_through_works_when_it_is_pasted() {
    let home = tempfile::tempdir().unwrap();
    let demo = Demo::start(&home.path().join("data"));
    let demo = demo.map_err(|ended| format!("{ended:?}")).unwrap();
    let url = format!("http://{}", demo.address);
    for part in [&url, "admin, ani, budi", "gerbang-demo", "/metrics"] {
        assert!(demo.said.contains(part), "{part}: {}", demo.said);
    }
    let prose = |line: &&str| {
        ["  logins ", "  balances ", "  banks ", "  tokens ", "  provider "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    let pasted = demo.said.lines().filter(|line| line.starts_with("  ") && !prose(line));
    let script: String = pasted.flat_map(|line| [line, "\n"]).collect();
    let Some(said) = pasted_into_a_shell(&script) else { return };
    for part in [
        "\"status\":\"posted\"",
        "\"to\":\"warung\"",
        "\"balance\":975000",
        "\"category\":\"payment\"",
        "\"channel\":\"virtual_account\"",
        "\"payment_type\":\"echannel\"",
        "\"room\":\"A1\"",
        "\"beneficiaryAccountName\":\"ERRY JULIO\",\"amount\":\"2475000\"}}",
        "\"usage\":\"TRANSFER INTERBANK\"",
        "\"fee\":6500",
        "\"purpose\":\"withdrawal\"",
    ] {
        assert!(said.contains(part), "{part}: {script}\n{said}");
    }
    moved(&demo, 12);
    demo.kill();
}

#[test]
fn the_tour_of_the_readme_works_when_it_is_pasted() {
    let home = tempfile::tempdir().unwrap();
    let demo = Demo::start(&home.path().join("data"));
    let demo = demo.map_err(|ended| format!("{ended:?}")).unwrap();
    let readme = include_str!("../../../README.md");
    let (_, tour) = readme.split_once("## Five minutes").unwrap();
    let (tour, _) = tour.split_once("\n## ").unwrap();
    let blocks = tour.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let blocks: Vec<&str> = blocks.map(|(block, _)| block).collect();
    let (last, blocks) = blocks.split_last().unwrap();
    assert!(last.contains("kill -9"), "another demo, which other tests kill: {last}");
    let mut script = blocks.concat();
    let here = format!("GERBANG=http://{}", demo.address);
    script = script.replace("GERBANG=http://127.0.0.1:8080", &here);
    assert!(script.contains(&here));
    // What the reader is asked to copy from what the demo says.
    let copied = ["  PROVIDER=", "  CLIENT="]
        .map(|name| demo.said.lines().find(|line| line.starts_with(name)).unwrap());
    let said = pasted_into_a_shell(&[copied.join("\n"), script].join("\n"));
    let Some(said) = said else { return };
    for part in [
        "idempotency-replayed: true",
        "\"status\":\"settled\"",
        "\"payment_type\":\"bank_transfer\"",
        "\"order_id\":\"kopi-1\"",
        "\"transaction_status\":\"settlement\"",
        "\"va_numbers\":[{\"bank\":\"bca\"",
        "\"kind\":\"merchant\"",
        "\"note\":\"es teh\"",
        "\"payment_type\":\"echannel\"",
        "\"formatted_amount\":\"IDR 650,000\"",
        "\"fee\":6500",
        "\"purpose\":\"withdrawal\"",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What began with, lunch, change, two top-ups, two orders, a code, the rent, two transfers, and a
    // withdrawal.
    moved(&demo, OPENINGS + 11);
    demo.kill();
}

/// What came of it; nothing if there is no curl to paste for.
fn pasted_into_a_shell(script: &str) -> Option<String> {
    if Command::new("curl").arg("-V").stdout(Stdio::null()).status().is_err() {
        not_run("curl is not installed");
        return None;
    }
    let output = Command::new("sh").arg("-ec").arg(script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{script}\n{said}");
    Some(said)
}

/// Waits for so many movements: what banks and provider have to say takes a moment.
fn moved(demo: &Demo, count: u64) {
    let wanted = format!("gerbang_movements_total {count}\n");
    let mut connection = Connection::open(demo.address).unwrap();
    until(&wanted, || {
        let metrics = connection.send(("GET", "/metrics"), "", &[], "").unwrap();
        metrics.body.contains(&wanted).then_some(())
    });
}

#[test]
fn an_operator_sets_a_gateway_up_from_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (config, data) = (home.path().join("gerbang.toml"), home.path().join("data"));
    let text = format!(
        "[server]\nlisten = '127.0.0.1:0'\noperations_listen = ''\n[store]\ndata = {data:?}\n\
         [books]\nsignup = false\nutc_offset = '+08:00'\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut child = gerbang()
        .args(["admin", "create-user", "bos", "--role", "admin", "--name", "Bos"])
        .args(["--email", "bos@contoh.id", "--config"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"kata-sandi-panjang\n").unwrap();
    assert!(child.wait().unwrap().success());

    let stderr = home.path().join("stderr");
    let child = gerbang()
        .args(["serve", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let serve = Demo::ready(child, stderr).map_err(|ended| format!("{ended:?}")).unwrap();
    let mut connection = Connection::open(serve.address).unwrap();
    let json = [("Content-Type", "application/json")];
    let body = json!({"login": "bos", "password": "kata-sandi-panjang"}).to_string();
    let answer = connection.send(("POST", "/api/v1/auth/login"), "", &json, &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["expires_at"].as_str().unwrap().ends_with("+08:00"));
    assert_eq!(answer.json()["user"]["role"], "admin");
    let sign_up = json!({"username": "ani", "name": "Ani", "email": "ani@contoh.id",
        "password": "kata-sandi-panjang", "role": "buyer"});
    let closed = connection.send(("POST", "/api/v1/auth/signup"), "", &json, &sign_up.to_string());
    assert_eq!(closed.unwrap().status, 403);
    for (path, status) in [("/health/ready", 200), ("/metrics", 404)] {
        assert_eq!(connection.send(("GET", path), "", &[], "").unwrap().status, status, "{path}");
    }
    serve.terminate();
    let (status, log) = serve.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(["INFO", "DEBUG"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
    assert!(log.contains("stopping"), "{log}");
    verify(&data);
}
