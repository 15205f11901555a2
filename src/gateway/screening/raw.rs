//! The rules as they stand in a configuration file, and what they mean.
//!
//! ```toml
//! [screening]
//! on_failure = "challenge"
//!
//! [[screening.rules]]
//! name = "large"
//! outcome = "challenge"
//! amount_above = 50000000
//!
//! [[screening.rules]]
//! name = "burst"
//! outcome = "deny"
//! per = "client"
//! window_seconds = 3600
//! count_above = 100
//! sum_above = 500000000
//!
//! [[screening.rules]]
//! name = "stranger"
//! outcome = "challenge"
//! new_beneficiary_above = 5000000
//!
//! [[screening.rules]]
//! name = "blocked"
//! outcome = "deny"
//! accounts = ["009/0115471119"]
//!
//! # Those behind it are not asked about these.
//! [[screening.rules]]
//! name = "trusted"
//! outcome = "accept"
//! accounts = ["014/0847652591"]
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Check, Outcome, Pace, Per, Rule, Rules};
use crate::ledger::registry::BankCode;
use crate::limits;

/// The table `[screening]` as written.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawScreening {
    /// What a rule says that cannot count: `accept`, `challenge` (the default) or `deny`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
    /// In the order in which they speak.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RawRule>,
}

/// A rule as written: a name, an outcome, and one thing it looks for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// What decisions call it.
    pub name: String,
    /// `challenge`, `deny`, or `accept` for a list of those who are trusted.
    pub outcome: String,
    /// A transfer of more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_above: Option<u64>,
    /// Whose transfers a window counts: `client` or `beneficiary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// How long the window is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u64>,
    /// More transfers than this within the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count_above: Option<u64>,
    /// More money than this within the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_above: Option<u64>,
    /// More than this to a beneficiary that the client has not paid lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_beneficiary_above: Option<u64>,
    /// Beneficiaries, each as bank code, `/` and account number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<String>>,
    /// Beneficiaries' banks, by code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banks: Option<Vec<String>>,
}

/// Why rules are not followed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct BadRule {
    /// The key with its table.
    pub key: &'static str,
    /// Which rule, and what is wrong with it.
    pub message: String,
}

fn bad(key: &'static str, message: impl Into<String>) -> BadRule {
    BadRule { key, message: message.into() }
}

impl Rules {
    /// What `raw` means.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub fn from_raw(raw: RawScreening) -> Result<Self, BadRule> {
        let on_failure = raw.on_failure.as_deref().unwrap_or(Outcome::Challenge.name());
        let on_failure = Outcome::parse(on_failure)
            .ok_or_else(|| bad("screening.on_failure", "must be accept, challenge or deny"))?;
        if raw.rules.len() > limits::SCREENING_RULES_MAX {
            let message = format!("at most {}", limits::SCREENING_RULES_MAX);
            return Err(bad("screening.rules", message));
        }
        let mut rules: Vec<Rule> = Vec::with_capacity(raw.rules.len());
        for raw in &raw.rules {
            let rule = rule(raw)?;
            if rules.iter().any(|other| other.name == rule.name) {
                let message = format!("two rules are called {}", rule.name);
                return Err(bad("screening.rules.name", message));
            }
            rules.push(rule);
        }
        Ok(Self { on_failure, rules, raw })
    }

    /// As they were written.
    pub const fn raw(&self) -> &RawScreening {
        &self.raw
    }
}

fn rule(raw: &RawRule) -> Result<Rule, BadRule> {
    let name = raw.name.as_str();
    let good = |c: u8| c.is_ascii_alphanumeric() || b"_-.".contains(&c);
    if name.is_empty() || name.len() > limits::RULE_NAME_MAX || !name.bytes().all(good) {
        let message =
            format!("{name:?} is not 1 to {} of a-z, 0-9, _, - and .", limits::RULE_NAME_MAX);
        return Err(bad("screening.rules.name", message));
    }
    let outcome = Outcome::parse(&raw.outcome).ok_or_else(|| {
        bad("screening.rules.outcome", format!("{name}: must be accept, challenge or deny"))
    })?;
    if outcome == Outcome::Accept && raw.accounts.is_none() && raw.banks.is_none() {
        let message = format!("{name}: accept is for accounts or banks");
        return Err(bad("screening.rules.outcome", message));
    }
    let checks = [
        raw.amount_above.map(Check::AmountAbove).map(Ok),
        raw.new_beneficiary_above.map(Check::NewBeneficiaryAbove).map(Ok),
        raw.accounts.as_ref().map(|accounts| blocked_accounts(name, accounts)),
        raw.banks.as_ref().map(|banks| blocked_banks(name, banks)),
        has_pace(raw).then(|| pace(raw)),
    ];
    let mut checks = checks.into_iter().flatten();
    match (checks.next(), checks.next()) {
        (Some(check), None) => Ok(Rule { name: Arc::from(name), outcome, check: check? }),
        (None, _) => Err(bad("screening.rules", format!("{name}: it looks for nothing"))),
        (Some(_), Some(_)) => {
            Err(bad("screening.rules", format!("{name}: it looks for more than one thing")))
        }
    }
}

const fn has_pace(raw: &RawRule) -> bool {
    raw.per.is_some()
        || raw.window_seconds.is_some()
        || raw.count_above.is_some()
        || raw.sum_above.is_some()
}

fn pace(raw: &RawRule) -> Result<Check, BadRule> {
    let name = &raw.name;
    let per = match raw.per.as_deref() {
        Some("client") => Per::Client,
        Some("beneficiary") => Per::Beneficiary,
        Some(_) | None => {
            return Err(bad(
                "screening.rules.per",
                format!("{name}: must be client or beneficiary"),
            ));
        }
    };
    let longest = limits::SCREENING_WINDOW_SECONDS_MAX;
    let window_seconds = raw
        .window_seconds
        .and_then(|seconds| i64::try_from(seconds).ok())
        .filter(|seconds| (1..=longest).contains(seconds))
        .ok_or_else(|| {
            bad("screening.rules.window_seconds", format!("{name}: must be from 1 to {longest}"))
        })?;
    if raw.count_above.is_none() && raw.sum_above.is_none() {
        let message = format!("{name}: needs count_above or sum_above");
        return Err(bad("screening.rules.count_above", message));
    }
    let (count_above, sum_above) = (raw.count_above, raw.sum_above);
    Ok(Check::Faster(Pace { per, window_seconds, count_above, sum_above }))
}

fn blocked_accounts(name: &str, accounts: &[String]) -> Result<Check, BadRule> {
    let account = |text: &String| {
        let (bank, number) = text.split_once('/')?;
        let plain = !number.is_empty() && number.bytes().all(|c| c.is_ascii_alphanumeric());
        plain.then_some((BankCode::parse(bank)?, number.into()))
    };
    let set: Option<BTreeSet<_>> = accounts.iter().map(account).collect();
    listed(set, accounts.len()).map(Check::Accounts).ok_or_else(|| {
        let message = format!("{name}: must be a list like [\"009/0115471119\"]");
        bad("screening.rules.accounts", message)
    })
}

fn blocked_banks(name: &str, banks: &[String]) -> Result<Check, BadRule> {
    let set: Option<BTreeSet<_>> = banks.iter().map(|text| BankCode::parse(text)).collect();
    listed(set, banks.len()).map(Check::Banks).ok_or_else(|| {
        bad("screening.rules.banks", format!("{name}: must be a list like [\"009\"]"))
    })
}

fn listed<T>(set: Option<T>, length: usize) -> Option<T> {
    set.filter(|_| (1..=limits::SCREENING_LIST_MAX).contains(&length))
}
