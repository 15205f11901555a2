//! One process per data directory.
//!
//! The lock belongs to the open file, so it ends with the process however that ends. It does not
//! guard against another machine on a shared file system.
//!
//! A process that is killed while it starts another leaves its locks for a moment with that child,
//! until the child becomes another program. So a lock that is held is asked for again for a while.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::Error;
use super::files;
use crate::limits;

/// Held as long as the process may touch the directory.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the directory.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process has it.
    pub fn acquire(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("lock");
        let failed = |source| Error::file("lock", &path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(files::OWNERS_MODE);
        let mut file = options.open(&path).map_err(failed)?;
        match take(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Who holds it is told as a help only; the number may be missing or of a later holder.
                let mut pid = String::new();
                let pid = file.read_to_string(&mut pid).ok().and_then(|_| pid.trim().parse().ok());
                return Err(Error::InUse { path: directory.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Waits until nobody holds `path`, or gives up; whoever opens it then says so. A file that is not
/// there is free.
///
/// # Errors
/// The file cannot be opened or locked.
pub fn wait_until_free(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    match take(&file) {
        Ok(()) => file.unlock(),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Locks the file, patiently.
fn take(file: &File) -> Result<(), TryLockError> {
    for _ in 0..limits::LOCK_TRIES_MAX {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(limits::LOCK_PAUSE),
            taken => return taken,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_given_back_soon_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let held = Lock::acquire(directory.path()).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::acquire(directory.path()));
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_file_is_free_if_nobody_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        wait_until_free(&path).unwrap();
        let file = File::create(&path).unwrap();
        wait_until_free(&path).unwrap();
        file.try_lock().unwrap();
    }
}
