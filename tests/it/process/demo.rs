//! A running demo, and a client of it that keeps account of what it asked for.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::{Value, json};

use super::checker::{Asked, Told};
use crate::client::{Connection, Received};

/// What each demo buyer begins with.
pub(super) const OPENING: u64 = 1_000_000;
/// The password of every demo user.
pub(super) const PASSWORD: &str = "gerbang-demo";

pub(super) fn gerbang() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gerbang"));
    command.env("RUST_BACKTRACE", "0");
    command
}

/// A demo over a directory that the test keeps.
pub(super) struct Demo {
    child: Child,
    /// Kept open: a demo whose reader has gone away is another test.
    _stdout: BufReader<ChildStdout>,
    stderr: PathBuf,
    /// What it said until it was ready.
    pub(super) said: String,
    pub(super) address: SocketAddr,
}

impl Demo {
    /// Starts a demo and waits until it is ready; else its exit status and what it complained of.
    pub(super) fn start(data: &Path) -> Result<Self, (ExitStatus, String)> {
        Self::start_under(gerbang(), data)
    }

    /// [`Demo::start`] with a command that ends in the path of the binary.
    pub(super) fn start_under(command: Command, data: &Path) -> Result<Self, (ExitStatus, String)> {
        let (child, stderr) = Self::spawn(command, data);
        Self::ready(child, stderr)
    }

    /// Waits until a child is ready; else its exit status and what it complained of.
    pub(super) fn ready(mut child: Child, stderr: PathBuf) -> Result<Self, (ExitStatus, String)> {
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut said, mut line) = (String::new(), String::new());
        while stdout.read_line(&mut line).unwrap() > 0 {
            if let Some(address) = line.trim().strip_prefix("gerbang is ready on http://") {
                let address = address.parse().unwrap();
                return Ok(Self { child, _stdout: stdout, stderr, said, address });
            }
            said.push_str(&line);
            line.clear();
        }
        let status = child.wait().unwrap();
        Err((status, std::fs::read_to_string(stderr).unwrap()))
    }

    /// Starts a demo and does not wait.
    pub(super) fn spawn(mut command: Command, data: &Path) -> (Child, PathBuf) {
        let stderr = data.with_extension("stderr");
        let child = command
            .args(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        (child, stderr)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, without waiting for what follows.
    pub(super) fn terminate(&self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for its end; what it complained of.
    pub(super) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, std::fs::read_to_string(&self.stderr).unwrap())
    }

    /// A connection of a demo user.
    pub(super) fn client(&self, login: &str) -> std::io::Result<Client> {
        let mut connection = Connection::open(self.address)?;
        let body = json!({"login": login, "password": PASSWORD}).to_string();
        let answer = connection.send(("POST", "/api/v1/auth/login"), "", &JSON, &body)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        Ok(Client { connection, token, login: login.to_owned(), note: "" })
    }

    /// Another connection of somebody who has logged in.
    pub(super) fn again(&self, client: &Client) -> std::io::Result<Client> {
        let connection = Connection::open(self.address)?;
        let (token, login) = (client.token.clone(), client.login.clone());
        Ok(Client { connection, token, login, note: client.note })
    }

    /// The status of a login with a wrong password.
    pub(super) fn guess(&self, login: &str) -> u16 {
        let body = json!({"login": login, "password": "kata-sandi-salah"}).to_string();
        let mut connection = Connection::open(self.address).unwrap();
        connection.send(("POST", "/api/v1/auth/login"), "", &JSON, &body).unwrap().status
    }

    /// What a demo user has.
    pub(super) fn balance(&self, login: &str) -> u64 {
        let mut client = self.client(login).unwrap();
        let token = client.token.clone();
        let answer = client.connection.send(("GET", "/api/v1/balance"), &token, &[], "").unwrap();
        answer.json()["balance"].as_u64().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that did not has waited for the end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

/// A logged-in user of a demo.
pub(super) struct Client {
    connection: Connection,
    token: String,
    pub(super) login: String,
    /// Stands in every payment.
    note: &'static str,
}

impl Client {
    /// With something in every payment.
    pub(super) fn noting(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    pub(super) fn send(&mut self, call: (&str, &str), body: &Value) -> std::io::Result<Received> {
        self.connection.send(call, &self.token, &JSON, &body.to_string())
    }

    /// Pays, or finds out what became of a payment. No answer if the connection broke.
    pub(super) fn pay(&mut self, asked: &Asked) -> Option<Told> {
        let body = json!({"to": "warung", "amount": asked.amount, "note": self.note,
            "reference": asked.reference});
        let answer = self.send(("POST", "/api/v1/payments"), &body).ok()?;
        let replayed = answer.header("idempotency-replayed") == Some("true");
        Some(Told { status: answer.status, body: answer.body, replayed })
    }
}
