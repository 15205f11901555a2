//! SIGKILL at every sync, rename and removal of a short script in which history is sealed, the log
//! trimmed and a checkpoint written: each of them leaves a store that opens with all that was told.
//!
//! A tracer kills at the k-th call of a kind of whichever thread comes to its k-th first. So there are
//! three sweeps: over the calls by which the writer makes batches durable, over those that make files
//! durable, and over those that give and take names.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::checker::{Asked, Told, faults};
use super::demo::{Client, Demo};
use super::disk::{StraceGuard, runs_here};
use super::kills::{balances, trace, verify};
use super::till::{NOTE, Till};

/// Some ten payments to a segment.
const PIECES: (u32, u32) = (4 * 1024, 20);
const PAYMENTS: u64 = 24;
/// By which the writer makes a batch durable.
const BATCHES: &str = "fdatasync";
/// By which files and directories are made durable.
const FILES: &str = "fsync";
/// By which files come under their name, and go.
const NAMES: &str = "rename,renameat,renameat2,unlink,unlinkat";
/// Without optimisation every so many-th moment is tried, from another one on in each sweep.
const STEP: usize = if cfg!(debug_assertions) { 3 } else { 1 };

fn strace(calls: &str, log: &Path, inject: Option<usize>) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", &format!("trace={calls}"), "-o"]).arg(log);
    if let Some(when) = inject {
        command.args(["-e", &format!("inject={calls}:signal=KILL:when={when}")]);
    }
    command.arg(env!("CARGO_BIN_EXE_gerbang"));
    command
}

/// Pays until all is paid or the connection breaks.
fn script(client: Client) -> Vec<(Asked, Option<Told>)> {
    let mut client = client.noting(NOTE);
    let mut tries = Vec::new();
    for number in 1..=PAYMENTS {
        let asked = Asked { by: "ani".into(), reference: number.to_string(), amount: number };
        let told = client.pay(&asked);
        let cut = told.is_none();
        tries.push((asked, told));
        if cut {
            break;
        }
    }
    tries
}

/// The most calls of one kind by one thread.
fn most_of_a_thread(log: &str) -> usize {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log.lines().filter(|line| !line.contains("resumed>")) {
        if let Some((thread_and_kind, _)) = line.split_once('(') {
            *counts.entry(thread_and_kind).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or(0)
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

/// A store in a directory of its own, with everybody in it.
fn again(model: &Till) -> (tempfile::TempDir, Till) {
    let home = tempfile::tempdir().unwrap();
    let till = Till::new(home.path(), PIECES).restored();
    copy(model.data(), till.data());
    (home, till)
}

/// The whole script, traced; how many calls there are to be killed at.
fn count(model: &Till, calls: &str) -> usize {
    let (home, till) = again(model);
    let log = home.path().join("trace");
    let started = till.start_under(strace(calls, &log, None));
    let started = started.map_err(|ended| format!("{ended:?}")).unwrap();
    let guard = StraceGuard(started.pid());
    let before = till.pieces();
    let tries = script(started.client("ani").unwrap());
    assert!(tries.iter().all(|(_, told)| told.is_some()));
    guard.terminate();
    assert_eq!(started.ended().0.code(), Some(0));
    let after = till.pieces();
    assert!(after.0 > before.0 && after.1 != before.1, "no seal or no checkpoint: too tame");
    most_of_a_thread(&std::fs::read_to_string(log).unwrap())
}

/// Killed at the `when`-th call, it comes back with all that it told. Whether it was killed.
fn kill_at(model: &Till, calls: &str, when: usize) -> bool {
    let (home, till) = again(model);
    let log = home.path().join("trace");
    let (mut tries, mut killed) = (Vec::new(), true);
    // Where it fails, it was killed before it was ready.
    if let Ok(started) = till.start_under(strace(calls, &log, Some(when))) {
        let guard = StraceGuard(started.pid());
        tries = started.client("ani").map(script).unwrap_or_default();
        guard.terminate();
        killed = started.ended().0.code() != Some(0);
    }
    verify(till.data());
    let started: Demo = till.start();
    let traced = trace(&started, tries, NOTE);
    assert_eq!(faults(&traced), "", "{calls} {when}");
    balances(&started, &traced);
    started.terminate();
    assert_eq!(started.ended().0.code(), Some(0));
    verify(till.data());
    killed
}

fn sweep(calls: &str, from: usize) {
    let home = tempfile::tempdir().unwrap();
    let model = Till::new(home.path(), PIECES);
    model.populate();
    let moments = count(&model, calls);
    let places: Vec<usize> = (1..=moments).skip(from).step_by(STEP).collect();
    let killed = places.iter().filter(|when| kill_at(&model, calls, **when)).count();
    // Batches of one run are not exactly those of another.
    assert!(killed * 10 >= places.len() * 8, "{killed} of {} were killed", places.len());
}

#[test]
fn a_kill_at_any_batch_leaves_all_that_was_told() {
    if runs_here() {
        sweep(BATCHES, 0);
    }
}

#[test]
fn a_kill_at_any_sync_of_a_seal_or_checkpoint_leaves_all_that_was_told() {
    if runs_here() {
        sweep(FILES, 1);
    }
}

#[test]
fn a_kill_where_a_file_gets_or_loses_its_name_leaves_all_that_was_told() {
    if runs_here() {
        sweep(NAMES, 0);
    }
}

#[test]
fn the_calls_of_the_busiest_thread_are_counted() {
    let log = "7 fsync(3) = 0\n8 fsync(3 <unfinished ...>\n7 rename(\"a\", \"b\") = 0\n\
               8 <... fsync resumed>) = 0\n7 fsync(4) = 0\n7 +++ exited with 0 +++\n";
    assert_eq!(most_of_a_thread(log), 2);
}
