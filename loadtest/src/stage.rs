//! A gateway as an operator runs it: `serve` with a configuration of its own, and an administrator.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::process::{Server, free_address};
use crate::wire::{self, Wire};
use crate::world::{PASSWORD, log_in, ready};

/// A gateway below a directory, and how it is started again.
pub struct Stage {
    gerbang: PathBuf,
    config: PathBuf,
    /// Where it answers.
    pub address: SocketAddr,
    /// Where it tells how it is.
    pub operations: SocketAddr,
    /// It runs unless it was stopped.
    pub server: Server,
}

impl Stage {
    /// Starts a gateway below `home`, with these keys of `[server]` and the tables behind them.
    pub async fn open(gerbang: &Path, home: &Path, keys: &str) -> Result<Self, Failure> {
        let (address, operations) = (free_address()?, free_address()?);
        let data = home.join("data");
        let made = Command::new(gerbang)
            .args(["admin", "create-user", "bos", "--role", "admin", "--name", "Bos"])
            .args(["--email", "bos@contoh.id", "--data"])
            .arg(&data)
            .stdin(File::open(secret(home, "password", PASSWORD)?)?)
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err(Failure(format!("admin create-user: {made}")));
        }
        let text = format!(
            "[store]\ndata = {data:?}\n[books]\ntables_alone = true\nsignup_burst = 1000000\n\
             top_up_alone_max = 1000000000000000\n[log]\nfilter = 'error'\n\
             [server]\nlisten = '{address}'\noperations_listen = '{operations}'\n{keys}"
        );
        let config = home.join("gerbang.toml");
        std::fs::write(&config, text)?;
        let server = start(gerbang, &config, address).await?;
        let (gerbang, config) = (gerbang.to_owned(), config.clone());
        Ok(Self { gerbang, config, address, operations, server })
    }

    /// The token of its administrator.
    pub async fn administrator(&self) -> Result<String, Failure> {
        log_in(self.address, "bos").await
    }

    /// Stops it and starts it on what it left.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        self.server.stop();
        self.server = start(&self.gerbang, &self.config, self.address).await?;
        Ok(())
    }

    /// A figure that it tells of itself.
    pub async fn metric(&self, name: &str) -> Result<u64, Failure> {
        let mut wire = Wire::connect(self.operations).await?;
        let answer = wire.exchange(&wire::request("GET /metrics", None, "", b"")).await?;
        let text = String::from_utf8_lossy(wire.body(&answer)).into_owned();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.ok_or_else(|| Failure(format!("there is no metric {name}")))
    }
}

async fn start(gerbang: &Path, config: &Path, address: SocketAddr) -> Result<Server, Failure> {
    let mut command = Command::new(gerbang);
    command.args(["serve", "--config"]).arg(config);
    let server = Server::spawn(command, address)?;
    ready(address).await?;
    Ok(server)
}

/// A file that only its owner may read.
pub fn secret(home: &Path, name: &str, text: &str) -> Result<PathBuf, Failure> {
    let path = home.join(name);
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(path)
}
