//! `[codes]`: which movements need a one-time code, who needs an authenticator, and how codes reach
//! people.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Error, value};
use crate::connector::sender::smtp::Tls;
use crate::gateway::codes::policy::{From, Policy};
use crate::ledger::money::Amount;

/// When codes are asked for, and how they are sent.
#[derive(Clone, Debug)]
pub struct Codes {
    /// When a movement needs one.
    pub policy: Policy,
    /// How they are sent.
    pub sender: Sender,
}

/// How codes are sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sender {
    /// Not at all: who needs one has an authenticator, or cannot go on.
    None,
    /// As lines on standard error, for whoever runs it.
    Console,
    /// By e-mail.
    Smtp(Smtp),
    /// By a service of the operator's.
    Webhook(Webhook),
}

/// A mail server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Smtp {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS begins.
    pub tls: Tls,
    /// The address that messages come from.
    pub from: String,
    /// What it is logged in with: a name, and a file with the password, for its owner only.
    pub login: Option<(String, PathBuf)>,
    /// PEM file of those whose certificates are believed, in place of the system's.
    pub roots: Option<PathBuf>,
}

/// A service that reaches people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    /// Its address; reached as callbacks are.
    pub url: String,
    /// A file with the secret that messages are signed with, for its owner only.
    pub secret_file: PathBuf,
}

/// The table as written.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCodes {
    payments_from: Option<u64>,
    bills_from: Option<u64>,
    withdrawals_from: Option<u64>,
    administrators: Option<bool>,
    sender: Option<String>,
    smtp_host: Option<String>,
    smtp_port: Option<u16>,
    smtp_tls: Option<String>,
    smtp_from: Option<String>,
    smtp_user: Option<String>,
    smtp_password_file: Option<PathBuf>,
    smtp_root_certificates: Option<PathBuf>,
    webhook_url: Option<String>,
    webhook_secret_file: Option<PathBuf>,
}

/// Above what people spend in a day at stalls, and about a month's rent of a room.
const FROM: u64 = 1_000_000;
/// Submission with STARTTLS (RFC 6409).
const SMTP_PORT: u16 = 587;

impl Codes {
    pub(super) fn from_raw(raw: RawCodes) -> Result<Self, Error> {
        let policy = Policy {
            payments: from("codes.payments_from", raw.payments_from)?,
            bills: from("codes.bills_from", raw.bills_from)?,
            withdrawals: from("codes.withdrawals_from", raw.withdrawals_from)?,
            administrators: raw.administrators.unwrap_or(false),
        };
        let sender = match raw.sender.as_deref() {
            // Nobody reads the console of a service, and it may end up in a log.
            None | Some("none") => Sender::None,
            Some("console") => Sender::Console,
            Some("smtp") => Sender::Smtp(smtp(raw)?),
            Some("webhook") => Sender::Webhook(Webhook {
                url: needed("codes.webhook_url", raw.webhook_url)?,
                secret_file: needed("codes.webhook_secret_file", raw.webhook_secret_file)?,
            }),
            Some(_) => {
                return Err(value("codes.sender", "must be none, console, smtp or webhook"));
            }
        };
        Ok(Self { policy, sender })
    }

    pub(super) fn to_raw(&self) -> RawCodes {
        let units = |from| match from {
            From::Never => Some(0),
            From::Amount(amount) => Some(amount.get()),
        };
        let raw = RawCodes {
            payments_from: units(self.policy.payments),
            bills_from: units(self.policy.bills),
            withdrawals_from: units(self.policy.withdrawals),
            administrators: Some(self.policy.administrators),
            ..RawCodes::default()
        };
        let named = |sender: &str| RawCodes { sender: Some(sender.to_owned()), ..raw.clone() };
        match &self.sender {
            Sender::None => named("none"),
            Sender::Console => named("console"),
            Sender::Smtp(smtp) => RawCodes {
                smtp_host: Some(smtp.host.clone()),
                smtp_port: Some(smtp.port),
                smtp_tls: Some(tls_name(smtp.tls).to_owned()),
                smtp_from: Some(smtp.from.clone()),
                smtp_user: smtp.login.as_ref().map(|(user, _)| user.clone()),
                smtp_password_file: smtp.login.as_ref().map(|(_, file)| file.clone()),
                smtp_root_certificates: smtp.roots.clone(),
                ..named("smtp")
            },
            Sender::Webhook(webhook) => RawCodes {
                webhook_url: Some(webhook.url.clone()),
                webhook_secret_file: Some(webhook.secret_file.clone()),
                ..named("webhook")
            },
        }
    }
}

fn smtp(raw: RawCodes) -> Result<Smtp, Error> {
    let tls = raw.smtp_tls.as_deref().unwrap_or("starttls");
    let known = [Tls::Implicit, Tls::StartTls, Tls::None];
    let login = match (raw.smtp_user, raw.smtp_password_file) {
        (Some(user), Some(file)) => Some((user, file)),
        (None, None) => None,
        _ => return Err(value("codes.smtp_password_file", "goes with codes.smtp_user")),
    };
    Ok(Smtp {
        host: needed("codes.smtp_host", raw.smtp_host)?,
        port: raw.smtp_port.unwrap_or(SMTP_PORT),
        tls: known
            .into_iter()
            .find(|known| tls_name(*known) == tls)
            .ok_or_else(|| value("codes.smtp_tls", "must be starttls, implicit or none"))?,
        from: needed("codes.smtp_from", raw.smtp_from)?,
        login,
        roots: raw.smtp_root_certificates,
    })
}

const fn tls_name(tls: Tls) -> &'static str {
    match tls {
        Tls::Implicit => "implicit",
        Tls::StartTls => "starttls",
        Tls::None => "none",
    }
}

fn needed<T>(key: &'static str, given: Option<T>) -> Result<T, Error> {
    given.ok_or_else(|| value(key, "is needed for this sender"))
}

/// From this amount on; 0 is never.
fn from(key: &'static str, units: Option<u64>) -> Result<From, Error> {
    match units.unwrap_or(FROM) {
        0 => Ok(From::Never),
        units => match Amount::new(units) {
            Some(amount) => Ok(From::Amount(amount)),
            None => Err(value(key, "must be from 1 to 10^15, or 0 for never")),
        },
    }
}
