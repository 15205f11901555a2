//! `[banks]`: how banks are reached.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Error, value};
use crate::connector::{breaker, tls};
use crate::limits;

/// How banks are reached.
#[derive(Clone, Debug)]
pub struct Banks {
    /// Whether bank services on other machines may be spoken to without TLS.
    pub plain_http: bool,
    /// Towards bank services with an `https` address.
    pub tls: tls::Settings,
    /// How long the answer to a transfer may wait for its end; after that it is 202.
    pub answer_within: Duration,
    /// From when on a bank that has never seen a transfer never will.
    pub not_found_is_final: Duration,
    /// The longest wait between two questions about a transfer, which then go on until its end is
    /// known; else as the schedule says.
    pub ask_within: Option<Duration>,
    /// When a bank counts as down, and for how long at first.
    pub breaker: breaker::Options,
}

/// The table as written.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawBanks {
    plain_http: Option<bool>,
    root_certificates: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    tls13_only: Option<bool>,
    answer_within_seconds: Option<u64>,
    not_found_is_final_seconds: Option<u64>,
    ask_within_seconds: Option<u64>,
    breaker_open_seconds: Option<i64>,
}

/// Most banks answer within a few seconds, and few callers wait longer.
const ANSWER_WITHIN_SECONDS: u64 = 10;
/// What no proxy in between would wait for.
const ANSWER_WITHIN_SECONDS_MAX: u64 = 60;
/// Whoever is back should be seen within an hour.
const BREAKER_OPEN_SECONDS_MAX: i64 = 3600;

impl Banks {
    pub(super) fn from_raw(raw: RawBanks) -> Result<Self, Error> {
        let client = match (raw.client_certificate, raw.client_key) {
            (Some(certificate), Some(key)) => Some(tls::Identity { certificate, key }),
            (None, None) => None,
            _ => return Err(value("banks.client_key", "goes with banks.client_certificate")),
        };
        // TLS 1.3 between the parts (SNAP); older only if somebody says so.
        let oldest = match raw.tls13_only {
            Some(false) => tls::Oldest::Tls12,
            None | Some(true) => tls::Oldest::Tls13,
        };
        let seconds = raw.answer_within_seconds.unwrap_or(ANSWER_WITHIN_SECONDS);
        if seconds > ANSWER_WITHIN_SECONDS_MAX {
            return Err(value("banks.answer_within_seconds", "must be at most 60"));
        }
        let not_found_is_final =
            duration("banks.not_found_is_final_seconds", raw.not_found_is_final_seconds)?;
        let standard = breaker::Options::standard();
        let open_seconds = raw.breaker_open_seconds.unwrap_or(standard.open_seconds);
        if !(1..=BREAKER_OPEN_SECONDS_MAX).contains(&open_seconds) {
            return Err(value("banks.breaker_open_seconds", "must be from 1 to 3600"));
        }
        Ok(Self {
            plain_http: raw.plain_http.unwrap_or(false),
            tls: tls::Settings { oldest, roots: raw.root_certificates, client },
            answer_within: Duration::from_secs(seconds),
            not_found_is_final: not_found_is_final.unwrap_or(limits::NOT_FOUND_IS_FINAL),
            ask_within: duration("banks.ask_within_seconds", raw.ask_within_seconds)?,
            breaker: breaker::Options { open_seconds, ..standard },
        })
    }

    pub(super) fn to_raw(&self) -> RawBanks {
        let client = self.tls.client.as_ref();
        RawBanks {
            plain_http: Some(self.plain_http),
            root_certificates: self.tls.roots.clone(),
            client_certificate: client.map(|identity| identity.certificate.clone()),
            client_key: client.map(|identity| identity.key.clone()),
            tls13_only: Some(self.tls.oldest == tls::Oldest::Tls13),
            answer_within_seconds: Some(self.answer_within.as_secs()),
            not_found_is_final_seconds: Some(self.not_found_is_final.as_secs()),
            ask_within_seconds: self.ask_within.map(|within| within.as_secs()),
            breaker_open_seconds: Some(self.breaker.open_seconds),
        }
    }
}

fn duration(key: &'static str, seconds: Option<u64>) -> Result<Option<Duration>, Error> {
    match seconds {
        Some(0) => Err(value(key, "must be at least 1")),
        other => Ok(other.map(Duration::from_secs)),
    }
}
