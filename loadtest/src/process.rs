//! Servers of a run, as processes of their own: started, waited for, and stopped at the end
//! whatever happens.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Failure;

/// A child process that ends with its owner.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// `gerbang demo` on a free port over `data`.
    pub fn gerbang(binary: &Path, data: &Path) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command.arg("demo").arg("--data").arg(data);
        Self::start(command, address)
    }

    /// The raw echo on a free port.
    pub fn echo(bytes: usize) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("echo").arg("--bytes").arg(bytes.to_string());
        Self::start(command, address)
    }

    /// A command that takes where to listen behind everything else.
    pub fn start(mut command: Command, address: SocketAddr) -> Result<Self, Failure> {
        command.arg("--listen").arg(address.to_string());
        Self::spawn(command, address)
    }

    /// A command that knows already that it is to listen at `address`.
    pub fn spawn(mut command: Command, address: SocketAddr) -> Result<Self, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(|error| Failure(format!("{name}: {error}")))?;
        Ok(Self { address, child })
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> Result<u64, Failure> {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        pages.map(|pages| pages * 4096).ok_or_else(|| Failure("statm is malformed".to_owned()))
    }

    /// Processor time used so far, user and system, in hundredths of a second.
    pub fn processor(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let text = text.unwrap_or_default();
        let rest = text.rsplit(')').next().unwrap_or_default();
        let fields: Vec<u64> = rest.split(' ').map(|it| it.parse().unwrap_or(0)).collect();
        fields.iter().skip(12).take(2).sum()
    }

    /// Asks it to stop, as an operator would, and waits for that.
    pub fn stop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").arg("-TERM").arg(id).status();
        for _ in 0..600 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Where the product's binary is looked for if nobody says.
pub fn default_binary() -> PathBuf {
    PathBuf::from("target/release/gerbang")
}
