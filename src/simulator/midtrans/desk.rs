//! What the provider knows and decides: transactions, their numbers, and the pages payers are on.
//!
//! It has no clock and sends nothing: time comes as an argument, and what has changed is handed out
//! by [`Desk::changes`], to be told to the merchant.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;

use serde_json::Map;

use super::book::{Book, Entry};
use super::numbers;
use crate::connector::midtrans::answer::{Begun, Done};
use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::refund::RefundRequest;
use crate::connector::midtrans::status::Status;
use crate::connector::midtrans::text;
use crate::connector::midtrans::transaction::{RefundPart, Refunded, Transaction};
use crate::http::midtrans::session::Session;
use crate::http::midtrans::{Act, Kept, Opened, Places, Refusal};
use crate::ledger::money::Amount;
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use crate::simulator::faults::mix;

/// Who is paid, in every answer.
const MERCHANT_ID: &str = "G812785002";

/// Something that changed, as the merchant is to hear of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Change {
    pub(super) kept: Kept,
    pub(super) places: Places,
}

/// A page.
struct Page {
    session: Session,
    places: Places,
    closes: Timestamp,
    cancelled: bool,
}

/// What is done to a transaction by others than the merchant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// It is paid; another amount than was asked for, if one is given.
    Paid(Option<Amount>),
    /// Paid although its time had passed or it was cancelled.
    PaidLate,
    /// The bank refuses it, or takes a settlement back.
    Denied,
    /// Its time has passed.
    Expired,
}

/// The provider's desk.
pub(super) struct Desk {
    seed: u64,
    base: String,
    entries: Vec<Entry>,
    /// By transaction id.
    by_id: HashMap<String, usize>,
    /// The latest of an order.
    by_order: HashMap<String, usize>,
    /// The latest that has a number.
    by_number: HashMap<String, usize>,
    /// What is pending, soonest end first.
    due: BTreeSet<(Timestamp, usize)>,
    pages: HashMap<String, Page>,
    book: Book,
    changes: Vec<Change>,
}

impl Desk {
    /// A desk that goes on with what is in the file of its book, if it has one.
    pub(super) fn open(seed: u64, book: Option<&Path>) -> io::Result<Self> {
        let (book, entries) = Book::open(book)?;
        let mut desk = Self {
            seed,
            base: String::new(),
            entries: Vec::new(),
            by_id: HashMap::new(),
            by_order: HashMap::new(),
            by_number: HashMap::new(),
            due: BTreeSet::new(),
            pages: HashMap::new(),
            book,
            changes: Vec::new(),
        };
        for entry in entries {
            match desk.by_id.get(&entry.kept.transaction.transaction_id) {
                Some(place) => desk.replace(*place, entry),
                None => desk.add(entry),
            }
        }
        Ok(desk)
    }

    /// Where payers reach us, without a slash at the end.
    pub(super) fn listens_at(&mut self, base: String) {
        self.base = base;
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What has changed since this was asked last, in order.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Every transaction in the order they began.
    pub(super) fn transactions(&self) -> impl DoubleEndedIterator<Item = &Kept> {
        self.entries.iter().map(|entry| &entry.kept)
    }

    pub(super) fn charge(
        &mut self,
        charge: &Charge,
        places: Places,
        now: Timestamp,
    ) -> Result<Kept, Refusal> {
        self.expire_due(now)?;
        if self.by_order.get(&charge.order_id).is_some_and(|place| self.holds_order(*place)) {
            return Err(Refusal::OrderIdTaken);
        }
        let word = self.word(&charge.order_id, now);
        let transaction_id = uuid(word);
        let instructions =
            numbers::instructions(charge, &transaction_id, (word, &self.base), |number| {
                self.by_number.get(number).is_some_and(|place| self.is_pending(*place))
            });
        let begun = Begun {
            transaction_id,
            merchant_id: MERCHANT_ID.to_owned(),
            time: now,
            instructions: instructions.ok_or(Refusal::NoNumber)?,
        };
        let kept = Kept { transaction: Transaction::begun(charge, begun), method: charge.method };
        let entry = Entry { kept: kept.clone(), places };
        self.book.enter(&entry).map_err(|_| Refusal::Internal)?;
        self.tell(&entry);
        self.add(entry);
        Ok(kept)
    }

    pub(super) fn find(&mut self, id: &str, now: Timestamp) -> Result<&Kept, Refusal> {
        self.expire_due(now)?;
        let place = self.place(id)?;
        Ok(&self.entries[place].kept)
    }

    pub(super) fn act(&mut self, act: Act, id: &str, now: Timestamp) -> Result<Kept, Refusal> {
        self.expire_due(now)?;
        let place = self.place(id)?;
        let status = match act {
            Act::Cancel => Status::Cancel,
            Act::Expire => Status::Expire,
            // Only cards are challenged, and there are none.
            Act::Approve | Act::Deny => return Err(Refusal::State),
        };
        if !self.is_pending(place) {
            return Err(Refusal::State);
        }
        self.change(place, |transaction| transaction.status = status)
    }

    pub(super) fn refund(
        &mut self,
        id: &str,
        request: RefundRequest,
        direct: bool,
        now: Timestamp,
    ) -> Result<(Kept, Done), Refusal> {
        self.expire_due(now)?;
        let place = self.place(id)?;
        let kept = &self.entries[place].kept;
        let known = &kept.transaction;
        let open = matches!(known.status, Status::Settlement | Status::PartialRefund);
        if !kept.method.is_refundable() || !open {
            return Err(Refusal::State);
        }
        let parts = &known.refunded.parts;
        if request.key.is_some() && parts.iter().any(|part| part.key == request.key) {
            return Err(Refusal::RefundKeyTaken);
        }
        let before = known.refunded.amount.unwrap_or_default();
        let left = known.amount.get().saturating_sub(before);
        let amount = request.amount.map_or(left, Amount::get);
        if amount > left || left == 0 {
            return Err(Refusal::RefundAmount);
        }
        let part = RefundPart {
            chargeback_id: parts.len() as u64 + 1,
            amount,
            created: now,
            reason: request.reason,
            key: request.key,
            method: direct.then(|| "online".to_owned()),
            confirmed: direct.then_some(now),
            others: Map::new(),
        };
        let status = if amount == left { Status::Refund } else { Status::PartialRefund };
        let told = Refunded {
            amount: Some(amount),
            chargeback_id: Some(part.chargeback_id),
            key: part.key.clone(),
            parts: Vec::new(),
        };
        let kept = self.change(place, |transaction| {
            transaction.status = status;
            transaction.refunded.amount = Some(before + amount);
            transaction.refunded.parts.push(part);
        })?;
        let transaction = Transaction { refunded: told, ..kept.transaction };
        let done = if direct { Done::RefundedDirectly } else { Done::Refunded };
        Ok((Kept { transaction, ..kept }, done))
    }

    /// What others do to the transaction of this id or number.
    pub(super) fn happen(
        &mut self,
        id: &str,
        event: Event,
        now: Timestamp,
    ) -> Result<Kept, Refusal> {
        self.expire_due(now)?;
        let place = self.by_number.get(id).copied().map_or_else(|| self.place(id), Ok)?;
        let status = self.entries[place].kept.transaction.status;
        let pending = status == Status::Pending;
        let ended = matches!(status, Status::Expire | Status::Cancel);
        match event {
            Event::Paid(amount) if pending => self.change(place, |transaction| {
                transaction.status = Status::Settlement;
                transaction.settled = Some(now);
                transaction.amount = amount.unwrap_or(transaction.amount);
            }),
            Event::PaidLate if pending || ended => self.change(place, |transaction| {
                transaction.status = Status::Settlement;
                transaction.settled = Some(now);
            }),
            Event::Denied if pending || status == Status::Settlement => {
                self.change(place, |transaction| transaction.status = Status::Deny)
            }
            Event::Expired if pending => {
                self.change(place, |transaction| transaction.status = Status::Expire)
            }
            Event::Paid(_) | Event::PaidLate | Event::Denied | Event::Expired => {
                Err(Refusal::State)
            }
        }
    }

    /// The merchant is told once more how a transaction stands.
    pub(super) fn tell_again(&mut self, id: &str, now: Timestamp) -> Result<Kept, Refusal> {
        self.expire_due(now)?;
        let place = self.by_number.get(id).copied().map_or_else(|| self.place(id), Ok)?;
        let entry = self.entries[place].clone();
        self.tell(&entry);
        Ok(entry.kept)
    }

    /// Ends what has not been paid in time.
    pub(super) fn expire_due(&mut self, now: Timestamp) -> Result<(), Refusal> {
        while let Some((end, place)) = self.due.first().copied() {
            if end > now {
                break;
            }
            self.change(place, |transaction| transaction.status = Status::Expire)?;
        }
        Ok(())
    }

    /// What began or was paid on a day of Jakarta, as `2026-01-31`.
    pub(super) fn of_day(&self, date: &str) -> Vec<&Kept> {
        let is_on = |time: Option<Timestamp>| {
            time.is_some_and(|time| time.date(BOOK_OFFSET_SECONDS).to_string() == date)
        };
        let of_day = |kept: &&Kept| is_on(kept.transaction.time) || is_on(kept.transaction.settled);
        self.transactions().filter(of_day).collect()
    }

    pub(super) fn open_page(
        &mut self,
        session: Session,
        places: Places,
        now: Timestamp,
    ) -> Result<Opened, Refusal> {
        let order = session.order_id();
        if self.by_order.get(order).is_some_and(|place| self.holds_order(*place)) {
            return Err(Refusal::OrderIdTaken);
        }
        let token = uuid(self.word(order, now) ^ self.pages.len() as u64);
        let redirect_url = format!("{}/snap/v3/redirection/{token}", self.base);
        let closes = now.plus_seconds(session.seconds);
        let page = Page { session, places, closes, cancelled: false };
        self.pages.insert(token.clone(), page);
        Ok(Opened { token, redirect_url })
    }

    pub(super) fn close_page(&mut self, token: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
        let page = self.pages.get(token).ok_or(Refusal::NotFound)?;
        if page.cancelled {
            return Err(Refusal::SessionCancelled);
        }
        if self.by_order.contains_key(page.session.order_id()) {
            return Err(Refusal::SessionInProgress);
        }
        if let Some(page) = self.pages.get_mut(token) {
            page.cancelled = true;
        }
        Ok(now)
    }

    /// What a page is about, if it is open; and the transaction, once a method was picked.
    pub(super) fn page(&self, token: &str, now: Timestamp) -> Option<(&Session, Option<&Kept>)> {
        let page = self.pages.get(token)?;
        let kept = self.by_order.get(page.session.order_id());
        let open = !page.cancelled && (now < page.closes || kept.is_some());
        open.then(|| (&page.session, kept.map(|place| &self.entries[*place].kept)))
    }

    /// The payer picks a method.
    pub(super) fn pick(
        &mut self,
        token: &str,
        method: &str,
        now: Timestamp,
    ) -> Result<Kept, Refusal> {
        let (session, begun) = self.page(token, now).ok_or(Refusal::NotFound)?;
        if begun.is_some() {
            return Err(Refusal::SessionInProgress);
        }
        let charge = session.pick(method).ok_or(Refusal::NotEnabled)?;
        let places = self.pages.get(token).map(|page| page.places.clone()).unwrap_or_default();
        self.charge(&charge, places, now)
    }

    fn place(&self, id: &str) -> Result<usize, Refusal> {
        let place = self.by_order.get(id).or_else(|| self.by_id.get(id));
        place.copied().ok_or(Refusal::NotFound)
    }

    fn is_pending(&self, place: usize) -> bool {
        self.entries[place].kept.transaction.status == Status::Pending
    }

    /// Whether its order id cannot be charged again.
    fn holds_order(&self, place: usize) -> bool {
        let status = self.entries[place].kept.transaction.status;
        !matches!(status, Status::Cancel | Status::Expire | Status::Deny | Status::Failure)
    }

    /// Changes a transaction: in the book first, so that what is told is remembered.
    fn change(
        &mut self,
        place: usize,
        change: impl FnOnce(&mut Transaction),
    ) -> Result<Kept, Refusal> {
        let mut entry = self.entries[place].clone();
        change(&mut entry.kept.transaction);
        self.book.enter(&entry).map_err(|_| Refusal::Internal)?;
        let kept = entry.kept.clone();
        self.tell(&entry);
        self.replace(place, entry);
        Ok(kept)
    }

    fn tell(&mut self, entry: &Entry) {
        self.changes.push(Change { kept: entry.kept.clone(), places: entry.places.clone() });
    }

    fn add(&mut self, entry: Entry) {
        let place = self.entries.len();
        let transaction = &entry.kept.transaction;
        self.by_id.insert(transaction.transaction_id.clone(), place);
        self.by_order.insert(transaction.order_id.clone(), place);
        for number in numbers::named_by(&transaction.instructions) {
            self.by_number.insert(number.to_owned(), place);
        }
        self.entries.push(entry);
        self.put_in_due(place);
    }

    fn replace(&mut self, place: usize, entry: Entry) {
        self.entries[place] = entry;
        self.put_in_due(place);
    }

    fn put_in_due(&mut self, place: usize) {
        let Transaction { status, expires, .. } = &self.entries[place].kept.transaction;
        if let Some(end) = *expires {
            match status {
                Status::Pending => self.due.insert((end, place)),
                _ => self.due.remove(&(end, place)),
            };
        }
    }

    /// A random word that is another one for every order, time and place in the book.
    fn word(&self, order_id: &str, now: Timestamp) -> u64 {
        let start = mix(self.seed ^ mix(now.micros().unsigned_abs() ^ self.entries.len() as u64));
        order_id.bytes().fold(start, |word, byte| mix(word ^ u64::from(byte)))
    }
}

/// A UUID that follows from a word.
pub(super) fn uuid(word: u64) -> String {
    let (high, low) = (mix(word), mix(!word));
    text::uuid((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}
