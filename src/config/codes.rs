//! `[codes]`: which movements need a one-time code, and how codes reach people.

use serde::{Deserialize, Serialize};

use super::{Error, value};
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
}

/// The table as written.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCodes {
    payments_from: Option<u64>,
    bills_from: Option<u64>,
    withdrawals_from: Option<u64>,
    sender: Option<String>,
}

/// Above what people spend in a day at stalls, and about a month's rent of a room.
const FROM: u64 = 1_000_000;

impl Codes {
    pub(super) fn from_raw(raw: RawCodes) -> Result<Self, Error> {
        let policy = Policy {
            payments: from("codes.payments_from", raw.payments_from)?,
            bills: from("codes.bills_from", raw.bills_from)?,
            withdrawals: from("codes.withdrawals_from", raw.withdrawals_from)?,
        };
        let sender = match raw.sender.as_deref() {
            // Nobody reads the console of a service, and it may end up in a log.
            None | Some("none") => Sender::None,
            Some("console") => Sender::Console,
            Some(_) => return Err(value("codes.sender", "must be none or console")),
        };
        Ok(Self { policy, sender })
    }

    pub(super) fn to_raw(&self) -> RawCodes {
        let units = |from| match from {
            From::Never => Some(0),
            From::Amount(amount) => Some(amount.get()),
        };
        let sender = match &self.sender {
            Sender::None => "none",
            Sender::Console => "console",
        };
        RawCodes {
            payments_from: units(self.policy.payments),
            bills_from: units(self.policy.bills),
            withdrawals_from: units(self.policy.withdrawals),
            sender: Some(sender.to_owned()),
        }
    }
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
