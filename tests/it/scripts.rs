//! The rules as tables: `scripts/*.txt`, one line per command with what becomes of it.
//!
//! ```text
//! policy wallet IDR ceiling=100000 month=400000     limits, before anything else
//! open ani wallet IDR floor=-500                    an account
//! at 2026-10-31T23:59:59+07:00                      the time from here on
//! p1: pay ani -> warung 25000 fee=fees:250 => moved ani=75000 warung=24750
//! pay ani -> warung 999999 => refused insufficient_funds
//! ```
//!
//! A label names the entry for later lines (`payment=@p1`). After `=>` stands the verdict, then
//! balances as they must be: `ani=` is the balance, `ani.held=` what is set aside, `ani.free=` what
//! can be spent. After every line the whole book is in balance and nobody is below a floor; at the
//! end a replay of all entries gives the same book.

mod awaited;
mod payout;
mod refund;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use gerbang::ledger::book::Book;
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{AccountKind, AccountOpened, Event, Fact, Fee, FreezeSet, Hold};
use gerbang::ledger::event::{HoldReleased, Movement, MovementKind, Origin, Refusal};
use gerbang::ledger::event::{TopUpRejected, TopUpRequested};
use gerbang::ledger::id::{AccountId, Position, Principal};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::policy::{Policies, Policy};
use gerbang::ledger::reference::Match;
use gerbang::ledger::rejection::Rejection;
use gerbang::ledger::text::Line;
use gerbang::ledger::time::Timestamp;

use crate::model::Model;
use crate::world::{NOT_THE_LEDGERS, amount, dawn, origin, user};

const SCRIPTS: [(&str, &str); 14] = [
    ("adjustments", include_str!("scripts/adjustments.txt")),
    ("amounts", include_str!("scripts/amounts.txt")),
    ("bills", include_str!("scripts/bills.txt")),
    ("charges", include_str!("scripts/charges.txt")),
    ("currencies", include_str!("scripts/currencies.txt")),
    ("floors", include_str!("scripts/floors.txt")),
    ("freezes", include_str!("scripts/freezes.txt")),
    ("given_back", include_str!("scripts/given_back.txt")),
    ("holds", include_str!("scripts/holds.txt")),
    ("limits", include_str!("scripts/limits.txt")),
    ("payments", include_str!("scripts/payments.txt")),
    ("payouts", include_str!("scripts/payouts.txt")),
    ("refunds", include_str!("scripts/refunds.txt")),
    ("top_ups", include_str!("scripts/top_ups.txt")),
];

#[test]
fn every_script_holds() {
    for (name, text) in SCRIPTS {
        let mut world = World::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap().trim();
            if !line.is_empty()
                && let Err(error) = world.run(line)
            {
                panic!("scripts/{name}.txt:{}: {error}\n  {line}", number + 1);
            }
        }
        world.replay();
    }
}

#[test]
fn every_refusal_is_in_a_script() {
    let all: String = SCRIPTS.iter().map(|(_, text)| *text).collect();
    for rejection in Rejection::ALL.into_iter().filter(|r| is_the_ledgers(*r)) {
        let verdict = format!("=> refused {}", name(rejection));
        assert!(all.lines().any(|line| line.contains(&verdict)), "no script says {verdict}");
    }
}

#[test]
fn names_of_refusals_are_their_codes_but_for_limits() {
    for rejection in Rejection::ALL {
        match rejection {
            Rejection::BalanceCeiling | Rejection::IncomingPerMonth | Rejection::TransferLimit => {
                assert_eq!(rejection.code(), "limit_exceeded");
            }
            _ => assert_eq!(rejection.code(), name(rejection)),
        }
    }
    let codes: BTreeSet<&str> = Rejection::ALL.iter().map(|r| r.code()).collect();
    assert_eq!(codes.len(), Rejection::ALL.len() - 2);
}

/// Scripts look payees up by name themselves.
fn is_the_ledgers(rejection: Rejection) -> bool {
    rejection == Rejection::RecipientNotFound || !NOT_THE_LEDGERS.contains(&rejection)
}

/// The variant's name in snake case.
fn name(rejection: Rejection) -> String {
    let mut name = String::new();
    for (index, letter) in format!("{rejection:?}").char_indices() {
        if letter.is_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// A line taken apart.
struct Words<'a> {
    plain: Vec<&'a str>,
    options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        let (mut plain, mut options) = (Vec::new(), BTreeMap::new());
        for word in text.split_whitespace().filter(|word| *word != "->") {
            match word.split_once('=') {
                Some((key, value)) => drop(options.insert(key, value)),
                None => plain.push(word),
            }
        }
        Self { plain, options }
    }

    fn word(&self, index: usize) -> Result<&'a str, String> {
        self.plain.get(index).copied().ok_or_else(|| format!("word {index} is missing"))
    }

    fn amount(&self, index: usize) -> Result<Amount, String> {
        let units = self.word(index)?.parse().map_err(|_| "no amount".to_owned())?;
        Amount::new(units).ok_or_else(|| "no amount".to_owned())
    }
}

struct World {
    book: Book,
    model: Model,
    events: Vec<Event>,
    policies: Policies,
    names: BTreeMap<String, AccountId>,
    labels: BTreeMap<String, Position>,
    origins: Vec<Origin>,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            book: Book::new(),
            model: Model::default(),
            events: Vec::new(),
            policies: Policies::default(),
            names: BTreeMap::new(),
            labels: BTreeMap::new(),
            origins: Vec::new(),
            now: dawn(),
        };
        world.follow(Fact::Genesis);
        world
    }

    fn run(&mut self, line: &str) -> Result<(), String> {
        let Some((asked, expected)) = line.split_once("=>") else { return self.prepare(line) };
        let (label, asked) = match asked.split_once(": ") {
            Some((label, asked)) => (Some(label.trim()), asked),
            None => (None, asked),
        };
        let words = Words::new(asked);
        let expected = Words::new(expected);
        let verdict = self.ask(asked, &words)?;
        if verdict != expected.plain.join(" ") {
            return Err(format!("it is {verdict}"));
        }
        if let Some(label) = label {
            self.labels.insert(label.to_owned(), self.book.position.unwrap());
        }
        for (what, units) in &expected.options {
            let is = self.look(what)?;
            if units.parse() != Ok(is) {
                return Err(format!("{what} is {is}"));
            }
        }
        self.balanced()
    }

    /// `policy`, `open` and `at`.
    fn prepare(&mut self, line: &str) -> Result<(), String> {
        let words = Words::new(line);
        let option = |name: &str| words.options.get(name).map(|value| value.parse().unwrap());
        match words.word(0)? {
            "policy" => {
                let (kind, currency) = (kind(words.word(1)?)?, currency(words.word(2)?)?);
                let policy = Policy {
                    ceiling: option("ceiling").map(amount),
                    incoming_per_month: option("month").map(amount),
                };
                self.policies.0.push((kind, currency, policy));
            }
            "open" => {
                let account = AccountId(u32::try_from(self.names.len()).unwrap());
                let floor = words.options.get("floor").map_or(0, |floor| floor.parse().unwrap());
                let (kind, currency) = (kind(words.word(2)?)?, currency(words.word(3)?)?);
                let opened = AccountOpened {
                    account,
                    kind,
                    currency,
                    owner: None,
                    floor,
                    by: Principal::System,
                };
                self.names.insert(words.word(1)?.to_owned(), account);
                self.follow(Fact::AccountOpened(opened));
            }
            "at" => {
                let time = Timestamp::parse_rfc3339(words.word(1)?);
                self.now = time.ok_or_else(|| "no time".to_owned())?;
            }
            other => return Err(format!("{other} needs a verdict, or is not known")),
        }
        Ok(())
    }

    /// The verdict in words.
    fn ask(&mut self, text: &str, words: &Words<'_>) -> Result<String, String> {
        let origin = self.origin(text, words);
        for known in &self.origins {
            match known.compare(&origin) {
                Match::OtherKey => {}
                Match::Replay => return Ok("replayed".to_owned()),
                Match::Reused => return Ok("reference_reused".to_owned()),
            }
        }
        self.origins.push(origin.clone());
        let Some(command) = self.command(&origin, words)? else {
            let (account, rejection) = (None, Rejection::RecipientNotFound);
            let amount = Some(words.amount(3)?);
            self.follow(Fact::Refused(Refusal {
                origin,
                account,
                amount,
                rejection,
                note: Line::empty(),
            }));
            return Ok(format!("refused {}", name(rejection)));
        };
        let verdict = self.book.decide(&command, self.now, &self.policies).err();
        let second = self.model.verdict(&command, self.now, &self.policies);
        if verdict != second {
            return Err(format!("the ledger says {verdict:?}, the oracle {second:?}"));
        }
        match verdict {
            Some(rejection) => {
                self.follow(command.into_refusal(rejection));
                Ok(format!("refused {}", name(rejection)))
            }
            None => {
                let fact = command.into_fact();
                let done = done(&fact);
                self.follow(fact);
                Ok(done.to_owned())
            }
        }
    }

    /// Who asks, and under which reference: one of its own unless the line says.
    fn origin(&self, text: &str, words: &Words<'_>) -> Origin {
        let own = format!("line-{}", self.events.len());
        let reference = words.options.get("ref").copied().unwrap_or(&own);
        let asked: String = text.split_whitespace().collect();
        origin(self.principal(words, "by"), reference, &asked)
    }

    /// `by=ani` is the user of that account, `by=admin2` the second administrator.
    fn principal(&self, words: &Words<'_>, option: &str) -> Principal {
        match words.options.get(option).copied() {
            None => user(1_000),
            Some("operator") => Principal::Operator,
            Some("system") => Principal::System,
            Some(name) => match name.strip_prefix("admin") {
                Some(number) => user(1_000 + number.parse::<u32>().unwrap_or(0)),
                None => user(self.names[name].0),
            },
        }
    }

    /// None: there is nobody of that name to be paid.
    fn command(&self, origin: &Origin, words: &Words<'_>) -> Result<Option<Command>, String> {
        let origin = origin.clone();
        let account = |index| self.account(words, index);
        let reason = Line::empty();
        for command in [payout::command, awaited::command, refund::command] {
            if let Some(command) = command(self, &origin, words)? {
                return Ok(Some(command));
            }
        }
        Ok(Some(match words.word(0)? {
            "pay" if !self.names.contains_key(words.word(2)?) => return Ok(None),
            "pay" | "refund" | "top-up" | "approve" | "adjust" | "post" => {
                Command::Move(self.movement(origin, words)?)
            }
            "hold" => {
                let seconds = words.options.get("expires").map_or(60, |s| s.parse().unwrap());
                let expires = self.now.plus_seconds(seconds);
                let (account, amount) = (account(1)?, words.amount(2)?);
                let currency = self.currency(account, words)?;
                Command::Hold(Hold { origin, account, amount, currency, expires })
            }
            verb @ ("void" | "expire") => {
                let (hold, account) = (self.labelled(words.word(1)?)?, account(2)?);
                let expired = verb == "expire";
                Command::Release(HoldReleased { origin, hold, account, expired })
            }
            "request" => {
                let (account, amount) = (account(1)?, words.amount(2)?);
                let (currency, bank) = (self.currency(account, words)?, Line::empty());
                let sender = Line::empty();
                let request = TopUpRequested { origin, account, amount, currency, bank, sender };
                Command::RequestTopUp(request)
            }
            "reject" => {
                let (request, account) = (self.labelled(words.word(1)?)?, account(2)?);
                Command::RejectTopUp(TopUpRejected { origin, request, account, reason })
            }
            verb @ ("freeze" | "thaw") => {
                let (account, frozen) = (account(1)?, verb == "freeze");
                Command::Freeze(FreezeSet { origin, account, frozen, reason })
            }
            other => return Err(format!("{other} is not known")),
        }))
    }

    /// `<verb> [@label] <giver> -> <receiver> <amount>`.
    fn movement(&self, origin: Origin, words: &Words<'_>) -> Result<Movement, String> {
        let verb = words.word(0)?;
        let by = self.principal(words, "by");
        let labelled = |option: &str| {
            let label = words.options.get(option).ok_or_else(|| format!("{option}= is missing"))?;
            self.labelled(label)
        };
        let kind = match verb {
            "pay" => MovementKind::Payment,
            "refund" => {
                let payment = labelled("payment")?;
                MovementKind::Refund { payment, paid: self.paid(payment)? }
            }
            "top-up" => MovementKind::TopUp { request: None, by },
            "approve" => MovementKind::TopUp { request: Some(labelled("request")?), by },
            "adjust" => MovementKind::Adjustment { by },
            _ => MovementKind::HoldPosted { hold: labelled("hold")? },
        };
        let party = |index| self.account(words, index);
        let (debit, credit, amount) = (party(1)?, party(2)?, words.amount(3)?);
        let fee = match words.options.get("fee").and_then(|fee| fee.split_once(':')) {
            Some((account, units)) => {
                let units = units.parse().map_err(|_| "no fee".to_owned())?;
                Some(Fee { account: self.names[account], amount: crate::world::amount(units) })
            }
            None => None,
        };
        let currency = self.currency(debit, words)?;
        let note = Line::empty();
        Ok(Movement { origin, kind, debit, credit, amount, currency, fee, note })
    }

    /// What was paid at `payment`.
    fn paid(&self, payment: Position) -> Result<Amount, String> {
        let index = usize::try_from(payment.get()).unwrap() - 1;
        match &self.events[index].fact {
            Fact::Moved(movement) => Ok(movement.amount),
            other => Err(format!("{other:?} is no payment")),
        }
    }

    /// The account's own currency unless the line says.
    fn currency(&self, account: AccountId, words: &Words<'_>) -> Result<Currency, String> {
        match words.options.get("currency") {
            Some(code) => currency(code),
            None => Ok(self.book.account(account).unwrap().currency),
        }
    }

    fn account(&self, words: &Words<'_>, index: usize) -> Result<AccountId, String> {
        let name = words.word(index)?;
        self.names.get(name).copied().ok_or_else(|| format!("{name} has no account"))
    }

    /// Paid to the house.
    fn fee(&self, amount: Amount) -> Fee {
        Fee { account: self.names["fees"], amount }
    }

    fn labelled(&self, label: &str) -> Result<Position, String> {
        let label = label.trim_start_matches('@');
        self.labels.get(label).copied().ok_or_else(|| format!("nothing is labelled {label}"))
    }

    fn follow(&mut self, fact: Fact) {
        let event = Event { at: self.now, fact };
        let position = self.book.next();
        self.book.apply(position, &event);
        self.model.apply(position, &event);
        self.events.push(event);
    }

    fn look(&self, what: &str) -> Result<i128, String> {
        let (name, part) = what.split_once('.').unwrap_or((what, "balance"));
        let id = self.names.get(name).ok_or_else(|| format!("{name} has no account"))?;
        let account = self.book.account(*id).unwrap();
        match part {
            "balance" => Ok(account.balance().units()),
            "held" => Ok(account.on_hold().units()),
            "free" => Ok(account.available().units()),
            other => Err(format!("an account has no {other}")),
        }
    }

    fn balanced(&self) -> Result<(), String> {
        if !self.book.imbalances().is_empty() {
            return Err("debits are not credits".to_owned());
        }
        for account in self.book.accounts() {
            let purse = self.model.purse(account.id);
            if account.balance().units() != purse.balance {
                return Err(format!("{account:?} is {purse:?} to the oracle"));
            }
            // A deposit begins empty and so below its floor.
            if !account.is_above_floor() && account.credits.units() > 0 {
                return Err(format!("below its floor: {account:?}"));
            }
        }
        Ok(())
    }

    /// All entries once more, in a new book.
    fn replay(self) {
        let mut book = Book::new();
        for event in &self.events {
            book.apply(book.next(), event);
        }
        assert_eq!(book, self.book);
    }
}

fn done(fact: &Fact) -> &'static str {
    match fact {
        Fact::Moved(_) => "moved",
        Fact::Held(_) => "held",
        Fact::HoldReleased(_) => "released",
        Fact::TopUpRequested(_) => "requested",
        Fact::TopUpRejected(_) => "rejected",
        Fact::FreezeSet(set) if set.frozen => "frozen",
        Fact::FreezeSet(_) => "thawed",
        Fact::PayoutStarted(_) => "payout",
        Fact::PayoutAdvanced(_) => "advanced",
        Fact::PayoutFailed(_) => "failed",
        Fact::BillIssued(_) => "issued",
        Fact::BillCancelled(_) => "cancelled",
        Fact::ChargeStarted(_) => "awaited",
        Fact::ChargeAdvanced(_) | Fact::RefundAdvanced(_) => "advanced",
        Fact::RefundStarted(_) => "begun",
        _ => "recorded",
    }
}

fn kind(word: &str) -> Result<AccountKind, String> {
    let all = [
        AccountKind::Wallet,
        AccountKind::Merchant,
        AccountKind::Escrow,
        AccountKind::Clearing,
        AccountKind::Fees,
        AccountKind::Suspense,
    ];
    all.into_iter().find(|kind| kind.name() == word).ok_or_else(|| format!("{word} is no kind"))
}

fn currency(code: &str) -> Result<Currency, String> {
    Currency::parse(code).ok_or_else(|| format!("{code} is no currency"))
}
