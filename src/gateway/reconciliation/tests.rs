//! Reading a part of the journal finds what reading all of it does.

use super::*;
use crate::journal::{BatchBuilder, Hash};
use crate::ledger::event::{Event, Movement, Origin};
use crate::ledger::id::{AccountId, Principal};
use crate::ledger::payout::{Beneficiary, PayoutFailed, Purpose, Try};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line as Text, Reference};

const OURS: &str = "009";
const DAYS: u64 = 12;

/// A journal of some days, made up by a seed.
struct World {
    history: History,
    state: u64,
    /// Payouts that have not ended, and whether each waits for a person.
    open: Vec<(Position, bool)>,
    /// What tries are called.
    names: Vec<String>,
}

fn bank(code: &str) -> BankCode {
    BankCode::parse(code).unwrap()
}

fn origin(name: &str) -> Origin {
    Origin {
        principal: Principal::System,
        reference: Reference::parse(name).unwrap(),
        digest: DigestBuilder::new("test").finish(),
    }
}

fn amount() -> Amount {
    Amount::new(10_000).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let (history, open, names) = (History::new(), Vec::new(), Vec::new());
        let mut world = Self { history, state: seed, open, names };
        let began = Timestamp::midnight(day(0), BOOK_OFFSET_SECONDS).micros();
        let mut at = began;
        while at < began + i64::try_from(DAYS).unwrap() * 86_400_000_000 {
            world.write(Timestamp::from_micros(at));
            at += i64::try_from(world.below(9_000_000_000)).unwrap();
        }
        world
    }

    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.state >> 33) % end
    }

    fn route(&mut self) -> Try {
        let bank = bank(if self.below(4) == 0 { "014" } else { OURS });
        Try { bank, interbank: false, fee: None, why: Text::empty() }
    }

    /// A batch of a few entries.
    fn write(&mut self, at: Timestamp) {
        let first = self.history.last().map_or(Position::FIRST, |last| last.plus(1));
        let mut batch = BatchBuilder::new(first, at, Hash::GENESIS);
        let count = 1 + self.below(3);
        for place in 0..count {
            let fact = self.fact(first.plus(place), at);
            batch.push(&Event { at, fact }, &[]);
        }
        let batch = batch.finish();
        for recorded in batch.records().map(Result::unwrap) {
            if payout_of(&recorded).is_some() {
                self.names.push(bank_reference(&recorded));
            }
        }
        self.history.push(batch);
    }

    fn fact(&mut self, position: Position, at: Timestamp) -> Fact {
        if self.open.is_empty() || self.below(3) == 0 {
            let waits = self.below(3) == 0;
            self.open.push((position, waits));
            let route = self.route();
            return Fact::PayoutStarted(Box::new(PayoutStarted {
                origin: origin("transfer"),
                account: AccountId(2),
                amount: amount(),
                currency: Currency::IDR,
                purpose: Purpose::Transfer,
                sender: Text::empty(),
                beneficiary: Beneficiary {
                    bank: route.bank,
                    number: Text::empty(),
                    name: Text::empty(),
                },
                remark: Text::empty(),
                route,
                rule: Text::empty(),
                challenged_until: waits.then_some(at),
                callback: false,
                fee_max: None,
            }));
        }
        let place = usize::try_from(self.below(u64::try_from(self.open.len()).unwrap())).unwrap();
        self.step(place)
    }

    fn step(&mut self, place: usize) -> Fact {
        let (payout, waits) = self.open[place];
        let reason = Text::empty();
        let step = match (waits, self.below(5)) {
            (true, 0..4) => PayoutStep::Released { by: Principal::Operator, reason },
            (false, 0..2) => PayoutStep::NextTry { route: self.route(), reason },
            (false, 2) => PayoutStep::Unknown { reason },
            (_, kind) => {
                self.open.remove(place);
                return end(payout, kind == 3);
            }
        };
        self.open[place].1 = false;
        let (origin, account) = (origin("step"), AccountId(2));
        Fact::PayoutAdvanced(Box::new(PayoutAdvanced { origin, payout, account, attempt: 1, step }))
    }

    /// What a bank might send about some of the days.
    fn statement(&mut self) -> Vec<Line> {
        let (from, length) = (self.below(DAYS), self.below(4));
        let mut text =
            "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n".to_owned();
        let names = u64::try_from(self.names.len()).unwrap();
        for number in 0..2 + self.below(6) {
            let date = day(from + if number == 0 { length } else { self.below(length + 1) });
            let place = usize::try_from(self.below(names)).unwrap();
            let name = self.names[place].clone();
            let name = match self.below(6) {
                0 => String::new(),
                1 => "FDP29771029211".to_owned(),
                // Of another store, or of none.
                2 => name.replace('0', "1"),
                _ => name,
            };
            text += &format!("{date},{name},009,1,10000,IDR,DEBIT\n");
        }
        reconcile::parse(text.as_bytes()).unwrap()
    }
}

fn day(number: u64) -> Date {
    let start = jiff::civil::date(2026, 11, 21);
    (0..number).fold(start, |date, _| date.tomorrow().unwrap())
}

fn end(payout: Position, is_paid: bool) -> Fact {
    let (origin, by) = (origin("end"), Principal::System);
    if is_paid {
        return Fact::Moved(Movement {
            origin,
            kind: MovementKind::PaidOut { payout, by },
            debit: AccountId(2),
            credit: AccountId(0),
            amount: amount(),
            currency: Currency::IDR,
            fee: None,
            note: Text::empty(),
        });
    }
    let (account, code, reason) = (AccountId(2), Text::empty(), Text::empty());
    Fact::PayoutFailed(Box::new(PayoutFailed { origin, payout, account, by, code, reason }))
}

#[test]
fn a_part_of_the_journal_is_read_and_says_what_the_whole_does() {
    let (mut part, mut whole, mut ours) = (0, 0, 0);
    for seed in 0..12 {
        let mut world = World::new(seed);
        for _ in 0..8 {
            let lines = world.statement();
            let found = |is_whole: bool| {
                let mut search = Search::new(&world.history, bank(OURS), &lines).unwrap();
                let all = Position::FIRST..=world.history.last().unwrap();
                let stretch = if is_whole { all } else { search.stretch().unwrap() };
                search.read(stretch).unwrap();
                let batches = search.batches;
                (reconcile::reconcile(lines.clone(), search.found()), batches)
            };
            let (bounded, unbounded) = (found(false), found(true));
            assert_eq!(bounded.0, unbounded.0, "seed {seed}, {lines:?}");
            part += bounded.1;
            whole += unbounded.1;
            ours += bounded.0.rows.iter().filter(|row| row.ours.is_some()).count();
        }
    }
    assert!(ours > 100, "too narrow: {ours}");
    assert!(part < whole, "{part} of {whole} batches");
}

#[test]
fn what_no_line_names_and_no_day_holds_is_not_read() {
    let world = World::new(1);
    let text = format!(
        "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n\
         {},,009,1,10000,IDR,DEBIT\n",
        day(DAYS + 1)
    );
    let lines = reconcile::parse(text.as_bytes()).unwrap();
    let mut search = Search::new(&world.history, bank(OURS), &lines).unwrap();
    let stretch = search.stretch().unwrap();
    search.read(stretch).unwrap();
    assert_eq!(search.batches, 0, "nothing was written that late");
}
