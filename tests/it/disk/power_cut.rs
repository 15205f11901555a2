//! A power cut: what was answered is on the disk, not only in the page cache.
//!
//! While the writer stands just after an append returned, the image is copied: the copy has what
//! reached the device and nothing that is still in memory. Mounted and opened, it must hold
//! everything that was acknowledged.
//!
//! The control writes to sled as it comes, whose `flush` does not reach the device, and must lose.

use std::path::Path;

use super::{Mounted, append, disk, open, path, run};

const IMAGE_BYTES: u64 = 48 * 1024 * 1024;
const CUTS: u32 = 6;
const BATCHES_BETWEEN_CUTS: u32 = 20;

/// What the device holds now, as another mounted file system.
fn cut(image: &Path, directory: &Path, number: u32) -> Mounted {
    let copy = directory.join(format!("copy-{number}.img"));
    run("cp", &["--sparse=always", path(image), path(&copy)]).unwrap();
    let mounted = Mounted::new(&copy, directory.join(format!("cut-{number}"))).unwrap();
    // The mount keeps the file; nobody else needs its name.
    std::fs::remove_file(copy).unwrap();
    mounted
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let directory = tempfile::tempdir().unwrap();
    let Some((image, disk)) = disk(directory.path(), IMAGE_BYTES) else { return };
    bare_sled_loses(&image, &disk, directory.path());

    let mut opened = open(&disk.at.join("store"));
    let mut number = 0;
    for cut_number in 1..=CUTS {
        let mut acknowledged = opened.book.next();
        for _ in 0..BATCHES_BETWEEN_CUTS {
            number += 1;
            acknowledged = append(&mut opened, number).unwrap();
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
