//! What an operator decides: a TOML file, read once, checked whole before anything opens.
//!
//! `RawConfig` is the file as written; [`Config`] is what it means. Defaults stand here and nowhere
//! else, each with its reason. What is not for an operator to change is in `limits.rs`.

mod banks;
mod codes;
mod midtrans;
mod store;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::banks::Banks;
pub use self::codes::{Codes, Sender, Smtp, Webhook};
pub use self::midtrans::Midtrans;
pub use self::store::Pieces;

use self::banks::RawBanks;
use self::codes::RawCodes;
use self::midtrans::RawMidtrans;
use self::store::RawStore;
use crate::gateway::payout::callbacks;
use crate::gateway::screening::{RawScreening, Rules};
use crate::identity::allow::Range;
use crate::ledger::event::AccountKind;
use crate::ledger::money::{Amount, BasisPoints, Currency};
use crate::ledger::policy::{Policies, Policy};
use crate::outbound::{NotAUrl, Url};
use crate::{limits, telemetry};

/// A configuration as it will be followed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where merchants and payers reach the API, without a slash at the end.
    pub public_url: String,
    /// Where `/metrics` and health are answered, if apart from the API.
    pub operations_listen: Option<SocketAddr>,
    /// Certificate chain and key, both PEM.
    pub tls: Option<TlsFiles>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<Range>,
    /// Origins whose pages may open a WebSocket.
    pub origins: Vec<String>,
    /// The data directory.
    pub data: PathBuf,
    /// In which pieces the books are kept.
    pub pieces: Pieces,
    /// The currency where a request names none.
    pub currency: Currency,
    /// The offset from UTC of times in answers, in seconds.
    pub offset_seconds: i32,
    /// Whether anyone may sign up.
    pub signup: bool,
    /// Sign-ups of one network at once.
    pub signup_burst: u32,
    /// What the house keeps of a payment to a merchant.
    pub merchant_fee: BasisPoints,
    /// A top-up by an administrator above this waits for another administrator.
    pub top_up_alone_max: Option<Amount>,
    /// Whether one administrator may change partners, routes and clients without another. Not by
    /// default: such a change says where money goes (ASVS 2.3.5).
    pub tables_alone: bool,
    /// Limits on what comes in.
    pub policies: Policies,
    /// How banks are reached.
    pub banks: Banks,
    /// The payment provider, if there is one.
    pub midtrans: Option<Midtrans>,
    /// How clients are told of ends.
    pub callbacks: callbacks::Settings,
    /// One-time codes.
    pub codes: Codes,
    /// What looks for fraud before money leaves.
    pub screening: Rules,
    /// What is logged, as in `RUST_LOG`.
    pub log: String,
}

/// Where a certificate stands.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why a configuration is not followed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    #[error("{key}: {message}")]
    Value {
        /// The key with its table.
        key: &'static str,
        /// What is wrong.
        message: String,
    },
}

/// The file as written. Every key is optional; an unknown one is an error.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    server: RawServer,
    store: RawStore,
    books: RawBooks,
    limits: Option<Vec<RawLimit>>,
    banks: RawBanks,
    midtrans: RawMidtrans,
    callbacks: RawCallbacks,
    codes: RawCodes,
    screening: RawScreening,
    log: RawLog,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RawServer {
    listen: Option<String>,
    public_url: Option<String>,
    operations_listen: Option<String>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    trusted_proxies: Option<Vec<String>>,
    origins: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RawBooks {
    currency: Option<String>,
    utc_offset: Option<String>,
    signup: Option<bool>,
    signup_burst: Option<u32>,
    merchant_fee_basis_points: Option<u16>,
    top_up_alone_max: Option<u64>,
    tables_alone: Option<bool>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawLimit {
    kind: String,
    currency: String,
    ceiling: Option<u64>,
    incoming_per_month: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RawCallbacks {
    http: Option<bool>,
    private_networks: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct RawLog {
    filter: Option<String>,
}

/// Only this machine can reach it until somebody decides otherwise.
const LISTEN: &str = "127.0.0.1:8080";
/// Metrics say how much business is done: never on the public address by itself.
const OPERATIONS_LISTEN: &str = "127.0.0.1:9090";
/// Beside where it is started.
const DATA: &str = "data/store";
/// Jakarta.
const UTC_OFFSET: &str = "+07:00";
/// Registered e-money users in Indonesia since July 2022: Rp20 million held, Rp40 million a month.
const E_MONEY_CEILING: u64 = 20_000_000;
/// See [`E_MONEY_CEILING`].
const E_MONEY_INCOMING_PER_MONTH: u64 = 40_000_000;

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, naming the key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let parse = |error: toml::de::Error| Error::Parse {
            path: path.to_owned(),
            message: error.to_string(),
        };
        Self::from_raw(toml::from_str(&text).map_err(parse)?)
    }

    /// Gives every key its meaning.
    ///
    /// # Errors
    /// The first key whose value makes no sense.
    pub fn from_raw(raw: RawConfig) -> Result<Self, Error> {
        let RawConfig {
            server,
            store,
            books,
            limits,
            banks,
            midtrans,
            callbacks,
            codes,
            screening,
            log,
        } = raw;
        let tls = match (server.tls_certificate, server.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(value("server.tls_key", "goes with server.tls_certificate")),
        };
        let operations = server.operations_listen.as_deref().unwrap_or(OPERATIONS_LISTEN);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listen = address("server.listen", server.listen.as_deref().unwrap_or(LISTEN))?;
        Ok(Self {
            public_url: match server.public_url {
                None => format!("{scheme}://{listen}"),
                Some(url) => public_url(url)?,
            },
            listen,
            operations_listen: match operations {
                "" => None,
                text => Some(address("server.operations_listen", text)?),
            },
            tls,
            proxies: ranges("server.trusted_proxies", &server.trusted_proxies.unwrap_or_default())?,
            origins: origins(server.origins.unwrap_or_default())?,
            pieces: store.pieces()?,
            data: store.data.unwrap_or_else(|| DATA.into()),
            currency: match books.currency.as_deref() {
                None => Currency::IDR,
                Some(code) => currency("books.currency", code)?,
            },
            offset_seconds: offset(books.utc_offset.as_deref().unwrap_or(UTC_OFFSET))?,
            signup: books.signup.unwrap_or(true),
            signup_burst: match books.signup_burst.unwrap_or(limits::SIGN_UPS_BURST) {
                0 => return Err(value("books.signup_burst", "must be at least 1")),
                burst => burst,
            },
            merchant_fee: BasisPoints::new(books.merchant_fee_basis_points.unwrap_or(0))
                .ok_or_else(|| value("books.merchant_fee_basis_points", "is above 10000"))?,
            top_up_alone_max: amount(
                "books.top_up_alone_max",
                Some(books.top_up_alone_max.unwrap_or(E_MONEY_CEILING)),
            )?,
            tables_alone: books.tables_alone.unwrap_or(false),
            policies: policies(limits)?,
            banks: Banks::from_raw(banks)?,
            midtrans: Midtrans::from_raw(midtrans)?,
            callbacks: callbacks::Settings {
                http: callbacks.http.unwrap_or(false),
                private: ranges(
                    "callbacks.private_networks",
                    &callbacks.private_networks.unwrap_or_default(),
                )?,
            },
            codes: Codes::from_raw(codes)?,
            screening: Rules::from_raw(screening)
                .map_err(|error| value(error.key, error.message))?,
            log: filter(log.filter.unwrap_or_else(|| "info".to_owned()))?,
        })
    }

    /// The defaults.
    pub fn standard() -> Self {
        Self::from_raw(RawConfig::default()).expect("the defaults make sense")
    }

    /// This configuration as a file that gives it again.
    pub fn to_toml(&self) -> String {
        let path = |path: &Path| path.to_owned();
        let limit = |(kind, currency, policy): &(AccountKind, Currency, Policy)| RawLimit {
            kind: kind.name().to_owned(),
            currency: currency.to_string(),
            ceiling: policy.ceiling.map(Amount::get),
            incoming_per_month: policy.incoming_per_month.map(Amount::get),
        };
        let operations = self.operations_listen.map(|address| address.to_string());
        let minutes = self.offset_seconds / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        let raw = RawConfig {
            server: RawServer {
                listen: Some(self.listen.to_string()),
                public_url: Some(self.public_url.clone()),
                operations_listen: Some(operations.unwrap_or_default()),
                tls_certificate: self.tls.as_ref().map(|files| path(&files.certificate)),
                tls_key: self.tls.as_ref().map(|files| path(&files.key)),
                trusted_proxies: Some(self.proxies.iter().map(ToString::to_string).collect()),
                origins: Some(self.origins.clone()),
            },
            store: RawStore::of(self.data.clone(), self.pieces),
            books: RawBooks {
                currency: Some(self.currency.to_string()),
                utc_offset: Some(format!("{sign}{hours:02}:{minutes:02}")),
                signup: Some(self.signup),
                signup_burst: Some(self.signup_burst),
                merchant_fee_basis_points: Some(self.merchant_fee.get()),
                top_up_alone_max: self.top_up_alone_max.map(Amount::get),
                tables_alone: Some(self.tables_alone),
            },
            limits: Some(self.policies.0.iter().map(limit).collect()),
            banks: self.banks.to_raw(),
            midtrans: self.midtrans.as_ref().map(Midtrans::to_raw).unwrap_or_default(),
            callbacks: RawCallbacks {
                http: Some(self.callbacks.http),
                private_networks: Some(
                    self.callbacks.private.iter().map(ToString::to_string).collect(),
                ),
            },
            codes: self.codes.to_raw(),
            screening: self.screening.raw().clone(),
            log: RawLog { filter: Some(self.log.clone()) },
        };
        toml::to_string_pretty(&raw).expect("strings and numbers become TOML")
    }
}

fn value(key: &'static str, message: impl Into<String>) -> Error {
    Error::Value { key, message: message.into() }
}

fn address(key: &'static str, text: &str) -> Result<SocketAddr, Error> {
    text.parse().map_err(|_| value(key, "must be an address with a port, like 127.0.0.1:8080"))
}

/// As browsers send them: a scheme, a host, a port perhaps, and no slash behind.
fn ranges(key: &'static str, texts: &[String]) -> Result<Vec<Range>, Error> {
    let wrong = |text: &str| value(key, format!("{text:?} is no address or range like 10.0.0.0/8"));
    texts.iter().map(|text| text.parse().map_err(|_| wrong(text))).collect()
}

fn origins(origins: Vec<String>) -> Result<Vec<String>, Error> {
    let looks_good = |origin: &String| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', ',']))
    };
    if origins.iter().all(looks_good) {
        return Ok(origins);
    }
    Err(value("server.origins", "must each look like https://kasir.example"))
}

fn filter(filter: String) -> Result<String, Error> {
    match telemetry::check_filter(&filter) {
        Ok(()) => Ok(filter),
        Err(message) => Err(value("log.filter", message)),
    }
}

fn currency(key: &'static str, code: &str) -> Result<Currency, Error> {
    Currency::parse(code).ok_or_else(|| value(key, "must be an ISO 4217 code like IDR"))
}

fn public_url(url: String) -> Result<String, Error> {
    let wrong = |error: NotAUrl| value("server.public_url", error.to_string());
    Url::parse(&url).map(|_| url).map_err(wrong)
}

fn amount(key: &'static str, units: Option<u64>) -> Result<Option<Amount>, Error> {
    let check = |units| Amount::new(units).ok_or_else(|| value(key, "must be from 1 to 10^15"));
    units.map(check).transpose()
}

/// `+07:00` in seconds.
fn offset(text: &str) -> Result<i32, Error> {
    let wrong = || value("books.utc_offset", "must look like +07:00");
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, max: i32| {
        let digits = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
        text.parse::<i32>().ok().filter(|number| digits && *number <= max).ok_or_else(wrong)
    };
    Ok(sign * (number(hours, 14)? * 3600 + number(minutes, 59)? * 60))
}

fn policies(limits: Option<Vec<RawLimit>>) -> Result<Policies, Error> {
    let Some(limits) = limits else {
        let ceiling = Amount::new(E_MONEY_CEILING);
        let incoming_per_month = Amount::new(E_MONEY_INCOMING_PER_MONTH);
        let policy = Policy { ceiling, incoming_per_month };
        return Ok(Policies(vec![(AccountKind::Wallet, Currency::IDR, policy)]));
    };
    let mut policies: Vec<(AccountKind, Currency, Policy)> = Vec::new();
    for limit in limits {
        let kind = [AccountKind::Wallet, AccountKind::Merchant, AccountKind::Escrow]
            .into_iter()
            .find(|kind| kind.name() == limit.kind)
            .ok_or_else(|| value("limits.kind", "must be wallet, merchant or escrow"))?;
        let currency = currency("limits.currency", &limit.currency)?;
        if policies.iter().any(|(k, c, _)| *k == kind && *c == currency) {
            return Err(value("limits", "a kind and currency stand there twice"));
        }
        let policy = Policy {
            ceiling: amount("limits.ceiling", limit.ceiling)?,
            incoming_per_month: amount("limits.incoming_per_month", limit.incoming_per_month)?,
        };
        policies.push((kind, currency, policy));
    }
    Ok(Policies(policies))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let raw = toml::from_str(text).map_err(|error| error.to_string())?;
        Config::from_raw(raw).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_printed_gives_the_same_again() {
        let config = parse(
            "[server]\nlisten = '[::1]:80'\noperations_listen = ''\n[books]\nutc_offset = '-03:30'\n\
             merchant_fee_basis_points = 70\ntop_up_alone_max = 5\ntables_alone = true\n[[limits]]\nkind = 'merchant'\n\
             currency = 'USD'\nceiling = 9\n[codes]\npayments_from = 0\nadministrators = true\nsender = 'console'\n",
        )
        .unwrap();
        assert_eq!(config.offset_seconds, -12_600);
        assert_eq!(parse(&config.to_toml()).unwrap().to_toml(), config.to_toml());
        let standard = Config::standard();
        assert_eq!(parse(&standard.to_toml()).unwrap().to_toml(), standard.to_toml());
    }

    #[test]
    fn mistakes_name_their_key() {
        let cases = [
            ("[server]\nlisten = '8080'", "server.listen"),
            ("[server]\ntls_key = 'k.pem'", "server.tls_key"),
            ("[server]\nlissten = 'x'", "lissten"),
            ("[books]\ncurrency = 'rupiah'", "books.currency"),
            ("[books]\nutc_offset = '7'", "books.utc_offset"),
            ("[books]\nmerchant_fee_basis_points = 10001", "books.merchant_fee_basis_points"),
            ("[books]\ntop_up_alone_max = 0", "books.top_up_alone_max"),
            ("[[limits]]\nkind = 'fees'\ncurrency = 'IDR'", "limits.kind"),
            ("[[limits]]\nkind = 'wallet'\ncurrency = 'IDR'\nceiling = 0", "limits.ceiling"),
            ("[store]\ndata = 5", "data"),
            ("[store]\nsegment_bytes = 4095", "store.segment_bytes"),
            ("[store]\ncheckpoint_entries = 9", "store.checkpoint_entries"),
            ("[server]\ntrusted_proxies = ['10/8']", "server.trusted_proxies"),
            ("[server]\norigins = ['kasir.example']", "server.origins"),
            ("[server]\norigins = ['https://kasir.example/']", "server.origins"),
            ("[books]\nsignup_burst = 0", "books.signup_burst"),
            ("[banks]\nclient_key = 'k.pem'", "banks.client_key"),
            ("[banks]\nanswer_within_seconds = 61", "banks.answer_within_seconds"),
            ("[banks]\nnot_found_is_final_seconds = 0", "banks.not_found_is_final_seconds"),
            ("[banks]\nask_within_seconds = 0", "banks.ask_within_seconds"),
            ("[banks]\nbreaker_open_seconds = 0", "banks.breaker_open_seconds"),
            ("[banks]\nbreaker_open_seconds = 3601", "banks.breaker_open_seconds"),
            ("[midtrans]\nbase_url = 'x'", "midtrans."),
            (
                "[midtrans]\nbase_url = 'http://127.0.0.1:1'\nserver_key_file = 'k'\nquestions_per_second = 0",
                "midtrans.questions_per_second",
            ),
            ("[codes]\npayments_from = 1000000000000001", "codes.payments_from"),
            ("[codes]\nsender = 'pigeon'", "codes.sender"),
            ("[codes]\nsender = 'smtp'\nsmtp_from = 'a@b.id'", "codes.smtp_host"),
            ("[codes]\nsender = 'smtp'\nsmtp_tls = 'off'\nsmtp_host = 'h'", "codes.smtp_tls"),
            ("[codes]\nsender = 'smtp'\nsmtp_user = 'u'", "codes.smtp_password_file"),
            ("[codes]\nsender = 'webhook'", "codes.webhook_url"),
            ("[codes]\nbils_from = 1", "bils_from"),
            ("[screening]\non_failure = 'shrug'", "screening.on_failure"),
            ("[log]\nfilter = 'gerbang=loud'", "log.filter"),
        ];
        for (text, key) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}
