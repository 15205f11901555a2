//! `gerbang bank-service` as a process: its start, its mistakes, its end.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::demo::gerbang;
use crate::bank_service::bank::PRIVATE_PEM;
use crate::client::Connection;

fn secret(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn bank_service(config: &Path) -> Command {
    let mut command = gerbang();
    command.args(["bank-service", "--bank", "009", "--config"]).arg(config);
    command
}

#[test]
fn the_printed_configuration_becomes_a_running_service() {
    let home = tempfile::tempdir().unwrap();
    let printed = gerbang().args(["bank-service", "--bank", "009", "--print-config"]).output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    assert!(printed.contains("base_url") && printed.contains("client_secret_file"), "{printed}");
    let config = home.path().join("bni.toml");
    let text = printed
        .replace("127.0.0.1:9009", "127.0.0.1:0")
        .replace("https://bank.example", "http://127.0.0.1:9")
        .replace("\"...\"", "\"GERBANG\"");
    std::fs::write(&config, &text).unwrap();

    let output = bank_service(&config).current_dir(home.path()).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    for part in ["bni.toml", "service.key_token_file", "bni.key-token"] {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }

    secret(&home.path().join("bni.key-token"), "kunci-mitra-yang-cukup-panjang-012345");
    secret(&home.path().join("bni.secret"), "rahasia");
    secret(&home.path().join("bni.private.pem"), &PRIVATE_PEM);
    let mut child = bank_service(&config)
        .current_dir(home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let address = said.trim().strip_prefix("gerbang bank-service is ready on http://");
    let address = address.and_then(|rest| rest.strip_suffix("/api/bni"));
    let address = address.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
    let mut connection = Connection::open(address).unwrap();
    let live = connection.send(("GET", "/health/live"), "", &[], "").unwrap();
    assert_eq!((live.status, live.body.as_str()), (200, "{\"status\":\"live\"}"));
    let bare = connection.send(("POST", "/api/bni/transfer"), "", &[], "{}").unwrap();
    assert_eq!(bare.status, 401);
    drop(connection);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn mistakes_end_with_two() {
    let unknown = gerbang().args(["bank-service", "--bank", "999", "--print-config"]).output();
    let unknown = unknown.unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(complaint.contains("--bank") && complaint.contains("009 (bni)"), "{complaint}");
    let missing = bank_service(Path::new("/none.toml")).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/none.toml"));
    let bare = gerbang().args(["bank-service", "--bank", "009"]).output().unwrap();
    assert_eq!(bare.status.code(), Some(2));
}
