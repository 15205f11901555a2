//! The demo's banks and client applications: what is registered of them, and the keys in between.
//!
//! Rows come from `data/banks.json` and go in through the API. Every key is made for this demo, in
//! files that only their owner may read. What is there already stays: a start that was cut off is
//! finished by the next.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Failure;
use super::parts::{Parts, Ready, Starting};
use super::registrar::Registrar;
use crate::connector::snap::dialect;
use crate::identity::private_file;
use crate::identity::vault::new_key_token;
use crate::simulator::keys::Keys;

/// The paper's rows.
const REFERENCE: &str = include_str!("../../../data/banks.json");
/// What a client's escrow account begins with, in rupiah.
pub(super) const FUNDS: u64 = 1_000_000_000;
/// Stands in a partner's row until its service listens; nothing is sent there.
pub(super) const NOWHERE: &str = "http://127.0.0.1:1";
/// What the banks call us, and our account there.
const PARTNER_ID: &str = "GERBANG";
const SOURCE_ACCOUNT: &str = "1000200030";

/// Rows as the API takes them.
#[derive(Deserialize)]
struct Reference {
    partners: Vec<Value>,
    routes: Vec<Value>,
    clients: Vec<Value>,
}

/// The banks of a running demo. Dropped, their processes end, and those of all other parts.
pub(super) struct Banks {
    directory: PathBuf,
    reference: Reference,
    parts: Parts,
    simulators: Vec<(Files, Starting)>,
}

/// What a person is told of them.
pub(super) struct Told {
    /// A line for each bank.
    pub(super) banks: Vec<String>,
    /// Each client's id, name, key token if it was made just now, and file.
    pub(super) clients: Vec<(String, String, Option<String>, PathBuf)>,
}

/// The files of a bank.
#[derive(Clone)]
struct Files {
    bank: String,
    directory: PathBuf,
}

impl Banks {
    /// Begins to start the simulators beside the `parts` there are; the banks are there once
    /// [`Banks::open`] returns.
    pub(super) fn begin(data: &Path, mut parts: Parts) -> Result<Self, Failure> {
        let reference: Reference = serde_json::from_str(REFERENCE).expect("shipped with the code");
        let directory = data.join("banks");
        private_directory(&directory)?;
        let mut simulators = Vec::new();
        for row in &reference.partners {
            let files = Files { bank: text(row, "code"), directory: directory.clone() };
            let its = files.clone();
            let make = Box::new(move |listen| its.simulator(listen));
            let starting = parts.start("bank simulator", &files.bank, make)?;
            simulators.push((files, starting));
        }
        Ok(Self { directory, reference, parts, simulators })
    }

    /// Registers what is not registered yet, and waits until every bank can be reached.
    pub(super) async fn open(&mut self, registrar: &mut Registrar<'_>) -> Result<Told, Failure> {
        let mut clients = Vec::new();
        for row in &self.reference.partners {
            let file = Files { bank: text(row, "code"), directory: self.directory.clone() };
            let mut body = row.clone();
            body["base_url"] = NOWHERE.into();
            body["disabled"] = true.into();
            registrar.keyed("partners", &body, &file.key_token()).await?;
        }
        for row in &self.reference.routes {
            registrar.route(row).await?;
        }
        for row in &self.reference.clients {
            let (id, name) = (text(row, "id"), text(row, "name"));
            let file = self.directory.join(format!("client-{id}.key-token"));
            let token = registrar.keyed("clients", row, &file).await?;
            registrar.fund(&text(row, "user"), FUNDS).await?;
            clients.push((id, name, token, file));
        }
        let mut services = Vec::new();
        for (files, simulator) in self.simulators.drain(..) {
            let simulator = simulator.ready().await?;
            files.configure(simulator.address)?;
            let its = files.clone();
            let make = Box::new(move |listen| its.service(listen));
            let starting = self.parts.start("bank service", &files.bank, make)?;
            services.push((files.bank, simulator, starting));
        }
        let mut banks = Vec::new();
        for (bank, simulator, service) in services {
            let service = service.ready().await?;
            registrar.point(&bank, service.address).await?;
            banks.push(line_of(&bank, simulator, service));
        }
        Ok(Told { banks, clients })
    }
}

fn line_of(bank: &str, simulator: Ready, service: Ready) -> String {
    let part = |ready: Ready| format!("http://{} (process {})", ready.address, ready.process);
    format!("{bank} service {}, bank {}", part(service), part(simulator))
}

impl Files {
    fn file(&self, what: &str) -> PathBuf {
        self.directory.join(format!("{}-{what}", self.bank))
    }

    fn key_token(&self) -> PathBuf {
        self.file("key-token")
    }

    /// How the simulator is started. Its keys are made before its first start.
    fn simulator(&self, listen: SocketAddr) -> Result<Command, Failure> {
        let private = self.file("private.pem");
        if !private.exists() {
            let keys = Keys::generate();
            write(&self.file("secret"), new_key_token().expose())?;
            write(&self.file("public.pem"), &keys.public)?;
            // The last of them: if it is there, all are.
            write(&private, keys.private.expose())?;
        }
        let mut command = part(&["simulate", "bank", "--bank", &self.bank], listen)?;
        command.args(["--client-id", PARTNER_ID]);
        command.args(["--partner-id", PARTNER_ID, "--source-account", SOURCE_ACCOUNT]);
        for (argument, what) in
            [("--key", "public.pem"), ("--client-secret-file", "secret"), ("--book", "book.ndjson")]
        {
            command.arg(argument).arg(self.file(what));
        }
        Ok(command)
    }

    /// Writes the configuration of the service, which is to reach its bank at `simulator`.
    fn configure(&self, simulator: SocketAddr) -> Result<(), Failure> {
        let path = |what| self.file(what).display().to_string();
        let config = json!({
            "service": {"listen": "127.0.0.1:0", "key_token_file": path("key-token")},
            "bank": {
                "base_url": format!("http://{simulator}"),
                "client_id": PARTNER_ID,
                "partner_id": PARTNER_ID,
                "channel_id": self.channel(),
                "source_account": SOURCE_ACCOUNT,
                "client_secret_file": path("secret"),
                "private_key_file": path("private.pem"),
            },
            "log": {"filter": "warn"},
        });
        let config = toml::to_string_pretty(&config).map_err(Failure::failed)?;
        // Written anew at each start, so it need not outlast a power cut as keys must.
        let mut file = OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600);
        let file = file.open(self.file("service.toml"));
        file.and_then(|mut file| file.write_all(config.as_bytes())).map_err(Failure::failed)
    }

    /// As many digits as the bank takes.
    fn channel(&self) -> &'static str {
        let digits = dialect::of(&self.bank).map_or(5, |dialect| *dialect.channel_id.end());
        "95051".get(..digits).unwrap_or("95051")
    }

    fn service(&self, listen: SocketAddr) -> Result<Command, Failure> {
        let mut command = part(&["bank-service", "--bank", &self.bank], listen)?;
        command.arg("--config").arg(self.file("service.toml"));
        Ok(command)
    }
}

/// Makes a directory for its owner only.
pub(super) fn private_directory(directory: &Path) -> Result<(), Failure> {
    let mut private = DirBuilder::new();
    private.recursive(true).mode(0o700).create(directory).map_err(Failure::failed)
}

/// This very binary as a part that ends with the demo.
pub(super) fn part(arguments: &[&str], listen: SocketAddr) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe().map_err(Failure::failed)?);
    command.args(arguments).args(["--stop-at-eof", "--listen", &listen.to_string()]);
    Ok(command)
}

/// Writes a file that only its owner may read.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    private_file::replace(path, text.as_bytes()).map_err(Failure::failed)
}

/// A text of a reference row.
pub(super) fn text(row: &Value, field: &str) -> String {
    row.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
