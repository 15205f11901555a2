//! A gateway as it is served, over a store whose pieces are small: with three buyers, a merchant,
//! and seals and checkpoints every moment.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::{Value, json};

use super::demo::{Client, Demo, OPENING, PASSWORD, gerbang};

/// Who pays.
pub(super) const BUYERS: [&str; 3] = ["ani", "budi", "citra"];

/// A long one, so that history grows.
pub(super) const NOTE: &str = match std::str::from_utf8(&[b'n'; 255]) {
    Ok(note) => note,
    Err(_) => "",
};

/// Where it is kept, from one start to the next.
pub(super) struct Till {
    home: PathBuf,
    data: PathBuf,
    /// Whether it goes on with the copy of a store.
    restored: bool,
}

impl Till {
    /// Nothing yet, below `home`; with `segment_bytes` and `checkpoint_entries`.
    pub(super) fn new(home: &Path, (segment_bytes, checkpoint_entries): (u32, u32)) -> Self {
        Self::at(home, home.join("data"), (segment_bytes, checkpoint_entries))
    }

    /// The same, its store elsewhere.
    pub(super) fn at(home: &Path, data: PathBuf, pieces: (u32, u32)) -> Self {
        let (segment_bytes, checkpoint_entries) = pieces;
        let text = format!(
            "[server]\nlisten = '127.0.0.1:0'\noperations_listen = ''\n[store]\ndata = {data:?}\n\
             segment_bytes = {segment_bytes}\ncheckpoint_entries = {checkpoint_entries}\n\
             [log]\nfilter = 'error'\n"
        );
        std::fs::write(home.join("gerbang.toml"), text).unwrap();
        Self { home: home.to_owned(), data, restored: false }
    }

    /// Goes on with the copy of a store, as the operator says each time.
    pub(super) fn restored(self) -> Self {
        Self { restored: true, ..self }
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// Starts it and does not wait.
    pub(super) fn spawn(&self, mut command: Command) -> (Child, PathBuf) {
        let stderr = self.home.join("stderr");
        let child = command
            .args(["serve", "--config"])
            .arg(self.home.join("gerbang.toml"))
            .args(self.restored.then_some("--restored"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        (child, stderr)
    }

    /// Starts it with a command that ends in the path of the binary, and waits until it is ready.
    pub(super) fn start_under(&self, command: Command) -> Result<Demo, (ExitStatus, String)> {
        let (child, stderr) = self.spawn(command);
        Demo::ready(child, stderr)
    }

    /// Starts it as it is.
    pub(super) fn start(&self) -> Demo {
        self.start_under(gerbang()).map_err(|ended| format!("{ended:?}")).unwrap()
    }

    /// Makes everybody, with Rp1.000.000 for each buyer.
    pub(super) fn populate(&self) {
        let mut child = gerbang()
            .args(["admin", "create-user", "admin", "--role", "admin", "--name", "Admin"])
            .args(["--email", "admin@contoh.id", "--data"])
            .arg(&self.data)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let till = self.start();
        let mut admin = till.client("admin").unwrap();
        for username in BUYERS.into_iter().chain(["warung"]) {
            let role = if username == "warung" { "merchant" } else { "buyer" };
            let user = json!({"username": username, "name": username, "role": role,
                "email": format!("{username}@contoh.id"), "password": PASSWORD});
            assert_eq!(admin.post("/api/v1/auth/signup", &user), 201);
        }
        for to in BUYERS {
            let top_up = json!({"to": to, "amount": OPENING});
            assert_eq!(admin.post("/api/v1/admin/topups", &top_up), 201);
        }
        till.terminate();
        assert_eq!(till.ended().0.code(), Some(0));
    }

    /// How many segments are sealed, and which checkpoint is the newest.
    pub(super) fn pieces(&self) -> (usize, Option<String>) {
        let names = |directory: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(directory).into_iter().flatten();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        let checkpoints =
            names(&self.data).into_iter().filter(|name| name.starts_with("checkpoint-"));
        (names(&self.data.join("history")).len(), checkpoints.max())
    }
}

impl Client {
    /// Sends something; the status of the answer.
    pub(super) fn post(&mut self, path: &str, body: &Value) -> u16 {
        let answer = self.send(("POST", path), body).unwrap();
        answer.status
    }
}
