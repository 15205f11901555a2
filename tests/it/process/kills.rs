//! SIGKILL under load, and while it comes up: nothing acknowledged is lost, nothing done twice.
//!
//! The pieces of the store are so small that seals, trims and checkpoints happen all the time.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use super::checker::{Asked, Told, Traced, faults, spent};
use super::demo::{Client, Demo, OPENING, gerbang};
use super::till::{BUYERS, Till};

/// How often it is killed under load. More rounds find rarer moments.
const ROUNDS: u64 = if cfg!(debug_assertions) { 10 } else { 40 };
/// Answers after which it is killed, at most.
const ANSWERS_MAX: u64 = 1_000;
/// Payments under way at once, each on a connection of its own.
const IN_FLIGHT: usize = 64;
/// Connections that ask again afterwards.
const ASKING: usize = 16;
/// About 50 payments to a segment, and a checkpoint after 100 entries.
const PIECES: (u32, u32) = (16 * 1024, 100);

/// A small generator, so that a round can be run again.
struct Seed(u64);

impl Seed {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One try: what was asked, and what was told if the answer came.
type Tried = (Asked, Option<Told>);

/// Pays until the connection breaks, and tells of each try.
fn pay_until_cut(mut client: Client, name: &str, tries: &mpsc::Sender<Tried>) {
    for number in 1_u64.. {
        let reference = format!("{name}-{number}");
        let asked = Asked { by: client.login.clone(), reference, amount: number % 7 + 1 };
        let told = client.pay(&asked);
        let cut = told.is_none();
        if tries.send((asked, told)).is_err() || cut {
            return;
        }
    }
}

/// Lets everybody pay and kills it some moment after so many answers. Every try, the unanswered too.
fn load_and_kill(till: Demo, round: u64, seed: &mut Seed) -> Vec<Tried> {
    let (sender, tries) = mpsc::channel();
    let mut seen = Vec::new();
    let people = BUYERS.map(|login| till.client(login).unwrap());
    std::thread::scope(|scope| {
        for place in 0..IN_FLIGHT {
            let client = till.again(&people[place % people.len()]).unwrap();
            let sender = sender.clone();
            scope.spawn(move || pay_until_cut(client, &format!("{round}-{place}"), &sender));
        }
        drop(sender);
        for _ in 0..1 + seed.below(ANSWERS_MAX) {
            seen.push(tries.recv().unwrap());
        }
        for _ in 0..seed.below(2_000) {
            std::thread::yield_now();
        }
        till.kill();
        seen.extend(tries.iter());
    });
    seen
}

/// Starts it and kills it at some moment before it is ready, or just after.
fn kill_while_it_comes_up(till: &Till, seed: &mut Seed) {
    let (mut child, _) = till.spawn(gerbang());
    for _ in 0..seed.below(40_000) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Sends everything again, twice, with the note that it had.
pub(super) fn trace(till: &Demo, tries: Vec<Tried>, note: &'static str) -> Vec<Traced> {
    let people = BUYERS.map(|login| till.client(login).unwrap().noting(note));
    let share = tries.len().div_ceil(ASKING).max(1);
    std::thread::scope(|scope| {
        let asking = |tries: &[Tried]| {
            let mut clients = people.each_ref().map(|client| till.again(client).unwrap());
            let tries = tries.to_vec();
            scope.spawn(move || -> Vec<Traced> {
                let traced = |(asked, before): Tried| {
                    let client = clients.iter_mut().find(|client| client.login == asked.by);
                    let client = client.unwrap();
                    let after = [client.pay(&asked).unwrap(), client.pay(&asked).unwrap()];
                    Traced { asked, before, after }
                };
                tries.into_iter().map(traced).collect()
            })
        };
        let threads: Vec<_> = tries.chunks(share).map(asking).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

pub(super) fn verify(data: &Path) {
    let output = gerbang().arg("verify").arg("--data").arg(data).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("the journal proves itself"));
}

/// Holds the balances to every payment that was asked for.
pub(super) fn balances(till: &Demo, all: &[Traced]) {
    for login in BUYERS {
        assert_eq!(till.balance(login), OPENING - spent(all, login), "{login}");
    }
    let total: u64 = all.iter().map(|one| one.asked.amount).sum();
    assert_eq!(till.balance("warung"), total);
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let home = tempfile::tempdir().unwrap();
    let till = Till::new(home.path(), PIECES);
    let mut seed = Seed(20_261_121);
    // The very first start is the one that makes the store.
    for _ in 0..3 {
        kill_while_it_comes_up(&till, &mut seed);
    }
    till.populate();
    let mut all = Vec::new();
    let (mut sealed, mut checkpoints) = (0, 0);
    for round in 0..ROUNDS {
        let before = till.pieces();
        let tries = load_and_kill(till.start(), round, &mut seed);
        let after = till.pieces();
        sealed += u64::from(after.0 > before.0);
        checkpoints += u64::from(after.1 != before.1);
        verify(till.data());
        kill_while_it_comes_up(&till, &mut seed);
        let started = till.start();
        let traced = trace(&started, tries, "");
        assert_eq!(faults(&traced), "", "round {round}");
        all.extend(traced);
        started.kill();
    }
    assert!(sealed > ROUNDS / 2, "{sealed} rounds with a seal: they were too tame");
    assert!(checkpoints > ROUNDS / 2, "{checkpoints} rounds with a checkpoint: too tame");
    let started = till.start();
    balances(&started, &all);
    started.terminate();
    let (status, complaints) = started.ended();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    verify(till.data());
    let leftovers = Command::new("ls").arg(till.data()).output().unwrap();
    assert!(!String::from_utf8_lossy(&leftovers.stdout).contains("tmp"), "{leftovers:?}");
}
