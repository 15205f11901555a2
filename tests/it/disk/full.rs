//! A full disk: nothing is acknowledged that is not there, and room is all it takes to go on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{append, disk, open};

/// So small that it is full after a moment.
const IMAGE_BYTES: u64 = 12 * 1024 * 1024;
/// More appends than fit by far.
const APPENDS_MAX: u32 = 200_000;

#[test]
fn a_full_disk_acknowledges_nothing_more_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let Some((_image, disk)) = disk(directory.path(), IMAGE_BYTES) else { return };
    let ballast = disk.at.join("ballast");
    let mut opened = open(&disk.at.join("store"));
    std::fs::write(&ballast, vec![0; 6 * 1024 * 1024]).unwrap();

    let mut acknowledged = opened.book.position;
    let mut refused = false;
    for number in 0..APPENDS_MAX {
        // sled may panic where it should fail; the process would end either way.
        match catch_unwind(AssertUnwindSafe(|| append(&mut opened, number))) {
            Ok(Ok(position)) => acknowledged = Some(position),
            Ok(Err(_)) | Err(_) => {
                refused = true;
                break;
            }
        }
    }
    assert!(refused, "the disk never filled up");
    let again = catch_unwind(AssertUnwindSafe(|| append(&mut opened, APPENDS_MAX)));
    assert!(!matches!(again, Ok(Ok(_))), "after a failed append nothing is acknowledged");
    drop(opened);

    std::fs::remove_file(&ballast).unwrap();
    let after = open(&disk.at.join("store"));
    assert!(after.book.position >= acknowledged, "an acknowledged entry is gone");
}
