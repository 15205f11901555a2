//! A gateway as an operator runs it: `serve` with a configuration of its own, and an administrator.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::process::{Server, free_address};
use crate::world::{PASSWORD, log_in, ready};

/// Starts a gateway below `home`, with these keys of `[server]` and everything behind it; and the
/// token of its administrator.
pub async fn serve(gerbang: &Path, home: &Path, keys: &str) -> Result<(Server, String), Failure> {
    let address = free_address()?;
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
        "[store]\ndata = {data:?}\n[books]\ntables_alone = true\n[log]\nfilter = 'error'\n[server]\n\
         listen = '{address}'\noperations_listen = ''\n{keys}"
    );
    let config = home.join("gerbang.toml");
    std::fs::write(&config, text)?;
    let mut command = Command::new(gerbang);
    command.args(["serve", "--config"]).arg(&config);
    let server = Server::spawn(command, address)?;
    ready(server.address).await?;
    let admin = log_in(server.address, "bos").await?;
    Ok((server, admin))
}

/// A file that only its owner may read.
pub fn secret(home: &Path, name: &str, text: &str) -> Result<PathBuf, Failure> {
    let path = home.join(name);
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(path)
}
