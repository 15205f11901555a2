//! `[midtrans]`: how the payment provider is reached. Without a base URL there is none.
//!
//! The server key stands in a file of its own that only its owner may read, and is read when the
//! client is made, never before and never into a configuration.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Error, value};
use crate::connector::midtrans::key::ServerKey;
use crate::connector::{breaker, bulkhead, http, midtrans_client, tls};
use crate::identity::private_file;
use crate::limits::{BANK_IN_FLIGHT_MAX, CHARGE_SWEEPS_PER_SECOND, MIDTRANS_KEY_MAX};
use crate::outbound::{Host, Url};

/// How long the provider may take to answer, in seconds: it asks banks before it does.
const ANSWER_SECONDS: u64 = 30;
/// What nobody waits for.
const ANSWER_SECONDS_MAX: u64 = 60;
/// More a second than any provider's limits allow one merchant.
const QUESTIONS_PER_SECOND_MAX: u32 = 1_000;
/// The schedule's own longest wait.
const ASK_SECONDS_MAX: u64 = 3_600;

/// The provider, and who we are to it.
#[derive(Clone, Debug)]
pub struct Midtrans {
    /// Where it is.
    pub base: Url,
    /// The file that holds the server key.
    pub server_key_file: PathBuf,
    /// The key of pages, which are ours.
    pub client_key: Option<String>,
    /// Towards an `https` address.
    pub tls: tls::Settings,
    /// How long it may take to answer.
    pub answer_within: Duration,
    /// Requests in flight.
    pub in_flight_max: usize,
    /// The longest wait between two questions about a charge; else as the schedule says.
    pub ask_within: Option<Duration>,
    /// Questions a second that nothing but time is the reason of.
    pub questions_per_second: u32,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMidtrans {
    base_url: Option<String>,
    server_key_file: Option<PathBuf>,
    client_key: Option<String>,
    root_certificates: Option<PathBuf>,
    tls13_only: Option<bool>,
    answer_seconds: Option<u64>,
    in_flight_max: Option<usize>,
    ask_within_seconds: Option<u64>,
    questions_per_second: Option<u32>,
}

impl Midtrans {
    pub(super) fn from_raw(raw: RawMidtrans) -> Result<Option<Self>, Error> {
        let Some(base_url) = raw.base_url else {
            return match raw.server_key_file {
                Some(_) => Err(value("midtrans.server_key_file", "goes with midtrans.base_url")),
                None => Ok(None),
            };
        };
        let server_key_file = raw.server_key_file;
        let server_key_file = server_key_file
            .ok_or_else(|| value("midtrans.server_key_file", "goes with midtrans.base_url"))?;
        // The provider's side still speaks TLS 1.2 in places.
        let oldest = match raw.tls13_only {
            Some(true) => tls::Oldest::Tls13,
            None | Some(false) => tls::Oldest::Tls12,
        };
        let seconds = raw.answer_seconds.unwrap_or(ANSWER_SECONDS);
        if !(1..=ANSWER_SECONDS_MAX).contains(&seconds) {
            let message = format!("must be 1 to {ANSWER_SECONDS_MAX}");
            return Err(value("midtrans.answer_seconds", message));
        }
        let in_flight_max = raw.in_flight_max.unwrap_or(BANK_IN_FLIGHT_MAX);
        if !(1..=BANK_IN_FLIGHT_MAX).contains(&in_flight_max) {
            let message = format!("must be 1 to {BANK_IN_FLIGHT_MAX}");
            return Err(value("midtrans.in_flight_max", message));
        }
        let ask_within = raw.ask_within_seconds;
        if ask_within.is_some_and(|seconds| !(1..=ASK_SECONDS_MAX).contains(&seconds)) {
            let message = format!("must be 1 to {ASK_SECONDS_MAX}");
            return Err(value("midtrans.ask_within_seconds", message));
        }
        let questions = raw.questions_per_second.unwrap_or(CHARGE_SWEEPS_PER_SECOND);
        if !(1..=QUESTIONS_PER_SECOND_MAX).contains(&questions) {
            let message = format!("must be 1 to {QUESTIONS_PER_SECOND_MAX}");
            return Err(value("midtrans.questions_per_second", message));
        }
        Ok(Some(Self {
            base: base(&base_url)?,
            server_key_file,
            client_key: client_key(raw.client_key)?,
            tls: tls::Settings { oldest, roots: raw.root_certificates, client: None },
            answer_within: Duration::from_secs(seconds),
            in_flight_max,
            ask_within: ask_within.map(Duration::from_secs),
            questions_per_second: questions,
        }))
    }

    pub(super) fn to_raw(&self) -> RawMidtrans {
        let scheme = if self.base.secure { "https" } else { "http" };
        RawMidtrans {
            base_url: Some(format!("{scheme}://{}", self.base.authority())),
            server_key_file: Some(self.server_key_file.clone()),
            client_key: self.client_key.clone(),
            root_certificates: self.tls.roots.clone(),
            tls13_only: Some(self.tls.oldest == tls::Oldest::Tls13),
            answer_seconds: Some(self.answer_within.as_secs()),
            in_flight_max: Some(self.in_flight_max),
            ask_within_seconds: self.ask_within.map(|wait| wait.as_secs()),
            questions_per_second: Some(self.questions_per_second),
        }
    }

    /// The server key, from its file.
    ///
    /// # Errors
    /// It cannot be read, others can read it, or it is none.
    pub fn server_key(&self) -> Result<ServerKey, Error> {
        const KEY: &str = "midtrans.server_key_file";
        let path = self.server_key_file.display();
        let bytes = private_file::read(&self.server_key_file)
            .map_err(|error| value(KEY, error.to_string()))?
            .ok_or_else(|| value(KEY, format!("{path} is missing")))?;
        let text = str::from_utf8(bytes.trim_ascii())
            .map_err(|_| value(KEY, format!("{path}: is not text")))?;
        let text = Zeroizing::new(text.to_owned());
        ServerKey::new(text.as_str().to_owned())
            .map_err(|error| value(KEY, format!("{path}: {error}")))
    }

    /// What a client of the provider is made of: reads the key's file, and the roots' for `https`.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn settings(&self) -> Result<midtrans_client::Settings, Error> {
        let tls = match self.base.secure {
            false => None,
            true => Some(
                tls::load(&self.tls)
                    .map_err(|error| value("midtrans.root_certificates", error.to_string()))?,
            ),
        };
        let (in_flight_max, answer) = (self.in_flight_max, self.answer_within);
        Ok(midtrans_client::Settings {
            base: self.base.clone(),
            key: self.server_key()?,
            tls,
            http: http::Options { head: answer, answer, ..http::Options::standard() },
            bulkhead: bulkhead::Options { in_flight_max, ..bulkhead::Options::standard() },
            breaker: breaker::Options::standard(),
        })
    }
}

fn base(text: &str) -> Result<Url, Error> {
    let wrong = |message: &str| value("midtrans.base_url", message);
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if url.target != "/" {
        return Err(wrong("must have no path, like https://api.midtrans.com"));
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

fn client_key(key: Option<String>) -> Result<Option<String>, Error> {
    let fits = |key: &String| {
        (1..=MIDTRANS_KEY_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match key {
        Some(key) if !fits(&key) => {
            Err(value("midtrans.client_key", "must be visible ASCII characters"))
        }
        key => Ok(key),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn parse(text: &str) -> Result<Option<Midtrans>, String> {
        let raw = toml::from_str(text).map_err(|error| error.to_string())?;
        Midtrans::from_raw(raw).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_base_there_is_no_provider() {
        assert!(parse("").unwrap().is_none());
        assert!(parse("answer_seconds = 5").unwrap().is_none());
        let alone = parse("server_key_file = 'k'").unwrap_err();
        assert!(alone.contains("midtrans.server_key_file"), "{alone}");
    }

    #[test]
    fn what_is_printed_gives_the_same_again() {
        let text = "base_url = 'https://api.sandbox.midtrans.com'\nserver_key_file = 'k'\n\
                    client_key = 'SB-Mid-client-1'\ntls13_only = true\nanswer_seconds = 7\n\
                    ask_within_seconds = 2\n";
        let once = parse(text).unwrap().unwrap();
        let printed = toml::to_string(&once.to_raw()).unwrap();
        let again = parse(&printed).unwrap().unwrap();
        assert_eq!(toml::to_string(&again.to_raw()).unwrap(), printed);
        assert!(once.base == again.base && once.answer_within == Duration::from_secs(7));
        let here = parse("base_url = 'http://127.0.0.1:8090'\nserver_key_file = 'k'").unwrap();
        assert_eq!(here.unwrap().to_raw().base_url.as_deref(), Some("http://127.0.0.1:8090"));
    }

    #[test]
    fn mistakes_name_their_key() {
        let https = "server_key_file = 'k'\nbase_url = 'https://api.midtrans.com'\n";
        let cases = [
            ("base_url = 'https://api.midtrans.com'", "midtrans.server_key_file"),
            ("server_key_file = 'k'\nbase_url = 'api.midtrans.com'", "midtrans.base_url"),
            ("server_key_file = 'k'\nbase_url = 'http://api.midtrans.com'", "midtrans.base_url"),
            (
                "server_key_file = 'k'\nbase_url = 'https://api.midtrans.com/v2'",
                "midtrans.base_url",
            ),
            (
                "server_key_file = 'k'\nbase_url = 'https://a:b@api.midtrans.com'",
                "midtrans.base_url",
            ),
            (&format!("{https}client_key = ''"), "midtrans.client_key"),
            (&format!("{https}client_key = 'a b'"), "midtrans.client_key"),
            (&format!("{https}answer_seconds = 0"), "midtrans.answer_seconds"),
            (&format!("{https}answer_seconds = 61"), "midtrans.answer_seconds"),
            (&format!("{https}in_flight_max = 0"), "midtrans.in_flight_max"),
            (&format!("{https}ask_within_seconds = 0"), "midtrans.ask_within_seconds"),
            (&format!("{https}ask_within_seconds = 3601"), "midtrans.ask_within_seconds"),
            (&format!("{https}server_key = 'x'"), "server_key"),
        ];
        for (text, key) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn the_key_is_read_from_a_file_that_only_its_owner_can_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("midtrans.key");
        let text = format!("base_url = 'http://localhost'\nserver_key_file = '{}'", file.display());
        let midtrans = parse(&text).unwrap().unwrap();
        let error = || midtrans.server_key().err().map(|error| error.to_string());
        assert!(error().unwrap().contains("is missing"));
        let put = |content: &[u8], mode: u32| {
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        };
        put(b"SB-Mid-server-abc123cde456\n", 0o644);
        assert!(error().unwrap().contains("0600"));
        put(b"SB-Mid-server-abc123cde456\n", 0o600);
        assert!(midtrans.server_key().unwrap().matches(b"SB-Mid-server-abc123cde456"));
        assert!(midtrans.settings().is_ok_and(|settings| settings.tls.is_none()));
        for bad in [
            &b""[..],
            b"short",
            b"one-long-enough-key\nand-another-key",
            b"\xff\xfe-and-more-of-it",
        ] {
            put(bad, 0o600);
            let error = error().unwrap();
            assert!(error.contains("midtrans.server_key_file"), "{error}");
            assert!(!error.contains("long-enough"), "{error}");
        }
    }
}
