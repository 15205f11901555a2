//! A store that was put back from a backup is not written to before somebody says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::journal::Error;
use crate::journal::store::{accept_copy, open, open_to_read};
use crate::journal::verify::verify;
use crate::ledger::time::Timestamp;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_001);

fn opens(directory: &Path) -> Result<(), Error> {
    open(directory, NOW, &mut |_| {}, &mut |_, _| {}).map(drop)
}

/// As `cp -r` does.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_copy_opens_for_reading_and_once_accepted_for_writing() {
    let home = tempfile::tempdir().unwrap();
    let (data, backup) = (home.path().join("data"), home.path().join("backup"));
    assert!(!accept_copy(&data).unwrap(), "nothing is there");
    opens(&data).unwrap();
    copy(&data, &backup);
    // The store goes on, its copy does not.
    assert!(!accept_copy(&data).unwrap());
    opens(&data).unwrap();
    for _ in 0..2 {
        assert!(matches!(opens(&backup), Err(Error::Copied { .. })));
        verify(&backup, &mut |_| {}).unwrap();
        open_to_read(&backup, NOW, &mut |_| {}).map(drop).unwrap();
    }
    assert!(accept_copy(&backup).unwrap());
    assert!(!accept_copy(&backup).unwrap(), "it is none any more");
    opens(&backup).unwrap();
}

/// Also where the copy is written into the files that are there, as `cp` does.
#[test]
fn a_copy_over_the_store_itself_is_seen() {
    let home = tempfile::tempdir().unwrap();
    let (data, backup) = (home.path().join("data"), home.path().join("backup"));
    opens(&data).unwrap();
    copy(&data, &backup);
    fs::rename(&data, home.path().join("moved")).unwrap();
    fs::rename(home.path().join("moved"), &data).unwrap();
    opens(&data).unwrap();
    // As the end of a process does.
    let mut side = crate::journal::sidefile::SideFile::read(&data).unwrap().unwrap();
    side.write().unwrap();
    fs::copy(backup.join("store"), data.join("store")).unwrap();
    assert!(matches!(opens(&data), Err(Error::Copied { .. })));
}

#[test]
fn what_is_written_is_for_its_owner_only() {
    let home = tempfile::tempdir().unwrap();
    // Made by somebody else, and open to all.
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    opens(home.path()).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(home.path()).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        let expected = if entry.path().is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{}", entry.path().display());
        seen += 1;
    }
    assert!(seen >= 3, "{seen} files");
}
