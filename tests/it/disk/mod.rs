//! The store on a real file system: power cut, disk full.
//!
//! File systems are made inside images and mounted, which needs root; without it these tests say
//! that they did not run, and prove nothing.

mod full;
mod power_cut;

use std::path::{Path, PathBuf};
use std::process::Command;

use gerbang::journal::store::{self, Opened};
use gerbang::journal::{AppendError, BatchBuilder, Journal};
use gerbang::ledger::event::{Event, Fact, SessionRevoked};
use gerbang::ledger::id::{Position, UserId};
use gerbang::ledger::time::Timestamp;

use crate::not_run::not_run;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// A file system in a file, mounted for as long as this lives.
pub(crate) struct Mounted {
    pub(crate) at: PathBuf,
}

impl Mounted {
    fn new(image: &Path, at: PathBuf) -> Result<Self, String> {
        std::fs::create_dir_all(&at).unwrap();
        run("mount", &["-o", "loop", path(image), path(&at)])?;
        Ok(Self { at })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[path(&self.at)]).expect("what was mounted can be unmounted");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// An image with an empty file system and where it is mounted; none, with a word about why, where
/// that cannot be had.
pub(crate) fn disk(directory: &Path, bytes: u64) -> Option<(PathBuf, Mounted)> {
    let image = directory.join("disk.img");
    std::fs::File::create(&image).unwrap().set_len(bytes).unwrap();
    let made = run("mkfs.ext4", &["-q", "-F", path(&image)])
        .and_then(|()| Mounted::new(&image, directory.join("disk")));
    match made {
        Ok(mounted) => Some((image, mounted)),
        Err(why) => {
            not_run(&format!("no file system can be mounted here: {why}"));
            None
        }
    }
}

fn open(directory: &Path) -> Opened {
    store::open(directory, NOW, &mut |_| {}, &mut |_, _| {}).unwrap()
}

/// Appends one entry; its position once the journal says that it is durable.
fn append(opened: &mut Opened, number: u32) -> Result<Position, AppendError> {
    let mut token = [0; 16];
    token[..4].copy_from_slice(&number.to_le_bytes());
    let revoked = SessionRevoked { user: UserId(0), token, expires: NOW.plus_seconds(3600) };
    let event = Event { at: NOW, fact: Fact::SessionRevoked(revoked) };
    let position = opened.book.next();
    let links = opened.book.apply(position, &event);
    let mut batch = BatchBuilder::new(position, opened.last_time, opened.last_hash);
    batch.push(&event, &links);
    let batch = batch.finish();
    opened.journal.append(&batch)?;
    opened.last_hash = batch.hash();
    Ok(position)
}
