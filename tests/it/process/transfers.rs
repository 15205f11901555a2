//! A demo with its banks: the paper's own request through every process, parts that die and come
//! back, and nothing left behind by any of them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::demo::{Demo, gerbang};
use super::kills::verify;
use crate::client::{Connection, Received};

/// The paper's request and response.
const REQUEST: &str = r#"{"transactionId":"FDP29771029211","accountNumber":"0847652590","beneficiaryBankCode":"009","beneficiaryAccountNumber":"0115471119","amount":"2475000","remark":"Paylater - FDP29771029211"}"#;
const RESPONSE: &str = r#"{"statusCode":"000","message":"Success transfer!","data":{"referenceNumber":"FDP29771029211","accountNumber":"0847652590","accountName":"IKIMODAL","beneficiaryAccountNumber":"0115471119","beneficiaryAccountName":"ERRY JULIO","amount":"2475000"}}"#;

/// A demo, and the lines of everything that it started; they end with the last of them.
fn start(data: &Path) -> (Demo, Receiver<String>) {
    let mut child = gerbang()
        .args(["demo", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let nowhere = data.with_extension("stderr");
    std::fs::write(&nowhere, "").unwrap();
    let demo = Demo::ready(child, nowhere);
    (
        demo.map_err(|ended| format!("{ended:?} {:?}", lines.iter().collect::<Vec<_>>())).unwrap(),
        lines,
    )
}

/// Everything that was still said, once nothing of a demo is left.
fn nothing_left(lines: &Receiver<String>) -> Vec<String> {
    let mut rest = Vec::new();
    loop {
        match lines.recv_timeout(std::time::Duration::from_secs(30)) {
            Ok(line) => rest.push(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return rest,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                panic!("something lives on: {rest:?}")
            }
        }
    }
}

/// Address and process of the service of a bank, as the demo told them.
fn service(demo: &Demo, bank: &str) -> (String, String) {
    let begin = format!("  banks    {bank} service http://");
    let line = demo.said.lines().find_map(|line| line.strip_prefix(&begin)).unwrap();
    let (address, rest) = line.split_once(" (process ").unwrap();
    (address.to_owned(), rest.split(')').next().unwrap().to_owned())
}

fn client_token(data: &Path) -> String {
    let mut command = gerbang();
    command.args(["client-token", "--id", "2", "--key-file"]);
    let output = command.arg(data.join("banks/client-2.key-token")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn send(demo: &Demo, token: &str, body: &str) -> Received {
    let mut connection = Connection::open(demo.address).unwrap();
    let json = [("Content-Type", "application/json")];
    connection.send(("POST", "/api/transfer"), token, &json, body).unwrap()
}

fn kill(process: &str) {
    assert!(Command::new("kill").args(["-KILL", process]).status().unwrap().success());
}

/// How often each kind of entry of the registry stands in the journal.
fn count(data: &Path, what: &str) -> usize {
    let output = gerbang().args(["export", "--data"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().matches(what).count()
}

#[test]
fn the_papers_request_goes_through_processes_that_die_and_come_back() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let (demo, lines) = start(&data);
    let token = client_token(&data);
    let answer = send(&demo, &token, REQUEST);
    assert_eq!((answer.status, answer.body.as_str()), (200, RESPONSE));

    let (address, process) = service(&demo, "009");
    kill(&process);
    let told = lines.recv().unwrap();
    assert!(told.contains("a part has ended") && told.contains("\"009\""), "{told}");
    // It comes back where it was; until then nobody is at the door.
    let back = (0..10_000_000).any(|_| Connection::open(address.parse().unwrap()).is_ok());
    assert!(back, "the service did not come back");
    for number in 1..4 {
        let body = REQUEST.replace("FDP29771029211", &format!("AFTER-{number}"));
        let answer = send(&demo, &token, &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    demo.kill();
    assert_eq!(nothing_left(&lines), [""; 0], "parts end quietly with a demo that is killed");

    let (demo, lines) = start(&data);
    assert!(demo.said.contains("tokens   2 IKI Modal: in "), "shown once: {}", demo.said);
    let again = send(&demo, &client_token(&data), REQUEST);
    assert_eq!((again.status, again.body.as_str()), (200, RESPONSE));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = REQUEST.replace("FDP29771029211", "SECOND-DAY");
    assert_eq!(send(&demo, &client_token(&data), &other).status, 200);
    demo.terminate();
    assert_eq!(demo.ended().0.code(), Some(0));
    assert_eq!(nothing_left(&lines), [""; 0]);
    verify(&data);
    // Each partner was added, and told where its service listens in each of two lives.
    for (what, times) in [("client_set", 2), ("route_set", 4), ("partner_set", 9), ("top_up", 6)] {
        assert_eq!(count(&data, &format!("\"{what}\"")), times, "{what}");
    }
}

#[test]
fn keys_of_a_demo_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let (demo, lines) = start(&data);
    demo.terminate();
    assert_eq!(demo.ended().0.code(), Some(0));
    nothing_left(&lines);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data.join("banks")), 0o700);
    for entry in std::fs::read_dir(data.join("banks")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let is_book = name.ends_with("book.ndjson");
        assert!(is_book || mode(&entry.path()) == 0o600, "{name}");
    }
    let wrong = home.path().join("short");
    std::fs::write(&wrong, "short\n").unwrap();
    let output = gerbang().args(["client-token", "--id", "2", "--key-file"]).arg(&wrong).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}
