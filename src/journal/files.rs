//! Files that are there whole or not at all, also after a power cut.
//!
//! A new content is written beside the old one, synced, renamed over it, and the directory synced.
//! It knows nothing of what the files hold.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::Error;

/// The ending of files that were being written when the process ended.
const UNFINISHED: &str = "tmp";

/// What holds names, balances and password hashes is for its owner only.
pub(super) const OWNERS_MODE: u32 = 0o600;

/// Writes `path` anew through `content`; durable when this returns.
pub(super) fn replace(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Error> {
    let failed = |source| Error::file("write", path, source);
    let unfinished = path.with_extension(UNFINISHED);
    // For its owner only, as the directory is if it was created here.
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(OWNERS_MODE);
    let mut writer = BufWriter::new(options.open(&unfinished).map_err(failed)?);
    content(&mut writer).map_err(failed)?;
    writer.flush().map_err(failed)?;
    writer.get_ref().sync_all().map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)?;
    sync_directory(path.parent().unwrap_or(path))
}

/// Makes new names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), Error> {
    // The parent of a relative name is written as nothing.
    let path = if path == Path::new("") { Path::new(".") } else { path };
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| Error::file("sync", path, source))
}

/// Creates a directory if there is none; its name is durable when this returns.
pub(super) fn create_directory(path: &Path) -> Result<(), Error> {
    let missing = path.ancestors().take_while(|ancestor| !ancestor.exists()).count();
    // For its owner only: it holds names, balances and password hashes.
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| Error::file("create", path, source))?;
    // A name stands in the directory above it, so one more is synced than was created; also when it
    // was created by a process that did not come to this line.
    for ancestor in path.ancestors().take(missing.max(1) + 1) {
        sync_directory(ancestor)?;
    }
    Ok(())
}

/// The files in a directory, sorted by name. Unfinished ones are removed: nobody was told of them.
pub(super) fn finished_files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::file("list", directory, source);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension() == Some(OsStr::new(UNFINISHED)) {
            fs::remove_file(&path).map_err(|source| Error::file("remove", &path, source))?;
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Takes numbers off the front of bytes; `None` when they run out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    /// The next bytes, as many as the number before them says.
    pub(super) fn framed(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }
}
