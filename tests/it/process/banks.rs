//! An operator's commands about banks, from an empty directory: tables, previews, reconciliation.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use super::demo::{Demo, gerbang};
use crate::client::Connection;

const BNI: &str = "partner set 009 --name BNI --priority 1 --base-url";
const INTERBANK: &str = "route set 009 --interbank --local /api/bni/interbank \
    --external https://bni --fee 6500";
const CLIENT: &str = "client set iki-modal --name IKI --account-number 0847652590 \
    --account-name IKIMODAL --allow 127.0.0.1";
const SCREEN: &str =
    "screen-preview --payer iki-modal --bank 009 --account 0115471119 --amount 50000";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command of the operator over `data`; its words have no spaces.
fn admin(data: &Path, command: &str) -> Output {
    let words = command.split_whitespace();
    gerbang().arg("admin").args(words).arg("--data").arg(data).output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    said(output)
}

/// The first administrator, with whom the store begins.
fn begin(home: &Path, data: &Path) {
    let password = home.join("password");
    std::fs::write(&password, "kata-sandi-panjang\n").unwrap();
    let user = gerbang()
        .args(["admin", "create-user", "bos", "--role", "admin", "--name", "Bos"])
        .args(["--email", "bos@contoh.id", "--data"])
        .arg(data)
        .stdin(File::open(password).unwrap())
        .output()
        .unwrap();
    done(&user);
}

/// The maintenance window and the way through other banks: set, left alone, set back.
fn what_is_not_given_stays(data: &Path) {
    let partner = format!("{BNI} https://10.10.1.3:2012");
    let table = [
        (format!("{partner} --maintenance 23:30-04:00"), ", closed 23:30-04:00", true),
        (partner.clone(), ", closed 23:30-04:00", true),
        (format!("{partner} --maintenance none"), ", closed", false),
        (format!("{CLIENT} --no-fallback"), ", own banks only", true),
        (CLIENT.to_owned(), ", own banks only", true),
        (format!("{CLIENT} --fallback"), ", own banks only", false),
    ];
    for (command, words, expected) in table {
        done(&admin(data, &command));
        let list = done(&admin(data, "client list")) + &done(&admin(data, "partner list"));
        assert_eq!(list.contains(words), expected, "{command}: {list}");
    }
    for wrong in [
        format!("{partner} --maintenance 24:00-01:00"),
        format!("{CLIENT} --fallback --no-fallback"),
    ] {
        assert!(!admin(data, &wrong).status.success(), "{wrong}");
    }
}

#[test]
fn an_operator_sets_banks_and_clients_up_and_reconciles() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let run = |command: &str| admin(&data, command);
    assert_eq!(run("partner list").status.code(), Some(1), "there is no store yet");
    begin(home.path(), &data);
    let added = done(&run(&format!("{BNI} https://10.10.1.3:2002")));
    let key = added.lines().last().unwrap().to_owned();
    assert!(key.starts_with("gkt_"), "{added}");
    let changed = done(&run(&format!("{BNI} https://10.10.1.3:2012")));
    assert!(!changed.contains("gkt_"), "{changed}");
    assert_eq!(run(&format!("{BNI} 10.10.1.3")).status.code(), Some(1));
    done(&run(INTERBANK));
    let plan = done(&run("route-preview --bank 022 --amount 50000"));
    for part in ["To bank 022: through 009 BNI.", "fee 6500", "https://10.10.1.3:2012/api/bni"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    assert!(done(&run(CLIENT)).contains("gkt_"));
    assert!(done(&run("client rotate-key iki-modal")).contains("gkt_"));
    let list = done(&run("client list")) + &done(&run("partner list"));
    assert!(list.contains("iki-modal IKI: from 127.0.0.1"), "{list}");
    assert!(!list.contains("gkt_"), "{list}");
    assert!(done(&run(SCREEN)).starts_with("Outcome: accept"));
    assert_eq!(run("partner remove 009").status.code(), Some(1), "it has a route");
    assert_eq!(done(&run("proposal list")), "none\n", "the operator needs nobody");
    let unknown = "prp_01K4GZ9Q8E0000000000000029";
    assert_eq!(run(&format!("proposal approve {unknown}")).status.code(), Some(1));
    assert_eq!(done(&run("refund list")), "none\n", "nothing is unknown");
    let settle = "refund settle rfd_01K4GZ9Q8E0000000000000013 --outcome failed --reason surat";
    assert_eq!(run(settle).status.code(), Some(1), "there is no such refund");
    what_is_not_given_stays(&data);
    reconcile(home.path(), &data);
    let export = done(&gerbang().args(["export", "--data"]).arg(&data).output().unwrap());
    assert!(export.contains("partner_set") && !export.contains(&key), "keys stay in the house");
    assert!(holds(&data, "iki-modal"), "the search finds nothing at all");
    assert!(!holds(&data, &key), "a key token is on the disk as it is");
    done(&run("route remove 009 --interbank"));
    done(&run("partner remove 009"));
    super::kills::verify(&data);
}

/// Whether these bytes stand in any file below `directory`.
fn holds(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().map(Result::unwrap).any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// A bank that knows of a transfer we never made, one that has none, and a file that is no
/// statement.
fn reconcile(home: &Path, data: &Path) {
    let statement = home.join("009.csv");
    let columns = "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n";
    let run = |lines: &str| {
        std::fs::write(&statement, format!("{columns}{lines}")).unwrap();
        let command = ["reconcile", "--bank", "009", "--statement"];
        gerbang().args(command).arg(&statement).arg("--data").arg(data).output().unwrap()
    };
    let strange = run("2026-11-18,X,009,0115471119,50000,IDR,DEBIT\n");
    assert_eq!(strange.status.code(), Some(1));
    for part in ["The sides do not agree.", "only", "To do"] {
        assert!(said(&strange).contains(part), "{part}: {}", said(&strange));
    }
    assert_eq!(run("nonsense\n").status.code(), Some(1));
    assert_eq!(run("").status.code(), Some(1), "an empty statement proves nothing");
}

/// What is asked again and again until it is so: a signal is heard when it is heard.
fn until(mut so: impl FnMut() -> bool) {
    assert!((0..100_000).any(|_| so()), "it never came");
}

#[test]
fn screening_rules_are_read_again_at_a_signal() {
    let home = tempfile::tempdir().unwrap();
    let (config, data) = (home.path().join("gerbang.toml"), home.path().join("data"));
    begin(home.path(), &data);
    let write = |screening: &str| {
        let text = format!(
            "[server]\nlisten = '127.0.0.1:0'\noperations_listen = ''\n\
             [store]\ndata = {data:?}\n{screening}"
        );
        std::fs::write(&config, text).unwrap();
    };
    write("");
    let stderr = home.path().join("stderr");
    let child = gerbang()
        .args(["serve", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let serve = Demo::ready(child, stderr.clone()).map_err(|ended| format!("{ended:?}")).unwrap();
    let mut connection = Connection::open(serve.address).unwrap();
    let mut send = |path: &str, token: &str, body: serde_json::Value| {
        let json = [("Content-Type", "application/json")];
        connection.send(("POST", path), token, &json, &body.to_string()).unwrap().json()
    };
    let login = json!({"login": "bos", "password": "kata-sandi-panjang"});
    let token = send("/api/v1/auth/login", "", login)["token"].as_str().unwrap().to_owned();
    let mut outcome = || {
        let supposed = json!({"payer": "bos", "bank_code": "009", "account_number": "1",
            "amount": 50_000});
        send("/api/v1/admin/screen-preview", &token, supposed)["outcome"].clone()
    };
    let hang_up = || {
        let pid = serve.pid().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    assert_eq!(outcome(), "accept");
    write("[[screening.rules]]\nname = 'large'\noutcome = 'deny'\namount_above = 10000\n");
    hang_up();
    until(|| outcome() == "deny");
    write("[[screening.rules]]\nname = 'large'\n");
    hang_up();
    until(|| std::fs::read_to_string(&stderr).unwrap().contains("the old screening rules stay"));
    assert_eq!(outcome(), "deny");
    serve.terminate();
    assert_eq!(serve.ended().0.code(), Some(0));
}
