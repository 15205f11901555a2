//! `gerbang simulate midtrans` as a process: ready, charged, paid, stopped, and still knowing it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::demo::gerbang;
use crate::client::Connection;

const KEY: &str = "SB-Mid-server-abc123cde456\n";
const BASIC: &str = "Basic U0ItTWlkLXNlcnZlci1hYmMxMjNjZGU0NTY6";

/// A simulated provider in a process of its own.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(home: &Path) -> Self {
        let mut child =
            command(home).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("gerbang midtrans is ready on http://").unwrap();
        Self { address: address.parse().unwrap(), child }
    }

    fn send(&self, route: (&str, &str), body: &str) -> (u16, Value) {
        let headers = [("authorization", BASIC), ("content-type", "application/json")];
        let mut connection = Connection::open(self.address).unwrap();
        let answer = connection.send(route, "", &headers, body).unwrap();
        (answer.status, answer.json())
    }

    /// SIGTERM, and its exit code.
    fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that did not has waited for the end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(home: &Path) -> Command {
    let mut command = gerbang();
    command.args(["simulate", "midtrans", "--server-key-file"]).arg(home.join("key"));
    command.arg("--book").arg(home.join("book")).stdin(Stdio::null());
    command
}

#[test]
fn a_charge_is_paid_and_remembered_over_a_restart() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("key"), KEY).unwrap();
    let running = Running::start(home.path());
    let charge = r#"{"payment_type": "echannel",
        "transaction_details": {"order_id": "rent-1", "gross_amount": 1500000},
        "echannel": {"bill_info1": "Payment:", "bill_info2": "Rent"}}"#;
    let (status, told) = running.send(("POST", "/v2/charge"), charge);
    assert_eq!((status, &told["status_code"]), (200, &Value::from("201")), "{told}");
    let pay = serde_json::json!({"bill_key": told["bill_key"]}).to_string();
    assert_eq!(running.send(("POST", "/simulator/pay"), &pay).0, 200);
    assert_eq!(running.stop(), Some(0));
    let running = Running::start(home.path());
    let (_, told) = running.send(("GET", "/v2/rent-1/status"), "");
    assert_eq!(told["transaction_status"], "settlement");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn mistakes_are_named_before_anything_listens() {
    let home = tempfile::tempdir().unwrap();
    let complaint = |arguments: &[&str]| {
        let output = command(home.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(complaint(&[]).contains("--server-key-file"));
    std::fs::write(home.path().join("key"), "short\n").unwrap();
    let said = complaint(&[]);
    assert!(said.contains("--server-key-file") && !said.contains("short"), "{said}");
    std::fs::write(home.path().join("key"), KEY).unwrap();
    assert!(complaint(&["--notify", "ftp://x"]).contains("--notify"));
    assert!(complaint(&["--public-url", "pay"]).contains("--public-url"));
    assert!(complaint(&["--faults", "2"]).contains("--faults"));
    assert!(complaint(&["--listen", "203.0.113.1:1"]).contains("--listen"));
    std::fs::write(home.path().join("book"), "nonsense\n").unwrap();
    assert!(complaint(&[]).contains("--book"));
}
