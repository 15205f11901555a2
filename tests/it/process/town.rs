//! A gateway, three bank services and three simulated banks, each a process of its own, set up as an
//! operator would.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use gerbang::simulator::keys::Keys;
use serde_json::json;

use super::demo::{Demo, gerbang};
use crate::client::Connection;

/// Code, name in paths, channel id.
pub(super) const BANKS: [(&str, &str, &str); 3] =
    [("009", "bni", "95051"), ("014", "bca", "95051"), ("008", "mandiri", "9505")];
/// What the escrow account begins with.
pub(super) const FUNDS: u64 = 1_000_000_000;
/// How long the bank services wait for their bank, and the gateway for an end, in seconds.
const PATIENCE: u64 = 1;
/// Longer than any request of this town can be on its way: a second at each bulkhead, the wait for a
/// token, and what the bank holds back.
const FINAL_AFTER: u64 = 20;

/// A process that has said where it listens.
pub(super) struct Running {
    child: Child,
    pub(super) address: SocketAddr,
    /// Kept open for what it says later.
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(super) fn start(mut command: Command, stderr: &Path) -> Self {
        let stderr = OpenOptions::new().create(true).append(true).open(stderr).unwrap();
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("{command:?}: {line}")).trim();
        Self { address: address.parse().unwrap(), child, _stdout: stdout }
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All of it, below one directory.
pub(super) struct Town {
    home: PathBuf,
    services: Vec<Running>,
    simulators: Vec<Running>,
    /// The client's key token.
    pub(super) key: String,
}

impl Town {
    /// Everything but the gateway; `faults` of the calls to the banks go wrong.
    pub(super) fn build(home: &Path, faults: &str) -> Self {
        let home = home.to_owned();
        let (services, simulators) = (Vec::new(), Vec::new());
        let mut town = Self { home, services, simulators, key: String::new() };
        town.make_administrator();
        for (place, (code, name, channel)) in BANKS.into_iter().enumerate() {
            let priority = (place + 1).to_string();
            let set = |town: &Self, url: &str| {
                let words = ["partner", "set", code, "--name", name, "--priority", &priority];
                town.admin(&[&words[..], &["--base-url", url]].concat())
            };
            let key = set(&town, "http://127.0.0.1:1");
            town.secret(&format!("{name}.key-token"), key.lines().last().unwrap());
            town.open_bank((code, name, channel), (faults, place));
            set(&town, &format!("http://{}", town.services[place].address));
            let (local, usage) = (format!("/api/{name}/transfer"), "https://bank.example");
            town.admin(&["route", "set", code, "--local", &local, "--external", usage]);
        }
        let words = ["route", "set", "009", "--interbank", "--local", "/api/bni/transferInterbank"];
        town.admin(
            &[&words[..], &["--external", "https://bank.example", "--fee", "6500"]].concat(),
        );
        let words = ["client", "set", "2", "--name", "IKI", "--account-number", "0847652590"];
        let allow = ["--account-name", "IKIMODAL", "--allow", "127.0.0.1"];
        let key = town.admin(&[&words[..], &allow].concat());
        town.key = key.lines().last().unwrap().to_owned();
        town
    }

    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// The book of a simulated bank.
    pub(super) fn book(&self, name: &str) -> PathBuf {
        self.home.join(format!("{name}.book"))
    }

    /// Starts the gateway.
    pub(super) fn serve(&self) -> Demo {
        let config = self.home.join("gerbang.toml");
        let data = self.data();
        let text = format!(
            "[server]\nlisten = '127.0.0.1:0'\noperations_listen = ''\n[store]\ndata = {data:?}\n\
             [books]\ntop_up_alone_max = {FUNDS}\n\
             [banks]\nanswer_within_seconds = {PATIENCE}\nask_within_seconds = 2\n\
             not_found_is_final_seconds = {FINAL_AFTER}\nbreaker_open_seconds = 1\n[log]\nfilter = 'error'\n"
        );
        std::fs::write(&config, text).unwrap();
        let stderr = self.home.join("gateway.stderr");
        let child = gerbang()
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Demo::ready(child, stderr).map_err(|ended| format!("{ended:?}")).unwrap()
    }

    /// Gives the client's escrow account what it begins with.
    pub(super) fn fund(&self, gateway: &Demo) {
        let mut connection = Connection::open(gateway.address).unwrap();
        let token = token(&mut connection);
        let body = json!({"to": "app-2", "amount": FUNDS, "reference": "funds"}).to_string();
        let funded =
            connection.send(("POST", "/api/v1/admin/topups"), &token, &JSON, &body).unwrap();
        assert_eq!(funded.status, 201, "{}", funded.body);
    }

    /// How many payouts are open.
    pub(super) fn open_payouts(&self, gateway: &Demo) -> usize {
        let mut connection = Connection::open(gateway.address).unwrap();
        let token = token(&mut connection);
        let open = connection.send(("GET", "/api/v1/admin/payouts"), &token, &[], "").unwrap();
        open.json()["data"].as_array().unwrap().len()
    }

    /// SIGKILL for the service of a bank; it comes back where it was.
    pub(super) fn kill_service(&mut self, place: usize) {
        let address = self.services[place].address;
        self.services[place].kill();
        let (code, name, _) = BANKS[place];
        self.services[place] = self.service(code, name, address);
    }

    /// A command that has to succeed; what it said.
    pub(super) fn run(&self, words: &[&str]) -> String {
        let output = gerbang().args(words).arg("--data").arg(self.data()).output().unwrap();
        said(words, &output)
    }

    fn admin(&self, words: &[&str]) -> String {
        self.run(&[&["admin"], words].concat())
    }

    fn make_administrator(&self) {
        let password = self.secret("password", "kata-sandi-panjang");
        let words = ["admin", "create-user", "bos", "--role", "admin", "--name", "Bos"];
        let output = gerbang()
            .args(words)
            .args(["--email", "bos@contoh.id", "--data"])
            .arg(self.data())
            .stdin(File::open(password).unwrap())
            .output();
        said(&words, &output.unwrap());
    }

    /// A bank and its service, with keys of their own.
    fn open_bank(&mut self, (code, name, channel): (&str, &str, &str), faults: (&str, usize)) {
        let keys = Keys::generate();
        let key = self.secret(&format!("{name}.pub"), &keys.public);
        let private = self.secret(&format!("{name}.pem"), keys.private.expose());
        let secret = self.secret(&format!("{name}.secret"), "rahasia-yang-panjang");
        let mut command = gerbang();
        command.args([
            "simulate",
            "bank",
            "--bank",
            code,
            "--listen",
            "127.0.0.1:0",
            "--client-id",
        ]);
        command.args(["GERBANG", "--faults", faults.0, "--seed", &faults.1.to_string()]);
        command.args(["--latency-ms", "2", "--hold-ms", "1500", "--key"]).arg(key);
        command.arg("--client-secret-file").arg(&secret).arg("--book").arg(self.book(name));
        let simulator = Running::start(command, &self.home.join("simulators.stderr"));
        let token = self.home.join(format!("{name}.key-token"));
        let text = format!(
            "[service]\nlisten = '127.0.0.1:0'\nkey_token_file = {token:?}\n\
             [bank]\nbase_url = 'http://{}'\nclient_id = 'GERBANG'\npartner_id = 'GERBANG'\n\
             channel_id = '{channel}'\nsource_account = '1000200030'\n\
             client_secret_file = {secret:?}\nprivate_key_file = {private:?}\n\
             answer_seconds = {PATIENCE}\n[log]\nfilter = 'error'\n",
            simulator.address
        );
        std::fs::write(self.home.join(format!("{name}.toml")), text).unwrap();
        self.simulators.push(simulator);
        let service = self.service(code, name, "127.0.0.1:0".parse().unwrap());
        self.services.push(service);
    }

    fn service(&self, code: &str, name: &str, listen: SocketAddr) -> Running {
        let mut command = gerbang();
        command.args(["bank-service", "--bank", code, "--listen", &listen.to_string(), "--config"]);
        command.arg(self.home.join(format!("{name}.toml")));
        Running::start(command, &self.home.join("services.stderr"))
    }

    /// A file that only its owner may read.
    fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

fn token(connection: &mut Connection) -> String {
    let body = json!({"login": "bos", "password": "kata-sandi-panjang"}).to_string();
    let login = connection.send(("POST", "/api/v1/auth/login"), "", &JSON, &body).unwrap();
    login.json()["token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn said(words: &[&str], output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {told} {complaint}");
    told
}
