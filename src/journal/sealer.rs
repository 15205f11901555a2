//! The helper thread: moves the older part of the tail into sealed segments, writes checkpoints.
//!
//! It reads the tail in memory and never sled; the writer alone touches sled, and trims it when
//! [`Sealer::sealed_through`] has moved on. Whatever fails here is logged and tried again later:
//! the stretch is still in the log, so nothing is lost but disk space.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};

use super::checkpoint::Checkpoint;
use super::error::Error;
use super::history::History;
use super::lock::Lock;
use super::segment::Segment;
use super::sidefile::SideFile;
use crate::ledger::id::Position;
use crate::limits;

/// A data directory that is ours, with what its side file says.
#[derive(Debug)]
pub struct Site {
    /// The data directory.
    pub directory: PathBuf,
    /// What must be in it.
    pub side: SideFile,
    /// Keeps others out for as long as anything may write.
    pub(super) _lock: Arc<Lock>,
}

impl Site {
    /// Where the segments of a data directory are.
    pub fn history(directory: &Path) -> PathBuf {
        directory.join("history")
    }
}

/// The handle of the helper thread. Dropping it stops the thread and waits for it.
#[derive(Debug)]
pub struct Sealer {
    requests: Sender<Request>,
    shared: Arc<Shared>,
    history: Arc<History>,
    segment_bytes: usize,
    thread: Option<JoinHandle<()>>,
}

/// How far history is sealed; for whoever trims the log.
#[derive(Clone, Debug)]
pub struct SealedThrough(Arc<Shared>);

impl SealedThrough {
    /// Everything up to here is sealed: the writer may trim the log through it.
    pub fn sealed_through(&self) -> Option<Position> {
        Position::new(self.0.sealed.load(Ordering::Acquire))
    }
}

#[derive(Debug)]
enum Request {
    Look,
    Checkpoint(Box<Checkpoint>),
    Stop,
}

#[derive(Debug, Default)]
struct Shared {
    /// The last sealed position; 0 for none.
    sealed: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl Sealer {
    /// Starts the thread. It seals whenever the tail exceeds `segment_bytes` of encoded batches.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(site: Site, history: Arc<History>, segment_bytes: usize) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        shared.set_sealed(site.side.sealed.map(|mark| mark.position));
        // One look at most is worth waiting, beside a checkpoint and the stop.
        let (requests, inbox) = crossbeam_channel::bounded(4);
        let path = site.directory.clone();
        let worker =
            Worker { site, history: history.clone(), shared: shared.clone(), segment_bytes };
        let thread = std::thread::Builder::new()
            .name("sealer".to_owned())
            .spawn(move || worker.run(&inbox))
            .map_err(|source| Error::file("start the sealer of", &path, source))?;
        let sealer = Self { requests, shared, history, segment_bytes, thread: Some(thread) };
        sealer.look();
        Ok(sealer)
    }

    /// Asks for a seal if the tail is long enough; the writer calls it after every append. Never
    /// waits.
    pub fn look(&self) {
        if self.history.tail_bytes() > self.segment_bytes && self.requests.is_empty() {
            self.ask(Request::Look);
        }
    }

    /// Everything up to here is sealed: the writer may trim the log through it.
    pub fn sealed_through(&self) -> Option<Position> {
        self.watch().sealed_through()
    }

    /// A view of [`Sealer::sealed_through`] that outlives the handle.
    pub fn watch(&self) -> SealedThrough {
        SealedThrough(self.shared.clone())
    }

    /// Hands over a checkpoint to write. `false` if the thread is too busy: try with a later one.
    pub fn checkpoint(&self, checkpoint: Checkpoint) -> bool {
        self.ask(Request::Checkpoint(Box::new(checkpoint)))
    }

    /// What it could not do last, if that is still so; it goes on trying.
    pub fn trouble(&self) -> Option<String> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Some("the sealer has ended; the log grows until a restart".to_owned());
        }
        self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Finishes what was asked for and stops.
    pub fn stop(mut self) {
        self.join();
    }

    fn ask(&self, request: Request) -> bool {
        !matches!(
            self.requests.try_send(request),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
        )
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // The thread is gone if this fails; then joining says why.
            let _gone = self.requests.send(Request::Stop);
            if thread.join().is_err() {
                tracing::error!("the sealer panicked; the log keeps what it did not seal");
            }
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn set_sealed(&self, position: Option<Position>) {
        self.sealed.store(position.map_or(0, Position::get), Ordering::Release);
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

struct Worker {
    site: Site,
    history: Arc<History>,
    shared: Arc<Shared>,
    segment_bytes: usize,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Request>) {
        let mut failed = false;
        loop {
            let request = if failed {
                inbox.recv_timeout(limits::SEAL_RETRY)
            } else {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            let outcome = match request {
                Ok(Request::Look) | Err(RecvTimeoutError::Timeout) => self.seal_what_is_due(),
                Ok(Request::Checkpoint(checkpoint)) => checkpoint.write(&self.site.directory),
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            };
            failed = self.report(outcome);
        }
        // So that the next start knows how far the log must reach.
        let outcome = self.write_side();
        self.report(outcome);
    }

    fn seal_what_is_due(&mut self) -> Result<(), Error> {
        while self.history.tail_bytes() > self.segment_bytes {
            let batches = self.history.oldest(self.segment_bytes);
            if batches.is_empty() {
                break;
            }
            let segment = Segment::write(&Site::history(&self.site.directory), &batches)?;
            let end = segment.end();
            self.site.side.sealed = Some(end);
            self.write_side()?;
            self.history.seal(segment);
            self.shared.set_sealed(Some(end.position));
        }
        Ok(())
    }

    fn write_side(&mut self) -> Result<(), Error> {
        if let Some(end) = self.history.end() {
            self.site.side.durable = end;
        }
        self.site.side.write()
    }

    fn report(&self, outcome: Result<(), Error>) -> bool {
        let trouble = outcome.err().map(|error| error.to_string());
        if let Some(trouble) = &trouble {
            tracing::error!(trouble, "sealing or a checkpoint failed; it will be tried again");
        }
        let failed = trouble.is_some();
        self.shared.set_trouble(trouble);
        failed
    }
}
