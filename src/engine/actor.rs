//! An account that can refuse, as a task: it owns the account's admission state.
//!
//! # States of a movement between two accounts that can refuse
//!
//! ```text
//! giver: decide_debit ──ok──▶ promised ──Admit──▶ receiver: decide_credit ──ok──▶ event queued
//!           │ no                 ▲                            │ no                     │
//!           ▼                    │                            ▼                        │
//!     refusal queued             └───────── Settled ◀── refusal queued                 │
//!                                └───────── Settled ◀──────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - The state here is the committed state plus everything this account agreed to that is ahead of
//!   it in the queue, and it never spends a credit that is not durable yet.
//! - What is promised cannot be spent twice; it ends with exactly one `Settled`. Room for that
//!   message is reserved in the giver's mailbox before the receiver is asked, so two accounts that
//!   pay each other with full mailboxes answer `busy` and cannot wait for each other.
//! - A freeze waits until nothing is promised, so no payment stands behind the freeze of its payer.
//! - Only the receiver writes the event, so it cannot half-happen.
//! - What an account decides has times that never go back.
//! - A task retires only when the view shows all it knows; its successor starts from the view.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Shared;
use super::entry::{Busy, Entry, Reply};
use crate::ledger::account::{Account, Awaiting};
use crate::ledger::book::{NextOrders, next_orders};
use crate::ledger::command::Command;
use crate::ledger::event::{Event, Fact, MovementKind};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::money::Amount;
use crate::ledger::order::Order;
use crate::ledger::payout::{Callback, Payout};
use crate::ledger::policy::Policy;
use crate::ledger::rejection::Rejection;
use crate::ledger::time::Timestamp;

/// A command with its way back.
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) reply: Reply,
}

/// What an account's task can be told.
pub(super) enum Message {
    /// Decide this; you are the first to be asked.
    Submit(Box<Request>),
    /// Decide the receiving half; the giver, if it can refuse, has agreed and waits.
    Admit(Box<(Request, Option<Promise>)>),
    /// The receiver has decided about what you promised.
    Settled(Box<Settled>),
    /// Retire if nothing came since you were last asked.
    Retire,
}

/// The giver's word, on its way with the movement. Kept by [`Promise::end`]; dropped anywhere else,
/// it tells the giver that nothing came of it.
pub(super) struct Promise {
    /// Room in the giver's mailbox for the receiver's word.
    back: Option<mpsc::OwnedPermit<Message>>,
    /// What was set aside; nothing for a hold, which is set aside already.
    amount: Option<Amount>,
    /// The order it is about.
    subject: Option<Position>,
}

impl Promise {
    /// Tells the giver what came of it: the event as queued, if the receiver agreed.
    fn end(mut self, agreed: Option<Event>) {
        self.tell(agreed);
    }

    fn tell(&mut self, agreed: Option<Event>) {
        let settled = Settled { amount: self.amount, subject: self.subject, agreed };
        if let Some(back) = self.back.take() {
            back.send(Message::Settled(Box::new(settled)));
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.tell(None);
    }
}

/// The receiver's word about a promise.
pub(super) struct Settled {
    amount: Option<Amount>,
    subject: Option<Position>,
    agreed: Option<Event>,
}

/// The state of an account's task.
pub(super) struct Actor {
    shared: Arc<Shared>,
    sender: mpsc::Sender<Message>,
    policy: Policy,
    /// Credits are those this account has agreed to, for accounts that can refuse them.
    account: Account,
    /// Orders as they will be once what is queued is committed; `None`: closed.
    orders: BTreeMap<Position, Option<Order>>,
    /// Movements out that wait for the receiver's word.
    promises: usize,
    /// Commands about an order of which a movement waits for the receiver's word.
    deferred: BTreeMap<Position, Vec<Request>>,
    /// A freeze that waits for what was promised before it, and all that came behind it.
    behind: Vec<Request>,
    /// Whether anything came since retiring was last proposed.
    busy: bool,
    /// When it last decided something.
    decided: Timestamp,
}

impl Actor {
    /// A task for `id` that starts from the committed view.
    pub(super) fn new(shared: Arc<Shared>, id: AccountId, sender: mpsc::Sender<Message>) -> Self {
        let account = shared.view.account(id).expect("actors start for accounts that exist");
        let policy = shared.policies.of(account.kind, account.currency);
        Self {
            shared,
            sender,
            policy,
            account,
            orders: BTreeMap::new(),
            promises: 0,
            deferred: BTreeMap::new(),
            behind: Vec::new(),
            busy: true,
            decided: Timestamp::EPOCH,
        }
    }

    /// Receives and dispatches until retired.
    pub(super) async fn run(mut self, mut mailbox: mpsc::Receiver<Message>) {
        while let Some(message) = mailbox.recv().await {
            // Not across the wait: whoever drops a waiting task may be panicking for their own reasons.
            let _fatal = super::AbortOnPanic;
            let idle = matches!(message, Message::Retire) && !std::mem::take(&mut self.busy);
            match message {
                Message::Submit(request) => self.handle_submit(*request),
                Message::Admit(asked) => self.handle_admit(asked.0, asked.1),
                Message::Settled(settled) => self.handle_settled(*settled),
                Message::Retire if idle && self.may_retire() => {
                    if self.shared.directory.remove(self.account.id, &mailbox) {
                        break;
                    }
                }
                Message::Retire => {
                    self.forget_orders();
                    continue;
                }
            }
            self.busy = true;
        }
        // What was sent to this task while it left goes to its successor, which knows as much.
        mailbox.close();
        while let Some(message) = mailbox.recv().await {
            self.shared.send(self.account.id, message);
        }
    }

    fn handle_submit(&mut self, request: Request) {
        let is_freeze = matches!(request.command, Command::Freeze(_));
        if !self.behind.is_empty() || (is_freeze && self.promises > 0) {
            // A full list drops the request, which tells its caller `busy`.
            if self.behind.len() < self.shared.options.mailbox_max {
                self.behind.push(request);
            }
            return;
        }
        let subject = request.command.kept_order();
        if let Some(subject) = subject
            && let Some(waiting) = self.deferred.get_mut(&subject)
        {
            // A full list drops the request, which tells its caller `busy`.
            if waiting.len() < self.shared.options.deferred_max {
                waiting.push(request);
            }
            return;
        }
        let at = self.now();
        let order = subject.and_then(|subject| self.order(subject));
        if let Err(rejection) = self.decide(&request.command, at, order.as_ref()) {
            return self.refuse(request, at, rejection);
        }
        match &request.command {
            Command::Move(movement) if self.shared.is_asked(movement) => self.promise(request),
            _ => {
                let Request { command, reply } = request;
                self.agree(Event { at, fact: command.into_fact() }, reply);
            }
        }
    }

    fn decide(
        &self,
        command: &Command,
        at: Timestamp,
        order: Option<&Order>,
    ) -> Result<(), Rejection> {
        match command {
            Command::Move(movement) => self.spendable().decide_debit(movement, order),
            Command::Hold(hold) => self.spendable().decide_hold(hold),
            Command::Release(released) => self.account.decide_release(released, at, order),
            Command::RejectTopUp(rejected) => self.account.decide_top_up_rejection(rejected, order),
            Command::StartPayout(started) => self.spendable().decide_payout(started),
            Command::AdvancePayout(advanced) => {
                self.spendable().decide_payout_step(advanced, order)
            }
            Command::FailPayout(failed) => self.account.decide_payout_failure(failed, order),
            Command::CancelBill(cancelled) => self.account.decide_bill_cancelled(cancelled, order),
            Command::StartCharge(started) => self.account.decide_charge(started, order),
            Command::AdvanceCharge(advanced) => self.account.decide_charge_step(advanced, order),
            Command::StartRefund(started) => self.spendable().decide_refund(started, order),
            Command::AdvanceRefund(advanced) => self.account.decide_refund_step(advanced, order),
            Command::RequestTopUp(_)
            | Command::Freeze(_)
            | Command::NoteCallback(_)
            | Command::IssueBill(_) => Ok(()),
        }
    }

    /// The time of the next decision: a month that began here does not end because a clock is set
    /// back, or its limit would begin anew.
    fn now(&mut self) -> Timestamp {
        self.decided = self.shared.now().max(self.decided);
        self.decided
    }

    /// The account with durable credits only.
    fn spendable(&self) -> Account {
        let committed = self.shared.view.account(self.account.id).expect("accounts stay");
        Account { credits: committed.credits, ..self.account.clone() }
    }

    /// Asks the receiver, having set the money aside.
    fn promise(&mut self, request: Request) {
        let Command::Move(movement) = &request.command else {
            unreachable!("only movements have a receiver");
        };
        // Dropping the request here tells its caller `busy`.
        let Ok(back) = self.sender.clone().try_reserve_owned() else { return };
        let is_held = matches!(
            movement.kind,
            MovementKind::HoldPosted { .. }
                | MovementKind::PaidOut { .. }
                | MovementKind::GivenBack { .. }
        );
        let amount = (!is_held).then_some(movement.amount);
        let (receiver, subject) = (movement.credit, request.command.kept_order());
        self.promises += 1;
        if let Some(amount) = amount {
            self.account.held = self.account.held.plus(amount);
        }
        if let Some(subject) = subject {
            // Kept until the receiver's word: by then the view may show the order as it will be.
            let before = self.order(subject);
            self.orders.entry(subject).or_insert(before);
            self.deferred.insert(subject, Vec::new());
        }
        let promise = Promise { back: Some(back), amount, subject };
        let asked = Box::new((request, Some(promise)));
        self.shared.send(receiver, Message::Admit(asked));
    }

    fn handle_admit(&mut self, request: Request, promise: Option<Promise>) {
        let Request { command: Command::Move(movement), reply } = request else {
            unreachable!("only movements have a receiver");
        };
        let at = self.now();
        let kind = movement.kind;
        let kept = kind.is_receivers().then(|| kind.subject()).flatten();
        let order = kept.and_then(|order| self.order(order));
        let bill = kind.bill().and_then(|bill| self.order(bill));
        let awaiting = Awaiting { order: order.as_ref(), bill: bill.as_ref() };
        match self.account.decide_credit(&movement, at, &self.policy, awaiting) {
            Err(rejection) => {
                self.refuse(Request { command: Command::Move(movement), reply }, at, rejection);
            }
            Ok(()) => {
                let event = Event { at, fact: Fact::Moved(movement) };
                let copy = promise.is_some().then(|| event.clone());
                // A full queue drops the promise: nothing came of it.
                if self.agree(event, reply)
                    && let Some(promise) = promise
                {
                    promise.end(copy);
                }
            }
        }
    }

    fn handle_settled(&mut self, settled: Settled) {
        self.promises -= 1;
        if let Some(amount) = settled.amount {
            self.account.released = self.account.released.plus(amount);
        }
        if let Some(event) = &settled.agreed {
            self.follow(event);
        }
        let waiting = settled.subject.and_then(|subject| self.deferred.remove(&subject));
        for request in waiting.into_iter().flatten() {
            self.handle_submit(request);
        }
        if self.promises == 0 {
            for request in std::mem::take(&mut self.behind) {
                self.handle_submit(request);
            }
        }
    }

    /// Queues an event that this account has agreed to, and follows it. False if the queue is full:
    /// then nothing happened, and the caller is told `busy`.
    fn agree(&mut self, event: Event, reply: Reply) -> bool {
        let (account, orders) = self.after(&event);
        if self.shared.push(Entry::new(event, reply)).is_err() {
            return false;
        }
        self.account = account;
        self.orders.extend(orders);
        true
    }

    /// Follows an event that the receiver has queued.
    fn follow(&mut self, event: &Event) {
        let (account, orders) = self.after(event);
        self.account = account;
        self.orders.extend(orders);
    }

    /// What this account and the orders it keeps will be after an event.
    fn after(&self, event: &Event) -> (Account, NextOrders) {
        let before = event.fact.subject().and_then(|subject| self.order(subject));
        let mut account = self.account.clone();
        account.apply(&event.fact, event.at, before.as_ref());
        let mut orders = next_orders(UNKNOWN, &event.fact, |order| self.order(order));
        // An order that begins here cannot be named by anyone before it is durable.
        orders.retain(|(order, _)| *order != UNKNOWN && self.keeps(&event.fact, *order));
        (account, orders)
    }

    /// Whether an order that `fact` changes is kept by this account, or by the other party.
    fn keeps(&self, fact: &Fact, order: Position) -> bool {
        let Fact::Moved(movement) = fact else { return true };
        let is_givers = movement.kind.subject() == Some(order) && !movement.kind.is_receivers();
        let keeper = if is_givers { movement.debit } else { movement.credit };
        keeper == self.account.id
    }

    fn refuse(&self, request: Request, at: Timestamp, rejection: Rejection) {
        let Request { command, reply } = request;
        let event = Event { at, fact: command.into_refusal(rejection) };
        let _: Result<(), Busy> = self.shared.push(Entry::new(event, reply));
    }

    /// The state of an order, what is queued included.
    fn order(&self, subject: Position) -> Option<Order> {
        match self.orders.get(&subject) {
            Some(order) => *order,
            None => self.shared.view.order(subject),
        }
    }

    /// Drops what is known of orders that the view shows as well: a task that is never idle would
    /// remember every refund it made.
    fn forget_orders(&mut self) {
        let Self { orders, deferred, shared, .. } = self;
        orders.retain(|subject, order| {
            deferred.contains_key(subject) || !is_shown(shared.view.order(*subject), *order)
        });
    }

    /// Whether the view shows all that this task knows.
    fn may_retire(&mut self) -> bool {
        let shown = self.shared.view.account(self.account.id).expect("accounts stay");
        let credits = shown.credits == self.account.credits || !self.policy.refuses_credits();
        // The house gives without its task being asked.
        let debits = shown.debits == self.account.debits || !self.account.kind.refuses_debits();
        let same = credits
            && debits
            && shown.on_hold() == self.account.on_hold()
            && shown.frozen == self.account.frozen;
        let view = &self.shared.view;
        self.promises == 0
            && same
            && self.orders.iter().all(|(subject, order)| is_shown(view.order(*subject), *order))
    }
}

/// Where an entry will stand, which only the writer knows. Genesis stands there, which is no order.
const UNKNOWN: Position = Position::FIRST;

/// Whether `shown` is `known`, apart from the position of an entry, which only the writer knows.
fn is_shown(shown: Option<Order>, known: Option<Order>) -> bool {
    match (shown, known) {
        (Some(Order::TopUp { state: a, .. }), Some(Order::TopUp { state: b, .. })) => {
            std::mem::discriminant(&a) == std::mem::discriminant(&b)
        }
        (Some(Order::Payout(shown)), Some(Order::Payout(known))) => {
            shown == Payout { tried: shown.tried, ..known }
        }
        (Some(Order::Callback(shown)), Some(Order::Callback(known))) => {
            shown == Callback { end: shown.end, ..known }
        }
        (shown, known) => shown == known,
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Held;
    use super::super::tests::{ANI, BUDI, CLEARING, engine, moving};
    use super::*;
    use crate::ledger::money::Total;

    #[tokio::test]
    async fn a_busy_task_forgets_what_the_view_shows() {
        let (engine, queue, mut writer, _) = engine();
        let (sender, _mailbox) = mpsc::channel(8);
        let mut actor = Actor::new(Arc::clone(&engine.shared), ANI, sender);
        let payment = Position::FIRST.plus(6);
        let Command::Move(mut refund) = moving("refund", (ANI, BUDI), 1) else { unreachable!() };
        refund.kind = MovementKind::Refund { payment, paid: refund.amount };
        let event = Event { at: engine.clock().now(), fact: Fact::Moved(refund) };
        let (reply, _answer) = Reply::one(Held::Names(Vec::new()));
        assert!(actor.agree(event, reply));
        actor.forget_orders();
        assert_eq!(actor.orders.len(), 1, "the view does not show it yet");
        writer.commit(&mut queue.try_iter().collect()).unwrap();
        let known = actor.order(payment);
        actor.forget_orders();
        assert!(actor.orders.is_empty());
        assert_eq!(actor.order(payment), known, "what is forgotten is read from the view");
    }

    #[tokio::test]
    async fn a_refund_that_is_shown_before_the_receivers_word_arrives_counts_once() {
        let (engine, queue, mut writer, _) = engine();
        let fund = moving("fund", (CLEARING, ANI), 1_000);
        let (funded, ()) = tokio::join!(engine.submit(fund), async {
            while queue.is_empty() {
                tokio::task::yield_now().await;
            }
            writer.commit(&mut queue.try_iter().collect()).unwrap();
        });
        funded.unwrap();
        let (sender, mut mailbox) = mpsc::channel(8);
        let mut actor = Actor::new(Arc::clone(&engine.shared), ANI, sender);
        let (payment, paid) = (Position::FIRST.plus(6), Amount::new(100).unwrap());
        let Command::Move(mut refund) = moving("refund", (ANI, BUDI), 40) else { unreachable!() };
        refund.kind = MovementKind::Refund { payment, paid };
        let (reply, _answer) = Reply::one(Held::Names(Vec::new()));
        actor.handle_submit(Request { command: Command::Move(refund), reply });
        let Some(Message::Settled(settled)) = mailbox.recv().await else {
            panic!("the receiver answers");
        };
        writer.commit(&mut queue.try_iter().collect()).unwrap();
        actor.handle_settled(*settled);
        let refunded = Some(Order::Refunds { refunded: Total::from_units(40) });
        assert_eq!(actor.order(payment), refunded);
        assert!(actor.may_retire());
    }
}
