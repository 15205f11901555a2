//! Small files that only their owner may read: made whole, replaced whole, refused when exposed.
//!
//! What is in them is their keepers' business, see [`keys`](super::keys) and
//! [`vault`](super::vault). A file is never mended here: what cannot be trusted stops the start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::limits::KEYS_FILE_MAX;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system failed.
    #[error("keys: {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner may read the keys, so they may be known already.
    #[error("keys: {} has mode {mode:04o}; it must be 0600, owner only", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not what we write. It is never replaced: what it keeps would be lost.
    #[error("keys: {}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file is gone although something was sealed with its key.
    #[error("keys: {} is missing, and a new one opens nothing that is sealed", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
}

/// What is in the file at `path`; `None` if there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let io_error = |source| Error::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(error)),
    };
    // Of the open file, so that it is the one read that was looked at.
    let mode = file.metadata().map_err(io_error)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(KEYS_FILE_MAX).read_to_end(&mut text).map_err(io_error)?;
    Ok(Some(text))
}

/// Replaces the file so that a crash leaves either the former one or the new one, whole.
pub(crate) fn replace(path: &Path, text: &[u8]) -> Result<(), Error> {
    put(path, text).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("json.tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // Gone, or left by a crash, perhaps with another mode: made anew below.
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // Without this the rename may be lost, and the next start would make other keys.
    let directory = path.parent().expect("the path is a directory's file");
    File::open(directory)?.sync_all()
}
