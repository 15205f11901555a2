//! Whether a transfer looks like fraud (MID-3): rules an operator writes, and what they say.
//!
//! Every rule is asked, in order, up to one that accepts: whom it trusts, those behind it are not
//! asked about. The first that denies decides; if none does, the first that challenges; otherwise the
//! transfer is accepted. A challenged transfer waits for a person.
//!
//! Rules about speed and new beneficiaries stand on what was recorded before. That memory is
//! bounded: where it is full, a rule's answer is the configured one for failures and is counted,
//! and nothing else stops. It is no part of the books: after a restart it is filled again from the
//! latest payouts, and losing it costs some caution, never money.
//!
//! A transfer that is not denied counts from the moment it is judged, so that many at once cannot
//! all pass under the same count. Whoever judges asks once per transfer, not again for a retry or a
//! twin of it that comes at the same time.

mod known;
mod raw;
mod velocity;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use self::known::Known;
pub use self::raw::{BadRule, RawRule, RawScreening};
pub use self::velocity::Full;
use self::velocity::{Key, Seen, Velocity, Whose};
use crate::ledger::id::UserId;
use crate::ledger::money::Amount;
use crate::ledger::registry::BankCode;
use crate::ledger::time::Timestamp;
use crate::limits;

/// What becomes of a transfer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// It goes on.
    Accept,
    /// A person has to look.
    Challenge,
    /// It is refused.
    Deny,
}

impl Outcome {
    /// The word for it in configuration and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
        }
    }

    /// The outcome with this word.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Accept, Self::Challenge, Self::Deny].into_iter().find(|it| it.name() == name)
    }
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Whose money leaves: a client application's user, or a person.
    pub client: UserId,
    /// The bank that has the beneficiary's account.
    pub bank: BankCode,
    /// The beneficiary's account number.
    pub account: &'a str,
    /// What the beneficiary is to get.
    pub amount: Amount,
    /// When.
    pub at: Timestamp,
}

/// A rule: its name, what it looks for, and what follows if it finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Rule {
    name: Arc<str>,
    outcome: Outcome,
    check: Check,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Check {
    AmountAbove(u64),
    Faster(Pace),
    NewBeneficiaryAbove(u64),
    Accounts(BTreeSet<(BankCode, Box<str>)>),
    Banks(BTreeSet<BankCode>),
}

/// More transfers, or more money, than this within a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pace {
    per: Per,
    window_seconds: i64,
    count_above: Option<u64>,
    sum_above: Option<u64>,
}

/// Whose transfers are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Per {
    Client,
    Beneficiary,
}

/// What an operator decided, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    on_failure: Outcome,
    rules: Vec<Rule>,
    raw: RawScreening,
}

/// What the rules said of one transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What follows.
    pub outcome: Outcome,
    /// The rule that decided; none if all were content.
    pub rule: Option<Arc<str>>,
    /// What it found, in one line.
    pub reason: String,
}

/// How often the memory failed a rule, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Failures {
    /// Rules that got the answer for failures: no room to count.
    pub uncounted: u64,
    /// Beneficiaries that will look new again: no room to remember.
    pub forgotten: u64,
}

/// What one rule found.
enum Finding {
    Content(String),
    Fires(String),
    Fails,
}

/// The rules with their memory. One owner: many askers share it behind a lock.
#[derive(Debug)]
pub struct Screening {
    rules: Rules,
    velocity: Velocity,
    known: Known,
    failures: Failures,
}

impl Screening {
    /// These rules, with nothing remembered yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            velocity: Velocity::new(limits::VELOCITY_KEYS_MAX),
            known: Known::new(limits::BENEFICIARIES_MAX),
            failures: Failures::default(),
        }
    }

    /// What the rules say of `subject`. Unless they deny it, it counts from now on.
    pub fn judge(&mut self, subject: &Subject<'_>) -> Decision {
        self.velocity.sweep(subject.at);
        let findings = self.findings(subject);
        let failed = findings.iter().filter(|finding| matches!(finding, Finding::Fails)).count();
        let failed = u64::try_from(failed).unwrap_or(u64::MAX);
        self.failures.uncounted = self.failures.uncounted.saturating_add(failed);
        let decision = self.decide(&findings);
        if decision.outcome != Outcome::Deny {
            self.record(subject);
        }
        decision
    }

    /// Remembers a transfer that was judged before: to fill the memory after a start, oldest
    /// first, from as far back as [`Screening::reach_seconds`] says.
    pub fn record(&mut self, subject: &Subject<'_>) {
        for (place, rule) in self.rules.rules.iter().enumerate() {
            if let Check::Faster(pace) = &rule.check {
                // No room: the rule was told so when it was asked, and has been counted.
                let key = Key { rule: place, whose: pace.per.whose(subject) };
                let _full = self.velocity.record(key, pace.window_seconds, subject);
            }
        }
        if self.asks_for_new() && !self.known.record(subject) {
            self.failures.forgotten = self.failures.forgotten.saturating_add(1);
        }
    }

    /// What the rules would say of `subject`. Nothing is recorded.
    pub fn consider(&self, subject: &Subject<'_>) -> Decision {
        self.decide(&self.findings(subject))
    }

    /// Goes by other rules from here on. What a rule has counted stays with it, if its name, its
    /// window and whose transfers it counts are as before.
    pub fn follow(&mut self, rules: Rules) {
        let stays = |place: usize| {
            let before = self.rules.rules.get(place)?;
            rules.rules.iter().position(|rule| rule.counts_as(before))
        };
        self.velocity.move_rules(stays);
        self.rules = rules;
    }

    /// What the rules would say of `subject`, rule by rule, for people. Nothing is recorded.
    pub fn preview(&self, subject: &Subject<'_>) -> String {
        let findings = self.findings(subject);
        let Decision { outcome, rule, reason } = self.decide(&findings);
        let by = rule.map_or_else(String::new, |rule| format!(" by rule {rule}"));
        let mut text = format!("Outcome: {}{by}: {reason}.\n", outcome.name());
        for (rule, finding) in self.rules.rules.iter().zip(&findings) {
            let (verb, what) = match finding {
                Finding::Content(what) => ("content", what.as_str()),
                Finding::Fires(what) => (rule.outcome.name(), what.as_str()),
                Finding::Fails => (self.rules.on_failure.name(), FULL),
            };
            writeln!(text, "{}: {verb}, {what}.", rule.name).expect("text grows");
        }
        text
    }

    /// How far back what was recorded matters, in seconds.
    pub fn reach_seconds(&self) -> i64 {
        let known = if self.asks_for_new() { limits::BENEFICIARY_KNOWN_SECONDS } else { 0 };
        let windows = self.rules.rules.iter().map(|rule| match &rule.check {
            Check::Faster(pace) => pace.window_seconds,
            Check::AmountAbove(_)
            | Check::NewBeneficiaryAbove(_)
            | Check::Accounts(_)
            | Check::Banks(_) => 0,
        });
        windows.fold(known, i64::max)
    }

    /// How often the memory was too small.
    pub const fn failures(&self) -> Failures {
        self.failures
    }

    fn asks_for_new(&self) -> bool {
        self.rules.rules.iter().any(|rule| matches!(rule.check, Check::NewBeneficiaryAbove(_)))
    }

    fn findings(&self, subject: &Subject<'_>) -> Vec<Finding> {
        self.rules
            .rules
            .iter()
            .enumerate()
            .map(|(place, rule)| self.ask(place, rule, subject))
            .collect()
    }

    fn ask(&self, place: usize, rule: &Rule, subject: &Subject<'_>) -> Finding {
        let amount = subject.amount.get();
        match &rule.check {
            Check::AmountAbove(most) => {
                found(amount > *most, || format!("amount {amount}, at most {most}"))
            }
            Check::NewBeneficiaryAbove(most) => {
                let is_known = self.known.knows(subject);
                let words = if is_known { "known" } else { "new" };
                found(!is_known && amount > *most, || {
                    format!(
                        "the beneficiary is {words}, amount {amount}, to new ones at most {most}"
                    )
                })
            }
            Check::Accounts(accounts) => {
                let blocked = accounts.contains(&(subject.bank, subject.account.into()));
                found(blocked, || format!("the account {} on the list", is_or_not(blocked)))
            }
            Check::Banks(banks) => {
                let blocked = banks.contains(&subject.bank);
                found(blocked, || format!("the bank {} on the list", is_or_not(blocked)))
            }
            Check::Faster(pace) => {
                let key = Key { rule: place, whose: pace.per.whose(subject) };
                match self.velocity.seen(&key, pace.window_seconds, subject.at) {
                    Ok(seen) => pace.judge(seen.with(subject.amount)),
                    Err(Full) => Finding::Fails,
                }
            }
        }
    }

    fn decide(&self, findings: &[Finding]) -> Decision {
        let rules = self.rules.rules.iter().zip(findings);
        let mut decision =
            Decision { outcome: Outcome::Accept, rule: None, reason: "no rule objects".to_owned() };
        for (rule, finding) in rules {
            let (outcome, reason) = match finding {
                Finding::Content(_) => continue,
                Finding::Fires(what) => (rule.outcome, what.as_str()),
                Finding::Fails => (self.rules.on_failure, FULL),
            };
            let ends = rule.outcome == Outcome::Accept;
            // Only a stronger word replaces an earlier one, or none.
            if outcome > decision.outcome || (ends && decision.rule.is_none()) {
                let rule = Some(Arc::clone(&rule.name));
                decision = Decision { outcome, rule, reason: reason.to_owned() };
            }
            if ends {
                break;
            }
        }
        decision
    }
}

const FULL: &str = "there is no room to count";

const fn is_or_not(is: bool) -> &'static str {
    if is { "is" } else { "is not" }
}

fn found(fires: bool, what: impl FnOnce() -> String) -> Finding {
    if fires { Finding::Fires(what()) } else { Finding::Content(what()) }
}

impl Rule {
    /// Whether what `before` has counted is what this rule would have.
    fn counts_as(&self, before: &Self) -> bool {
        let (Check::Faster(now), Check::Faster(then)) = (&self.check, &before.check) else {
            return false;
        };
        let same = now.per == then.per && now.window_seconds == then.window_seconds;
        same && self.name == before.name
    }
}

impl Per {
    fn whose(self, subject: &Subject<'_>) -> Whose {
        match self {
            Self::Client => Whose::Client(subject.client),
            Self::Beneficiary => Whose::Beneficiary(subject.bank, subject.account.into()),
        }
    }
}

impl Pace {
    fn judge(&self, seen: Seen) -> Finding {
        let Seen { count, sum } = seen;
        let above = self.count_above.is_some_and(|most| count > most)
            || self.sum_above.is_some_and(|most| sum > u128::from(most));
        found(above, || {
            let most =
                |most: Option<u64>| most.map_or_else(String::new, |it| format!(" of at most {it}"));
            let (counts, sums) = (most(self.count_above), most(self.sum_above));
            format!("{count}{counts} transfers, {sum}{sums} in {} s", self.window_seconds)
        })
    }
}

#[cfg(test)]
mod tests;
