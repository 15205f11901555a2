//! The lock of a book's file: one process keeps a book.

use std::fs::File;
use std::io;
use std::time::Duration;

/// How often the lock of a book is tried for.
const LOCK_TRIES: usize = 40;
/// Between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Two processes with one book would each not know what the other has paid. One that was told to end
/// gets a little time for it.
pub(super) fn lock(file: &File) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        if file.try_lock().is_ok() {
            return Ok(());
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    file.try_lock().map_err(io::Error::from)
}
