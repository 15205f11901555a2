//! The demo's payment provider: a simulated Midtrans, its key, and how the gateway reaches it.
//!
//! The provider has to know where the gateway listens, and the gateway where the provider does. So
//! the gateway's socket is bound first, the provider is started with its address, and the gateway
//! opens once the provider listens. What is told to the gateway before that waits in the socket.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Failure;
use super::banks::{part, private_directory, write};
use super::parts::{Parts, Ready};
use crate::config::Midtrans;
use crate::connector::tls;
use crate::identity::vault::new_key_token;
use crate::limits::{BANK_IN_FLIGHT_MAX, CHARGE_SWEEPS_PER_SECOND};
use crate::outbound::Url;

/// Where the gateway is told of payments.
const NOTIFICATIONS: &str = "/api/v1/notifications/midtrans";
/// How long the provider may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Nobody who tries a demo waits for an hour.
const ASK_WITHIN: Duration = Duration::from_secs(15);

/// Starts the provider, which tells the gateway at `gateway` of what is paid.
pub(super) async fn open(
    data: &Path,
    gateway: SocketAddr,
    parts: &mut Parts,
) -> Result<Ready, Failure> {
    let directory = data.join("provider");
    private_directory(&directory)?;
    let key = key_file(data);
    if !key.exists() {
        write(&key, new_key_token().expose())?;
    }
    let book = directory.join("book.ndjson");
    let make = move |listen| -> Result<Command, Failure> {
        let mut command = part(&["simulate", "midtrans"], listen)?;
        command.arg("--server-key-file").arg(&key).arg("--book").arg(&book);
        command.args(["--notify", &format!("http://{gateway}{NOTIFICATIONS}")]);
        Ok(command)
    };
    parts.start("payment provider", "midtrans", Box::new(make))?.ready().await
}

fn key_file(data: &Path) -> PathBuf {
    data.join("provider").join("server-key")
}

/// How the gateway reaches a provider that is open.
pub(super) fn config(data: &Path, provider: Ready) -> Result<Midtrans, Failure> {
    Ok(Midtrans {
        base: Url::parse(&format!("http://{}", provider.address)).map_err(Failure::failed)?,
        server_key_file: key_file(data),
        client_key: None,
        tls: tls::Settings { oldest: tls::Oldest::Tls12, roots: None, client: None },
        answer_within: ANSWER_WITHIN,
        questions_per_second: CHARGE_SWEEPS_PER_SECOND,
        in_flight_max: BANK_IN_FLIGHT_MAX,
        ask_within: Some(ASK_WITHIN),
    })
}

/// How money comes in: a charge that is paid at the provider, and told three times.
pub(super) fn walk_through(url: &str, provider: Ready) -> String {
    let provider = provider.address;
    format!(
        "Ani tops up by a virtual account of BCA. You are her bank, and pay to its number:

  PROVIDER=http://{provider}
  NUMBER=$(curl -s {url}/api/v1/topups/virtual-account -H \"Authorization: Bearer $TOKEN\" \\
    -H 'Content-Type: application/json' -H 'Idempotency-Key: isi-1' \\
    -d '{{\"amount\":50000,\"payment_type\":\"bank_transfer\",\"bank\":\"bca\"}}' | sed 's/.*\"va_number\":\"\\([^\"]*\\)\".*/\\1/')
  curl -s $PROVIDER/simulator/pay -H 'Content-Type: application/json' -d \"{{\\\"va_number\\\":\\\"$NUMBER\\\"}}\"
  curl -s {url}/api/v1/topups -H \"Authorization: Bearer $TOKEN\"

What waits to be paid has a page too: http://{provider}/
"
    )
}
