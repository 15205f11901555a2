//! A disk that refuses to make a batch durable: the process ends, and says nothing it cannot keep.

use std::process::{Command, Stdio};

use super::checker::{Asked, Traced, faults, spent};
use super::demo::{Demo, OPENING};
use super::kills::verify;

/// The call of the writer that fails: some batches before it are acknowledged.
const FAILS_AT: u32 = 12;

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

fn failing(from: &str) -> Command {
    let mut command = Command::new("strace");
    let inject = format!("inject=fdatasync:error=EIO:when={from}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject]);
    command.arg(env!("CARGO_BIN_EXE_gerbang"));
    command
}

/// Ends the traced process too, if a test fails: ending strace lets it run on.
struct StraceGuard(u32);

impl Drop for StraceGuard {
    fn drop(&mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.0);
        for pid in std::fs::read_to_string(children).unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).status();
        }
    }
}

#[test]
fn a_batch_that_is_not_durable_ends_the_process_unanswered() {
    if let Err(why) = can_inject() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "not run: {why}");
        return;
    }
    // Once and then never again, and from then on for ever.
    for when in [FAILS_AT.to_string(), format!("{FAILS_AT}+")] {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap().kill();
        let demo = Demo::start_under(failing(&when), &data);
        let demo = demo.map_err(|ended| format!("{ended:?}")).unwrap();
        let guard = StraceGuard(demo.pid());
        let mut client = demo.client("ani").unwrap();
        let mut tries = Vec::new();
        for number in 1..=u64::from(10 * FAILS_AT) {
            let asked = Asked { by: "ani".into(), reference: number.to_string(), amount: number };
            let told = client.pay(&asked);
            let cut = told.is_none();
            tries.push((asked, told));
            if cut {
                break;
            }
        }
        let answered = tries.iter().filter(|(_, told)| told.is_some()).count();
        assert!(answered > 0 && answered < tries.len(), "{answered} of {}", tries.len());
        assert!(demo.client("ani").is_err(), "nobody is served afterwards");
        let (status, complaint) = demo.ended();
        drop(guard);
        assert_eq!(status.code(), Some(74), "{complaint}");
        assert!(complaint.contains("nothing unanswered was acknowledged"), "{complaint}");
        verify(&data);
        let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
        let mut client = demo.client("ani").unwrap();
        let traced: Vec<Traced> = tries
            .into_iter()
            .map(|(asked, before)| {
                let after = [client.pay(&asked).unwrap(), client.pay(&asked).unwrap()];
                Traced { asked, before, after }
            })
            .collect();
        assert_eq!(faults(&traced), "", "when={when}");
        assert_eq!(demo.balance("ani"), OPENING - spent(&traced, "ani"));
        demo.kill();
    }
}
