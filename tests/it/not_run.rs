//! What this machine could not be asked, so that it is not taken for passed.
//!
//! The harness swallows what a passing test prints, so this goes to standard error directly; and
//! into a list, `tmp/not-run` in the target directory, with which `.ci/run` ends.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Says that the test that calls this did not run, and why not.
pub(crate) fn not_run(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = line(&test, why);
    let _ = io::stderr().write_all(line.as_bytes());
    list(&place(), &line).unwrap();
}

fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("not-run")
}

fn line(test: &str, why: &str) -> String {
    format!("{test}: not run: {}\n", why.trim().replace('\n', "; "))
}

/// One write, so that lines of two processes do not mix.
fn list(place: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(place)?.write_all(line.as_bytes())
}

#[test]
fn what_is_not_run_is_a_line_each_in_the_list() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("not-run");
    list(&place, &line("disk::full", "mount: no\nloop device\n")).unwrap();
    list(&place, &line("official", "no library")).unwrap();
    let listed = std::fs::read_to_string(&place).unwrap();
    let lines = "disk::full: not run: mount: no; loop device\nofficial: not run: no library\n";
    assert_eq!(listed, lines);
}
