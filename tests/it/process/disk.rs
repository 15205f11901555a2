//! A disk that refuses to make a batch durable: the process ends, and says nothing it cannot keep.

use std::path::Path;
use std::process::{Command, Stdio};

use super::checker::{Asked, Told, Traced, faults, spent};
use super::demo::{Client, Demo, OPENING};
use super::kills::verify;
use crate::not_run::not_run;

/// The last flush of a start at which the process is killed.
const FAILS_AT: u32 = 12;
/// One that comes after a demo's start, in which its banks' addresses are written.
const FAILS_LATER_AT: u32 = 30;

/// Whether this machine lets us see to it that a system call fails.
fn can_inject() -> Result<(), &'static str> {
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    match quiet(Command::new("strace").arg("-V")) {
        Ok(status) if status.success() => {}
        _ => return Err("strace is not installed"),
    }
    match quiet(Command::new("strace").args(["-o", "/dev/null", "true"])) {
        Ok(status) if status.success() => Ok(()),
        _ => Err("strace may not trace"),
    }
}

/// The binary, with something done to its flushes.
fn under_strace(what: &str) -> Command {
    let mut command = Command::new("strace");
    let inject = format!("inject=fsync,fdatasync:{what}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject]);
    command.arg(env!("CARGO_BIN_EXE_gerbang"));
    command
}

/// Ends the traced process too, if a test fails: ending strace lets it run on.
pub(super) struct StraceGuard(pub(super) u32);

impl StraceGuard {
    /// SIGTERM for the traced process, if it is still there.
    pub(super) fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let children = format!("/proc/{0}/task/{0}/children", self.0);
        for pid in std::fs::read_to_string(children).unwrap_or_default().split_whitespace() {
            let mut kill = Command::new("kill");
            // It may be gone already.
            let _ = kill.args([signal, pid]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for StraceGuard {
    fn drop(&mut self) {
        self.signal("-KILL");
    }
}

/// Says why a test does not run here, if it does not.
pub(super) fn runs_here() -> bool {
    let Err(why) = can_inject() else { return true };
    not_run(why);
    false
}

/// Pays until the connection breaks.
fn pay_until_cut(client: &mut Client) -> Vec<(Asked, Option<Told>)> {
    let mut tries = Vec::new();
    for number in 1..=u64::from(20 * FAILS_AT) {
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

/// Starts the demo as it is and holds it to what clients were told before.
fn hold_to(data: &Path, tries: Vec<(Asked, Option<Told>)>, what: &str) {
    verify(data);
    let demo = Demo::start(data).map_err(|ended| format!("{what}: {ended:?}")).unwrap();
    let mut client = demo.client("ani").unwrap();
    let traced: Vec<Traced> = tries
        .into_iter()
        .map(|(asked, before)| {
            let after = [client.pay(&asked).unwrap(), client.pay(&asked).unwrap()];
            Traced { asked, before, after }
        })
        .collect();
    assert_eq!(faults(&traced), "", "{what}");
    assert_eq!(demo.balance("ani"), OPENING - spent(&traced, "ani"), "{what}");
    demo.kill();
}

#[test]
fn a_batch_that_is_not_durable_ends_the_process_unanswered() {
    if !runs_here() {
        return;
    }
    // Once and then never again, and from then on for ever.
    for when in [FAILS_LATER_AT.to_string(), format!("{FAILS_LATER_AT}+")] {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap().kill();
        let demo = Demo::start_under(under_strace(&format!("error=EIO:when={when}")), &data);
        let demo = demo.map_err(|ended| format!("{ended:?}")).unwrap();
        let guard = StraceGuard(demo.pid());
        let tries = pay_until_cut(&mut demo.client("ani").unwrap());
        let answered = tries.iter().filter(|(_, told)| told.is_some()).count();
        assert!(answered > 0 && answered < tries.len(), "{answered} of {}", tries.len());
        assert!(demo.client("ani").is_err(), "nobody is served afterwards");
        let (status, complaint) = demo.ended();
        drop(guard);
        assert_eq!(status.code(), Some(74), "{complaint}");
        assert!(complaint.contains("nothing unanswered was acknowledged"), "{complaint}");
        hold_to(&data, tries, &format!("EIO at {when}"));
    }
}

#[test]
fn a_kill_at_each_of_the_first_flushes_leaves_a_store_that_opens() {
    if !runs_here() {
        return;
    }
    for flush in 1..=FAILS_AT {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        let killing = under_strace(&format!("signal=KILL:when={flush}"));
        let tries = match Demo::start_under(killing, &data) {
            // Killed before it was ready: the store is half made.
            Err(_) => Vec::new(),
            Ok(demo) => {
                let _guard = StraceGuard(demo.pid());
                let tries = demo.client("ani").map(|mut client| pay_until_cut(&mut client));
                tries.unwrap_or_default()
            }
        };
        let demo = Demo::start(&data).map_err(|ended| format!("at {flush}: {ended:?}"));
        demo.unwrap().kill();
        hold_to(&data, tries, &format!("killed at flush {flush}"));
    }
}
