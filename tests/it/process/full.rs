//! A disk that fills up under the real binary: nothing is acknowledged that is lost, the process
//! ends with a word about it, and room is all it takes to go on.

use std::path::Path;
use std::process::{Command, ExitStatus};

use super::checker::{Asked, Told, faults};
use super::demo::{Client, Demo, gerbang};
use super::disk::{StraceGuard, runs_here};
use super::kills::{balances, trace, verify};
use super::till::{NOTE, Till};
use crate::disk::disk;

/// So small that it is full after a moment.
const IMAGE_BYTES: u64 = 12 * 1024 * 1024;
/// Left for payments, once everybody is there.
const ROOM_BYTES: u64 = 1024 * 1024;
/// More than fit by far.
const PAYMENTS_MAX: u64 = 20_000;
/// Seals and checkpoints meet the full disk too.
const PIECES: (u32, u32) = (16 * 1024, 100);

fn pay_until_cut(client: Client) -> Vec<(Asked, Option<Told>)> {
    let mut client = client.noting(NOTE);
    let mut tries = Vec::new();
    for number in 1..=PAYMENTS_MAX {
        let asked = Asked { by: "ani".into(), reference: number.to_string(), amount: 1 };
        let told = client.pay(&asked);
        let cut = told.is_none();
        tries.push((asked, told));
        if cut {
            break;
        }
    }
    tries
}

/// It ended because of the disk, and said so.
fn ended_in_words((status, complaint): (ExitStatus, String)) {
    assert!(status.code().is_some_and(|code| code != 0), "{status}: {complaint}");
    assert!(complaint.contains("nothing unanswered was acknowledged"), "{complaint}");
    let cause = ["No space left", "os error 28", "ENOSPC"];
    assert!(cause.iter().any(|words| complaint.contains(words)), "{complaint}");
}

/// It goes on as it is, and nothing that was told is missing.
fn goes_on(till: &Till, tries: Vec<(Asked, Option<Told>)>) {
    let answered = tries.iter().filter(|(_, told)| told.is_some()).count();
    assert!(answered > 0 && answered < tries.len(), "{answered} of {}", tries.len());
    verify(till.data());
    let started = till.start();
    let traced = trace(&started, tries, NOTE);
    assert_eq!(faults(&traced), "");
    balances(&started, &traced);
    started.terminate();
    assert_eq!(started.ended().0.code(), Some(0));
    verify(till.data());
}

/// Takes all of the disk but some room.
fn fill(ballast: &Path, mount: &Path) {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(mount).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let free: u64 = text.lines().nth(1).unwrap().trim().parse().unwrap();
    let taken = usize::try_from(free.saturating_sub(ROOM_BYTES)).unwrap();
    std::fs::write(ballast, vec![0; taken]).unwrap();
}

#[test]
fn a_full_disk_ends_the_process_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let Some((_image, mounted)) = disk(home.path(), IMAGE_BYTES) else { return };
    let till = Till::at(home.path(), mounted.at.join("data"), PIECES);
    till.populate();
    let started = till.start();
    let ballast = mounted.at.join("ballast");
    fill(&ballast, &mounted.at);
    let tries = pay_until_cut(started.client("ani").unwrap());
    assert!(started.client("ani").is_err(), "nobody is served afterwards");
    ended_in_words(started.ended());

    // As long as there is no room it says so again, or serves nobody a lie.
    let refused = till.start_under(gerbang());
    if let Ok(started) = refused {
        started.kill();
    }
    std::fs::remove_file(ballast).unwrap();
    goes_on(&till, tries);
}

/// The same where nothing can be mounted: the kernel is made to say that there is no room, from some
/// write of the log on.
#[test]
fn no_room_for_the_log_ends_the_process_and_loses_nothing() {
    if !runs_here() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let till = Till::new(home.path(), PIECES);
    till.populate();
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=pwrite64"])
        .args(["-e", "inject=pwrite64:error=ENOSPC:when=40+"])
        .arg(env!("CARGO_BIN_EXE_gerbang"));
    let started: Demo = till.start_under(command).map_err(|ended| format!("{ended:?}")).unwrap();
    let guard = StraceGuard(started.pid());
    let tries = pay_until_cut(started.client("ani").unwrap());
    ended_in_words(started.ended());
    drop(guard);
    goes_on(&till, tries);
}
