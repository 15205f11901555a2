//! What the real binary asks of the kernel, in order: no answer to a payment is written to a socket
//! before an `fdatasync` has ended that began after the log was written.
//!
//! One client pays, one payment after another, so that every answer stands alone in the trace.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use super::checker::Asked;
use super::disk::{StraceGuard, runs_here};
use super::till::Till;

const PAYMENTS: u64 = 40;
/// The file of sled in which the log is.
const LOG: &str = "/log/db>";

/// What matters of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    /// A write to the log has ended.
    Wrote,
    SyncBegan,
    /// A sync of the log has ended, and well.
    Synced,
    /// The answer to a payment is about to be written.
    Answered,
}

/// The events of a trace of `strace -f -y -s 32`, in order.
fn read(trace: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    // Calls that another thread's line has interrupted, by thread.
    let mut begun: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.trim_start().split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(resumed) = call.strip_prefix("<... ") {
            let name = resumed.split(' ').next().unwrap_or_default();
            if let Some((began, of_log)) = begun.remove(thread)
                && began == name
                && of_log
            {
                seen.extend(ended(name, call));
            }
            continue;
        }
        let Some((name, arguments)) = call.split_once('(') else { continue };
        let of_log = arguments.contains(LOG);
        match name {
            "fdatasync" if of_log => seen.push(Seen::SyncBegan),
            "write" | "writev" | "sendto" | "sendmsg" if arguments.contains("HTTP/1.1 201") => {
                seen.push(Seen::Answered);
            }
            _ => {}
        }
        if call.ends_with("<unfinished ...>") {
            begun.insert(thread, (name, of_log));
        } else if of_log {
            seen.extend(ended(name, call));
        }
    }
    seen
}

fn ended(name: &str, line: &str) -> Option<Seen> {
    let result = line.rsplit_once(" = ").map(|(_, result)| result)?;
    match name {
        "fdatasync" => (result == "0").then_some(Seen::Synced),
        "pwrite64" | "write" | "writev" => (!result.starts_with('-')).then_some(Seen::Wrote),
        _ => None,
    }
}

/// Everything that is wrong: answers for which nothing was written, or before it was durable.
fn faults(seen: &[Seen]) -> String {
    let mut faults = String::new();
    // Since the answer before: whether the log was written, whether a sync has begun after the last
    // write, and whether such a one has ended.
    let (mut wrote, mut covering, mut durable) = (false, false, false);
    let mut answers = 0;
    for event in seen {
        match event {
            Seen::Wrote => (wrote, covering, durable) = (true, false, false),
            Seen::SyncBegan => covering = true,
            Seen::Synced => durable = covering,
            Seen::Answered => {
                answers += 1;
                let fault = match (wrote, durable) {
                    (false, _) => "nothing was written for it",
                    (true, false) => "it left before the log was durable",
                    (true, true) => "",
                };
                if !fault.is_empty() {
                    let _ = writeln!(faults, "answer {answers}: {fault}");
                }
                (wrote, covering, durable) = (false, false, false);
            }
        }
    }
    faults
}

/// A trace in which somebody pays.
fn recorded() -> String {
    let home = tempfile::tempdir().unwrap();
    let till = Till::new(home.path(), (16 * 1024 * 1024, 500_000));
    till.populate();
    let log = home.path().join("trace");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-y", "-s", "32", "-e"])
        .arg("trace=write,writev,pwrite64,sendto,sendmsg,fdatasync")
        .arg("-o")
        .arg(&log)
        .arg(env!("CARGO_BIN_EXE_gerbang"));
    let started = till.start_under(command).map_err(|ended| format!("{ended:?}")).unwrap();
    let guard = StraceGuard(started.pid());
    let mut client = started.client("ani").unwrap();
    for number in 1..=PAYMENTS {
        let asked = Asked { by: "ani".into(), reference: number.to_string(), amount: 1 };
        assert_eq!(client.pay(&asked).unwrap().status, 201);
    }
    guard.terminate();
    assert_eq!(started.ended().0.code(), Some(0));
    std::fs::read_to_string(log).unwrap()
}

#[test]
fn every_answer_leaves_after_a_sync_that_covers_it() {
    if !runs_here() {
        return;
    }
    let trace = recorded();
    let seen = read(&trace);
    let answers = seen.iter().filter(|event| **event == Seen::Answered).count();
    assert_eq!(answers as u64, PAYMENTS);
    assert_eq!(faults(&seen), "");
    // The control: the very same without its syncs is found wanting, answer for answer.
    let bare: String = trace.lines().filter(|line| !line.contains("fdatasync")).fold(
        String::new(),
        |mut bare, line| {
            let _ = writeln!(bare, "{line}");
            bare
        },
    );
    assert_eq!(faults(&read(&bare)).lines().count() as u64, PAYMENTS);
}

#[test]
fn a_trace_is_read_and_judged() {
    const WRITE: &str = "7 pwrite64(9</d/log/db>, \"x\", 4096, 0) = 4096\n";
    const SYNC: &str = "7 fdatasync(11</d/log/db>) = 0\n";
    const ANSWER: &str = "8 writev(20<socket:[5]>, [{iov_base=\"HTTP/1.1 201 Created\\r\\n\"..., iov_len=9}], 1) = 9\n";
    const BEGIN: &str = "7 fdatasync(11</d/log/db> <unfinished ...>\n";
    const END: &str = "7 <... fdatasync resumed>) = 0\n";
    const LATE: &str = "6 pwrite64(9</d/log/db>, \"x\", 4096, 0 <unfinished ...>\n";
    const LANDED: &str = "6 <... pwrite64 resumed>) = 4096\n";
    let table: [(&[&str], &str); 10] = [
        (&[WRITE, SYNC, ANSWER], ""),
        (&[WRITE, BEGIN, END, ANSWER], ""),
        (&[WRITE, SYNC, ANSWER, WRITE, SYNC, ANSWER], ""),
        (&[WRITE, ANSWER], "answer 1: it left before the log was durable\n"),
        (&[WRITE, BEGIN, ANSWER, END], "answer 1: it left before the log was durable\n"),
        (&[SYNC, WRITE, ANSWER], "answer 1: it left before the log was durable\n"),
        // The sync began before the write had ended, so it need not cover it.
        (&[LATE, BEGIN, LANDED, END, ANSWER], "answer 1: it left before the log was durable\n"),
        (&[WRITE, SYNC, ANSWER, ANSWER], "answer 2: nothing was written for it\n"),
        (
            &[WRITE, "7 fdatasync(11</d/log/db>) = -1 EIO (Input/output error)\n", ANSWER],
            "answer 1: it left before the log was durable\n",
        ),
        // Of another file.
        (
            &[WRITE, "7 fdatasync(12</d/history/1>) = 0\n", ANSWER],
            "answer 1: it left before the log was durable\n",
        ),
    ];
    for (lines, fault) in table {
        assert_eq!(faults(&read(&lines.concat())), fault, "{lines:?}");
    }
}
