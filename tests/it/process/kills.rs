//! SIGKILL under load, and while it comes up: nothing acknowledged is lost, nothing done twice.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use super::checker::{Asked, Told, Traced, faults, spent};
use super::demo::{Client, Demo, OPENING, gerbang};

/// How often the demo is killed under load. More rounds find rarer moments.
const ROUNDS: u64 = 8;
/// Answers after which it is killed, at most.
const ANSWERS_MAX: u64 = 60;
/// Everybody who pays; each on a connection of their own, and ani on two.
const PAYERS: [&str; 4] = ["ani", "budi", "citra", "ani"];

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

/// Lets everybody pay and kills the demo after so many answers. Every try, the unanswered too.
fn load_and_kill(demo: Demo, round: u64, answers: u64) -> Vec<Tried> {
    let (sender, tries) = mpsc::channel();
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        for (place, login) in PAYERS.into_iter().enumerate() {
            let client = demo.client(login).unwrap();
            let sender = sender.clone();
            scope.spawn(move || pay_until_cut(client, &format!("{round}-{place}"), &sender));
        }
        drop(sender);
        for _ in 0..answers {
            seen.push(tries.recv().unwrap());
        }
        demo.kill();
        seen.extend(tries.iter());
    });
    seen
}

/// Starts the demo and kills it at some moment before it is ready, or just after.
fn kill_while_it_comes_up(data: &Path, seed: &mut Seed) {
    let (mut child, _) = Demo::spawn(gerbang(), data);
    for _ in 0..seed.below(40_000) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Sends everything again, twice.
fn trace(demo: &Demo, tries: Vec<Tried>) -> Vec<Traced> {
    let mut clients: Vec<Client> =
        ["ani", "budi", "citra"].into_iter().map(|login| demo.client(login).unwrap()).collect();
    let traced = |(asked, before): Tried| {
        let client = clients.iter_mut().find(|client| client.login == asked.by).unwrap();
        let after = [client.pay(&asked).unwrap(), client.pay(&asked).unwrap()];
        Traced { asked, before, after }
    };
    tries.into_iter().map(traced).collect()
}

pub(super) fn verify(data: &Path) {
    let output = gerbang().arg("verify").arg("--data").arg(data).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("the journal proves itself"));
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let mut seed = Seed(20_261_121);
    // The very first start is the one that makes the store.
    for _ in 0..3 {
        kill_while_it_comes_up(&data, &mut seed);
    }
    let mut all = Vec::new();
    let mut unanswered = 0;
    for round in 0..ROUNDS {
        let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
        let tries = load_and_kill(demo, round, 1 + seed.below(ANSWERS_MAX));
        unanswered += tries.iter().filter(|(_, told)| told.is_none()).count();
        verify(&data);
        kill_while_it_comes_up(&data, &mut seed);
        let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
        let traced = trace(&demo, tries);
        assert_eq!(faults(&traced), "", "round {round}");
        all.extend(traced);
        demo.kill();
    }
    assert!(unanswered > 0, "no request was ever in flight: the rounds were too tame");
    let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    for login in ["ani", "budi", "citra"] {
        assert_eq!(demo.balance(login), OPENING - spent(&all, login), "{login}");
    }
    let total: u64 = all.iter().map(|one| one.asked.amount).sum();
    assert_eq!(demo.balance("warung"), total);
    demo.terminate();
    let (status, complaints) = demo.ended();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    verify(&data);
    let leftovers = Command::new("ls").arg(&data).output().unwrap();
    assert!(!String::from_utf8_lossy(&leftovers.stdout).contains("tmp"), "{leftovers:?}");
}
