//! `gerbang simulate bank` as a process: ready, spoken to, stopped, and still knowing its book.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gerbang::clock::Clock;
use gerbang::connector::snap::call::{self, Call, Partner};
use gerbang::connector::snap::dialect;
use gerbang::connector::snap::sign::SigningKey;
use gerbang::identity::secret::Secret;
use gerbang::simulator::keys::Keys;

use super::demo::gerbang;
use crate::client::Connection;

/// A simulated bank in a process of its own.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(home: &Path) -> Self {
        let mut child = command(home)
            .args(["--bank", "014", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("gerbang bank 014 is ready on http://").unwrap();
        Self { address: address.parse().unwrap(), child }
    }

    fn send(&self, call: &Call) -> (u16, String) {
        let headers: Vec<(&str, &str)> =
            call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut connection = Connection::open(self.address).unwrap();
        let answer = connection.send(("POST", call.path), "", &headers, &call.body).unwrap();
        (answer.status, answer.body)
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
    command.args(["simulate", "bank", "--client-id", "gerbang"]);
    for (argument, file) in
        [("--key", "pub"), ("--client-secret-file", "secret"), ("--book", "book")]
    {
        command.arg(argument).arg(home.join(file));
    }
    command.stdin(Stdio::null());
    command
}

fn partner(home: &Path) -> Partner {
    let keys = Keys::generate();
    std::fs::write(home.join("pub"), &keys.public).unwrap();
    std::fs::write(home.join("secret"), "rahasia\n").unwrap();
    Partner {
        client_id: "gerbang".to_owned(),
        client_secret: Secret::new("rahasia".to_owned()),
        key: SigningKey::from_pem(keys.private.expose().as_bytes()).unwrap(),
        partner_id: "GERBANG".to_owned(),
        channel_id: "95051".to_owned(),
        source_account: "1000200030".to_owned(),
    }
}

#[test]
fn a_simulated_bank_gives_a_token_and_stops_well() {
    let home = tempfile::tempdir().unwrap();
    let partner = partner(home.path());
    let running = Running::start(home.path());
    let dialect = dialect::of("014").unwrap();
    let (status, body) = running.send(&call::token(dialect, &partner, Clock::system().now()));
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("accessToken"));
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn mistakes_are_named_before_anything_listens() {
    let home = tempfile::tempdir().unwrap();
    partner(home.path());
    let complaint = |arguments: &[&str]| {
        let output = command(home.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(complaint(&["--bank", "999"]).contains("--bank"));
    assert!(complaint(&["--bank", "009", "--faults", "30%"]).contains("--faults"));
    assert!(complaint(&["--bank", "009", "--listen", "203.0.113.1:1"]).contains("--listen"));
    std::fs::write(home.path().join("secret"), "\n").unwrap();
    assert!(complaint(&["--bank", "009"]).contains("--client-secret-file"));
    std::fs::write(home.path().join("pub"), "nonsense").unwrap();
    assert!(complaint(&["--bank", "009"]).contains("--key"));
    std::fs::remove_file(home.path().join("pub")).unwrap();
    assert!(complaint(&["--bank", "009"]).contains("cannot read"));
}
