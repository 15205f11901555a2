//! What a bank service is told: a TOML file and the files it names, read once, checked whole.
//!
//! Secrets are never in the file itself: each stands in a file of its own that only its owner may
//! read, so that a configuration can be shown to anybody. Every mistake names the file and the key.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::connector::snap::call::Partner;
use crate::connector::snap::dialect::{self, Dialect};
use crate::connector::snap::sign::SigningKey;
use crate::connector::tls::{self, Identity, Oldest};
use crate::connector::{banks, bulkhead, http};
use crate::identity::secret::Secret;
use crate::limits::{
    BANK_ANSWER_SECONDS, BANK_ANSWER_SECONDS_MAX, BANK_IN_FLIGHT_MAX, CLIENT_SECRET_MIN,
    SECRET_FILE_MAX,
};
use crate::outbound::{Host, Url};
use crate::telemetry;

/// A bank service as it will run.
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether it may listen outside this machine without TLS.
    pub plain_http: bool,
    /// Its own certificate.
    pub certificate: Option<Certificate>,
    /// What is logged, as in `RUST_LOG`.
    pub log: String,
    /// The bank's name in our paths.
    pub name: String,
    /// The partner's key tokens, with which the gateway signs: two while one is replaced.
    pub keys: Vec<Secret<Vec<u8>>>,
    /// How the bank speaks.
    pub dialect: &'static Dialect,
    /// What the bank knows us by.
    pub partner: Partner,
    /// Where the bank is.
    pub base: Url,
    /// For `https`.
    pub tls: Option<Arc<ClientConfig>>,
    /// Bounds of requests to the bank.
    pub http: http::Options,
    /// Bounds of how many there are.
    pub bulkhead: bulkhead::Options,
}

/// Files of a certificate that is shown to the gateway.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The chain, leaf first.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Roots of the certificates that the gateway has to show, if it has to.
    pub clients: Option<PathBuf>,
}

/// Why a bank service does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no dialect for the bank.
    #[error("--bank: {code} is none of the banks that can be spoken to: {known}")]
    Bank {
        /// What was asked for.
        code: String,
        /// What there is.
        known: String,
    },
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML of the known shape.
    #[error("{}: {message}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// A value makes no sense.
    #[error("{}: {key}: {message}", path.display())]
    Value {
        /// Which file.
        path: PathBuf,
        /// The key with its table.
        key: &'static str,
        /// What is wrong.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    service: RawService,
    bank: RawBank,
    #[serde(default)]
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    listen: String,
    name: Option<String>,
    key_token_file: PathBuf,
    plain_http: Option<bool>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    tls_client_roots: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBank {
    base_url: String,
    client_id: String,
    client_secret_file: PathBuf,
    private_key_file: PathBuf,
    partner_id: String,
    channel_id: String,
    source_account: String,
    answer_seconds: Option<u64>,
    in_flight_max: Option<usize>,
    tls_oldest: Option<String>,
    tls_roots: Option<PathBuf>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    filter: Option<String>,
}

/// What is wrong with the value of a key.
struct Wrong(&'static str, String);

impl Settings {
    /// Reads the configuration of the service of a bank.
    ///
    /// # Errors
    /// What is wrong with it, naming file and key.
    pub fn read(bank: &str, path: &Path) -> Result<Self, Error> {
        let dialect = dialect(bank)?;
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let parse = |error: toml::de::Error| Error::Parse {
            path: path.to_owned(),
            message: error.to_string(),
        };
        let raw = toml::from_str(&text).map_err(parse)?;
        Self::of(dialect, raw).map_err(|Wrong(key, message)| Error::Value {
            path: path.to_owned(),
            key,
            message,
        })
    }

    fn of(dialect: &'static Dialect, raw: Raw) -> Result<Self, Wrong> {
        let Raw { service, bank, log } = raw;
        let base = base(&bank.base_url)?;
        let http = http::Options {
            head: answer_time(bank.answer_seconds)?,
            answer: answer_time(bank.answer_seconds)?,
            ..http::Options::standard()
        };
        let in_flight_max = bank.in_flight_max.unwrap_or(BANK_IN_FLIGHT_MAX);
        if !(1..=BANK_IN_FLIGHT_MAX).contains(&in_flight_max) {
            return Err(Wrong("bank.in_flight_max", format!("must be 1 to {BANK_IN_FLIGHT_MAX}")));
        }
        let tls = if base.secure { Some(towards_bank(&bank)?) } else { None };
        let filter = log.filter.unwrap_or_else(|| "info".to_owned());
        telemetry::check_filter(&filter).map_err(|message| Wrong("log.filter", message))?;
        Ok(Self {
            listen: service.listen.parse().map_err(|_| {
                let message = "must be an address with a port, like 127.0.0.1:9009";
                Wrong("service.listen", message.to_owned())
            })?,
            plain_http: service.plain_http.unwrap_or(false),
            certificate: certificate(&service)?,
            log: filter,
            name: name(dialect, service.name)?,
            keys: key_tokens(&service.key_token_file)?,
            dialect,
            partner: partner(dialect, bank)?,
            base,
            tls,
            http,
            bulkhead: bulkhead::Options { in_flight_max, ..bulkhead::Options::standard() },
        })
    }
}

/// The dialect of a bank.
///
/// # Errors
/// There is none; says which there are.
pub fn dialect(bank: &str) -> Result<&'static Dialect, Error> {
    dialect::of(bank).ok_or_else(|| {
        let known = dialect::ALL.map(|dialect| format!("{} ({})", dialect.bank, slug(dialect)));
        Error::Bank { code: bank.to_owned(), known: known.join(", ") }
    })
}

/// The bank's name as part of a path: `bni`.
fn slug(dialect: &Dialect) -> String {
    let name = banks::find(dialect.bank).map_or(dialect.bank, |bank| bank.name);
    name.to_ascii_lowercase().replace(' ', "-")
}

fn name(dialect: &Dialect, given: Option<String>) -> Result<String, Wrong> {
    let name = given.unwrap_or_else(|| slug(dialect));
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain && !name.is_empty() {
        return Ok(name);
    }
    Err(Wrong("service.name", "must be letters, digits and hyphens".to_owned()))
}

fn base(text: &str) -> Result<Url, Wrong> {
    let wrong = |message: &str| Wrong("bank.base_url", message.to_owned());
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if url.target != "/" {
        return Err(wrong("must have no path: the paths of a bank are in its dialect"));
    }
    let here = match &url.host {
        Host::Address(address) => address.is_loopback(),
        Host::Name(name) => name == "localhost",
    };
    if url.secure || here {
        Ok(url)
    } else {
        Err(wrong("must be https, except for a simulator on this machine"))
    }
}

fn answer_time(seconds: Option<u64>) -> Result<Duration, Wrong> {
    let seconds = seconds.unwrap_or(BANK_ANSWER_SECONDS);
    if (1..=BANK_ANSWER_SECONDS_MAX).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    Err(Wrong("bank.answer_seconds", format!("must be 1 to {BANK_ANSWER_SECONDS_MAX}")))
}

fn certificate(service: &RawService) -> Result<Option<Certificate>, Wrong> {
    let clients = service.tls_client_roots.clone();
    match (service.tls_certificate.clone(), service.tls_key.clone()) {
        (Some(chain), Some(key)) => Ok(Some(Certificate { chain, key, clients })),
        (None, None) if clients.is_some() => {
            Err(Wrong("service.tls_client_roots", "goes with service.tls_certificate".to_owned()))
        }
        (None, None) => Ok(None),
        _ => Err(Wrong("service.tls_key", "goes with service.tls_certificate".to_owned())),
    }
}

fn towards_bank(bank: &RawBank) -> Result<Arc<ClientConfig>, Wrong> {
    let oldest = match bank.tls_oldest.as_deref() {
        None | Some("1.3") => Oldest::Tls13,
        Some("1.2") => Oldest::Tls12,
        Some(_) => return Err(Wrong("bank.tls_oldest", "must be \"1.2\" or \"1.3\"".to_owned())),
    };
    let client = match (bank.tls_certificate.clone(), bank.tls_key.clone()) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (None, None) => None,
        _ => return Err(Wrong("bank.tls_key", "goes with bank.tls_certificate".to_owned())),
    };
    let settings = tls::Settings { oldest, roots: bank.tls_roots.clone(), client };
    tls::load(&settings).map_err(|error| {
        let is = |path: &Option<PathBuf>| path.as_deref() == Some(error.place());
        let key = match () {
            () if is(&bank.tls_certificate) => "bank.tls_certificate",
            () if is(&bank.tls_key) => "bank.tls_key",
            () => "bank.tls_roots",
        };
        Wrong(key, error.to_string())
    })
}

/// One key token a line; a second line is good as well, so that keys change without a gap.
fn key_tokens(path: &Path) -> Result<Vec<Secret<Vec<u8>>>, Wrong> {
    const KEY: &str = "service.key_token_file";
    let wrong = |message: String| Wrong(KEY, format!("{}: {message}", path.display()));
    let text = secret(KEY, path)?;
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let tokens: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    if !(1..=2).contains(&tokens.len()) {
        return Err(wrong("must hold one key token, or two on two lines".to_owned()));
    }
    if tokens.iter().any(|token| token.len() < CLIENT_SECRET_MIN) {
        return Err(wrong(format!("must have {CLIENT_SECRET_MIN} bytes or more")));
    }
    Ok(tokens.into_iter().map(|token| Secret::new(token.to_vec())).collect())
}

fn partner(dialect: &Dialect, bank: RawBank) -> Result<Partner, Wrong> {
    const SECRET: &str = "bank.client_secret_file";
    const KEY: &str = "bank.private_key_file";
    let client_secret = secret(SECRET, &bank.client_secret_file)?;
    let client_secret = str::from_utf8(client_secret.trim_ascii()).map_err(|_| {
        Wrong(SECRET, format!("{}: is not text", bank.client_secret_file.display()))
    })?;
    let pem = secret(KEY, &bank.private_key_file)?;
    let key = SigningKey::from_pem(&pem)
        .map_err(|error| Wrong(KEY, format!("{}: {error}", bank.private_key_file.display())))?;
    let partner = Partner {
        client_id: bank.client_id,
        client_secret: Secret::new(client_secret.to_owned()),
        key,
        partner_id: bank.partner_id,
        channel_id: bank.channel_id,
        source_account: bank.source_account,
    };
    partner.check(dialect).map_err(|message| Wrong("bank", message))?;
    Ok(partner)
}

/// The content of a file that nobody but its owner may touch.
fn secret(key: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let wrong = |message: &str| Wrong(key, format!("{}: {message}", path.display()));
    let file = File::open(path).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    // Of the open file, so that it is the one read that was looked at.
    let metadata = file.metadata().map_err(|error| wrong(&error.to_string()))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if !metadata.is_file() {
        return Err(wrong("is not a file"));
    }
    if mode & 0o077 != 0 {
        return Err(wrong(&format!("has mode {mode:04o}; it must be 0600, owner only")));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(SECRET_FILE_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    Ok(bytes)
}

/// A configuration to begin with. What stands behind a `#` may be left out.
pub fn example(dialect: &Dialect) -> String {
    let (bank, name) = (dialect.bank, slug(dialect));
    let channel = "95051".get(..*dialect.channel_id.end()).unwrap_or("95051");
    format!(
        r##"# The bank service of {bank} ({name}): gerbang bank-service --bank {bank} --config FILE

[service]
# Only the gateway connects here.
listen = "127.0.0.1:9{bank}"
# The partner's key token, as the gateway was given it; 0600. While it is replaced, a second line
# holds the other one.
key_token_file = "{name}.key-token"
# The bank's name in paths: /api/{name}/transfer
# name = "{name}"
# TLS, and roots of the certificates that the gateway has to show.
# Outside this machine it takes TLS, or a network that nobody else reads:
# plain_http = true
# tls_certificate = "service.pem"
# tls_key = "service.key"
# tls_client_roots = "gateway-roots.pem"

[bank]
# From the bank's onboarding. https, except for a simulator on this machine.
base_url = "https://bank.example"
client_id = "..."
partner_id = "..."
channel_id = "{channel}"
# The account that transfers leave from.
source_account = "1234567890"
# Secrets, each in a file of its own; 0600.
client_secret_file = "{name}.secret"
private_key_file = "{name}.private.pem"
# How long the bank may take to answer, 1 to {BANK_ANSWER_SECONDS_MAX}.
# answer_seconds = {BANK_ANSWER_SECONDS}
# Requests in flight to the bank, at most {BANK_IN_FLIGHT_MAX}.
# in_flight_max = {BANK_IN_FLIGHT_MAX}
# Oldest TLS that is spoken with it.
# tls_oldest = "1.3"
# The only roots that are believed; the system's if left out.
# tls_roots = "{name}-roots.pem"
# The certificate that the bank wants to see.
# tls_certificate = "gerbang.pem"
# tls_key = "gerbang.key"

[log]
# filter = "info"
"##
    )
}

#[cfg(test)]
mod tests;
