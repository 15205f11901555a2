//! A power cut: what was answered is on the disk, not only in the page cache.
//!
//! The store lives on a file system inside an image. While the writer stands just after an append
//! returned, the image is copied: the copy has what reached the device and nothing that is still in
//! memory. Mounted and opened, it must hold everything that was acknowledged.
//!
//! The control writes to sled as it comes, whose `flush` does not reach the device, and must lose.
//! Mounting needs root; without it the test says so and proves nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use gerbang::journal::store::{self, Opened};
use gerbang::journal::{BatchBuilder, Journal};
use gerbang::ledger::event::{Event, Fact, SessionRevoked};
use gerbang::ledger::id::{Position, UserId};
use gerbang::ledger::time::Timestamp;

const IMAGE_BYTES: u64 = 48 * 1024 * 1024;
const CUTS: u32 = 6;
const BATCHES_BETWEEN_CUTS: u32 = 20;
const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// A file system in a file, mounted for as long as this lives.
struct Mounted {
    at: PathBuf,
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

/// An image with an empty file system, or why there is none.
fn image(directory: &Path) -> Result<PathBuf, String> {
    let image = directory.join("disk.img");
    std::fs::File::create(&image).unwrap().set_len(IMAGE_BYTES).unwrap();
    run("mkfs.ext4", &["-q", "-F", path(&image)])?;
    Ok(image)
}

/// What the device holds now, as another mounted file system.
fn cut(image: &Path, directory: &Path, number: u32) -> Mounted {
    let copy = directory.join(format!("copy-{number}.img"));
    run("cp", &["--sparse=always", path(image), path(&copy)]).unwrap();
    let mounted = Mounted::new(&copy, directory.join(format!("cut-{number}"))).unwrap();
    // The mount keeps the file; nobody else needs its name.
    std::fs::remove_file(copy).unwrap();
    mounted
}

fn open(directory: &Path) -> Opened {
    store::open(directory, NOW, &mut |_| {}, &mut |_, _| {}).unwrap()
}

/// Appends one entry and returns its position once the journal says that it is durable.
fn append(opened: &mut Opened, number: u32) -> Position {
    let mut token = [0; 16];
    token[..4].copy_from_slice(&number.to_le_bytes());
    let revoked = SessionRevoked { user: UserId(0), token, expires: NOW.plus_seconds(3600) };
    let event = Event { at: NOW, fact: Fact::SessionRevoked(revoked) };
    let position = opened.book.next();
    let links = opened.book.apply(position, &event);
    let mut batch = BatchBuilder::new(position, opened.last_time, opened.last_hash);
    batch.push(&event, &links);
    let batch = batch.finish();
    opened.journal.append(&batch).unwrap();
    opened.last_hash = batch.hash();
    position
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let directory = tempfile::tempdir().unwrap();
    let prepared = image(directory.path())
        .and_then(|image| Mounted::new(&image, directory.path().join("disk")).map(|m| (image, m)));
    let (image, disk) = match prepared {
        Ok(prepared) => prepared,
        Err(why) => {
            println!("not run: no file system can be mounted here: {why}");
            return;
        }
    };
    bare_sled_loses(&image, &disk, directory.path());

    let mut opened = open(&disk.at.join("store"));
    let mut number = 0;
    for cut_number in 1..=CUTS {
        let mut acknowledged = opened.book.next();
        for _ in 0..BATCHES_BETWEEN_CUTS {
            number += 1;
            acknowledged = append(&mut opened, number);
        }
        let survived = cut(&image, directory.path(), cut_number);
        let after = open(&survived.at.join("store"));
        assert_eq!(after.book.position, Some(acknowledged), "cut {cut_number}");
        assert_eq!(after.book, opened.book, "cut {cut_number}");
        drop(after);
    }
    drop(opened);
}

/// The control: with sled as it comes the same cut loses what `flush` said was safe.
fn bare_sled_loses(image: &Path, disk: &Mounted, directory: &Path) {
    let config = |at: &Path| sled::Config::new().path(at.join("bare")).flush_every_ms(None);
    let db = config(&disk.at).open().unwrap();
    for key in 0..100_u32 {
        db.insert(key.to_be_bytes(), vec![7; 256]).unwrap();
        db.flush().unwrap();
    }
    let survived = cut(image, directory, 0);
    let left = config(&survived.at).open().map_or(0, |db| db.iter().flatten().count());
    assert!(left < 100, "the cut does not cut: bare sled kept all it was told to flush");
}
