//! Clients of the simulation: they ask, go away, ask again, and remember what they were told.
//!
//! What a client knows outlives a crash; that it was answered is known only if it was still alive
//! to hear it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gerbang::engine::{self, Engine, Error, Outcome};
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Digest, Fact};
use gerbang::ledger::rejection::Rejection;
use tokio::time::{sleep, timeout};

use super::workload::{self, Asked, Known};
use crate::check::{Attempt, End};
use crate::random::Random;
use crate::world::user;

/// What all parts of a simulation share, and what is left of it after a crash.
pub(crate) struct Sim {
    state: Mutex<State>,
}

/// See [`Sim`].
pub(crate) struct State {
    /// Counts questions and answers in the order they happen.
    clock: u64,
    /// Steps left until the crash; none if there will be none.
    pub(crate) steps_left: Option<u64>,
    /// Nothing that happens after the crash is seen by anyone.
    pub(crate) dead: bool,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) known: Known,
    /// Per client: commands asked and not answered, and how many were ever asked.
    open: Vec<(Vec<Command>, u64)>,
    /// Clients that have nothing more to do in this life.
    pub(crate) finished: usize,
}

impl Sim {
    pub(crate) fn new(clients: usize) -> Arc<Self> {
        let state = State {
            clock: 0,
            steps_left: None,
            dead: false,
            attempts: Vec::new(),
            counts: BTreeMap::new(),
            known: Known::default(),
            open: vec![(Vec::new(), 0); clients],
            finished: 0,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Notes that something happened that should happen sometimes.
    pub(crate) fn note(&self, what: &'static str) {
        *self.state().counts.entry(what).or_insert(0) += 1;
    }

    /// One step towards the crash; false once it is there.
    pub(crate) fn step(&self) -> bool {
        let mut state = self.state();
        if let Some(left) = state.steps_left.as_mut() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                state.dead = true;
            }
        }
        !state.dead
    }

    fn begin(&self, engine: &Engine, command: &Command) -> usize {
        let mut state = self.state();
        state.clock += 1;
        let attempt = Attempt {
            command: command.clone(),
            sent: state.clock,
            committed: engine.view().position().get(),
            end: End::Unknown,
        };
        state.attempts.push(attempt);
        state.attempts.len() - 1
    }

    /// Writes down what the client was told.
    fn end(&self, index: usize, result: Result<Outcome, Error>) {
        let mut state = self.state();
        state.clock += 1;
        let clock = state.clock;
        let end = match result {
            Ok(outcome) => {
                state.known.learn(outcome.recorded.position, &outcome.recorded.event.fact);
                End::Answered(clock, Box::new(outcome))
            }
            Err(Error::Busy(_)) => End::Busy,
            Err(Error::ReferenceReused) => End::Reused,
            Err(Error::Journal(error)) => panic!("the journal in memory failed: {error}"),
        };
        state.attempts[index].end = end;
    }
}

/// One client in one life of the engine.
pub(crate) struct Client {
    pub(crate) sim: Arc<Sim>,
    pub(crate) engine: Engine,
    pub(crate) number: usize,
    pub(crate) random: Random,
    /// New commands in this life.
    pub(crate) commands: u64,
    /// Whether to go away, give up and play tricks.
    pub(crate) unruly: bool,
}

impl Client {
    /// First what the last life left open, then something new.
    pub(crate) async fn run(mut self) {
        let left_open = self.sim.state().open[self.number].0.clone();
        for command in left_open {
            if self.insist(&command, true).await.is_none() {
                return;
            }
        }
        for _ in 0..self.commands {
            self.rest().await;
            let done = match self.random.below(20) {
                0 if self.unruly => self.many().await,
                1 if self.unruly => self.twin().await,
                _ => self.one().await,
            };
            if done.is_none() {
                return;
            }
        }
        self.sim.state().finished += 1;
    }

    async fn rest(&mut self) {
        if self.random.percent(60) {
            sleep(Duration::from_millis(self.random.below(40))).await;
        }
    }

    fn next(&mut self) -> Command {
        let at = self.engine.clock().now();
        let mut state = self.sim.state();
        let count = &mut state.open[self.number].1;
        *count += 1;
        let reference = format!("client-{}-{count}", self.number);
        let by = user(u32::try_from(self.number % 6).unwrap());
        let asked = Asked { by, reference: &reference, at };
        let command = workload::command(&mut self.random, &state.known, &asked);
        state.open[self.number].0.push(command.clone());
        command
    }

    fn close(&self, command: &Command) {
        self.sim.state().open[self.number].0.retain(|open| open.origin() != command.origin());
    }

    async fn one(&mut self) -> Option<()> {
        let command = self.next();
        self.insist(&command, false).await?;
        if self.unruly && self.random.percent(10) {
            return self.ask(&command).await.map(|_| ());
        }
        if self.unruly && self.random.percent(5) {
            return self.other_under_the_same_key(command).await;
        }
        Some(())
    }

    async fn other_under_the_same_key(&mut self, mut command: Command) -> Option<()> {
        if let Command::Move(movement) = &mut command {
            movement.origin.digest = Digest([7; 16]);
            if matches!(self.ask(&command).await?, End::Reused) {
                self.sim.note("reference reused");
            }
        }
        Some(())
    }

    /// Asks until there is an answer. Some give up, but only what was put off: it did not happen.
    async fn insist(&mut self, command: &Command, restarted: bool) -> Option<()> {
        let mut put_off = true;
        loop {
            let end = if self.unruly && self.random.percent(6) {
                self.ask_and_go(command).await?
            } else {
                self.ask(command).await?
            };
            match end {
                End::Answered(_, outcome) => {
                    self.look(&outcome, restarted);
                    break;
                }
                End::Reused => panic!("{command:?} was asked under this key only"),
                End::Unknown => put_off = false,
                End::Busy => {
                    if put_off && !restarted && self.unruly && self.random.percent(20) {
                        self.sim.note("busy for good");
                        break;
                    }
                    sleep(Duration::from_millis(self.random.range(1, 30))).await;
                }
            }
        }
        self.close(command);
        Some(())
    }

    /// Counts what should happen sometimes.
    fn look(&self, outcome: &Outcome, restarted: bool) {
        match (restarted, outcome.replayed) {
            (true, true) => self.sim.note("unknown, and it had happened"),
            (true, false) => self.sim.note("unknown, and it had not happened"),
            (false, true) => self.sim.note("answered again"),
            (false, false) => {}
        }
        if let Fact::Refused(refusal) = &outcome.recorded.event.fact
            && refusal.rejection == Rejection::BalanceCeiling
            && refusal.account.is_some_and(|giver| giver.0 > 3)
        {
            self.sim.note("refused by the receiver after a promise");
        }
    }

    async fn ask(&mut self, command: &Command) -> Option<End> {
        self.sim.step().then_some(())?;
        let index = self.sim.begin(&self.engine, command);
        let result = self.engine.submit(command.clone()).await;
        self.hear(index, result).await
    }

    /// Asks, and may be gone before the answer comes.
    async fn ask_and_go(&mut self, command: &Command) -> Option<End> {
        self.sim.step().then_some(())?;
        let index = self.sim.begin(&self.engine, command);
        let patience = Duration::from_millis(self.random.below(4));
        match timeout(patience, self.engine.submit(command.clone())).await {
            Ok(result) => self.hear(index, result).await,
            Err(_) => {
                self.sim.note("caller gone before the answer");
                Some(End::Unknown)
            }
        }
    }

    async fn hear(&self, index: usize, result: Result<Outcome, Error>) -> Option<End> {
        let answered = result.is_ok();
        if self.sim.state().dead || !self.sim.step() {
            if answered {
                self.sim.note("crash between answer and client");
            }
            return None;
        }
        if matches!(result, Err(Error::Busy(_))) {
            self.sim.note("busy");
        }
        self.sim.end(index, result);
        Some(self.sim.state().attempts[index].end.clone())
    }

    /// The same command twice at once.
    async fn twin(&mut self) -> Option<()> {
        let command = self.next();
        self.sim.step().then_some(())?;
        let one = self.sim.begin(&self.engine, &command);
        let two = self.sim.begin(&self.engine, &command);
        let (first, second) =
            tokio::join!(self.engine.submit(command.clone()), self.engine.submit(command.clone()));
        if let (Ok(first), Ok(second)) = (&first, &second) {
            assert_eq!(first.recorded, second.recorded, "twins get one answer");
            assert_ne!(first.replayed, second.replayed, "twins are executed once");
            self.sim.note("twin in flight");
        }
        let put_off = first.is_err() && second.is_err();
        self.hear(one, first).await?;
        self.hear(two, second).await?;
        if put_off {
            return self.insist(&command, false).await;
        }
        self.close(&command);
        Some(())
    }

    /// Some commands in one request.
    async fn many(&mut self) -> Option<()> {
        let count = self.random.range(2, 6);
        let mut commands: Vec<Command> = (0..count).map(|_| self.next()).collect();
        if self.random.percent(30) {
            // The same twice in one request: the second waits for the answer to the first.
            commands.extend(commands.first().cloned());
        }
        self.sim.step().then_some(())?;
        let begun: Vec<usize> =
            commands.iter().map(|command| self.sim.begin(&self.engine, command)).collect();
        let results = self
            .engine
            .submit_many(commands.iter().cloned().map(engine::Asked::Decide).collect())
            .await;
        self.sim.note("batch of commands");
        for ((command, index), result) in commands.into_iter().zip(begun).zip(results) {
            match self.hear(index, result).await? {
                End::Busy => self.insist(&command, false).await?,
                _ => self.close(&command),
            }
        }
        Some(())
    }
}

/// Whether an event says that a hold ended by itself.
pub(crate) fn is_expiry(fact: &Fact) -> bool {
    match fact {
        Fact::HoldReleased(released) => {
            released.expired && released.origin.reference.as_str().starts_with("expire-")
        }
        _ => false,
    }
}
