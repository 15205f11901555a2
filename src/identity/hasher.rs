//! The pool of threads that hash passwords, so that a flood of logins cannot starve payments.
//!
//! Its threads, its queue and its memory are bounded; beyond them callers are told when to come
//! back. It decides nothing: who may try is the throttle's business, what a wrong password
//! means the caller's. The threads have ordinary priority: lowering it needs `unsafe`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::networks;
use super::password::{Cost, Memory, PasswordHash};
use super::random::random_bytes;
use super::secret::Secret;
use crate::limits::{HASH_QUEUE_MAX, HASHERS_MAX, HASHES_OF_ONE_NETWORK_MAX};

/// KiB that one thread writes in a millisecond; measured at 2,000 on the machines we know,
/// halved for those we do not. Only an estimate for `Retry-After` rests on it.
const KIB_PER_MS: u64 = 1_000;

/// The queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many passwords are waiting to be checked; retry after {retry_after_seconds} s")]
pub struct Busy {
    /// When the queue as it is should be worked off; at least 1.
    pub retry_after_seconds: u64,
}

/// What became of a login's password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is the user's; `outdated` if it should be hashed anew with the present parameters.
    Right {
        /// The hash was made with other parameters than the pool's.
        outdated: bool,
    },
    /// It is not, or there is no such user: the caller cannot tell which, nor can a stopwatch.
    Wrong,
}

/// How the pool is built.
#[derive(Clone, Copy)]
pub struct Options {
    /// Threads; brought between 1 and `HASHERS_MAX`.
    pub threads: usize,
    /// Jobs that may wait.
    pub queue_max: usize,
    /// Places of one network while others wait too.
    pub of_one_network_max: usize,
    /// Parameters of new hashes, and of the hash an unknown user is checked against.
    pub cost: Cost,
}

impl Options {
    /// Half of the cores, the whole queue, OWASP's parameters.
    pub fn standard() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads: (cores / 2).clamp(1, HASHERS_MAX),
            queue_max: HASH_QUEUE_MAX,
            of_one_network_max: HASHES_OF_ONE_NETWORK_MAX,
            cost: Cost::OWASP,
        }
    }
}

/// A place among the hashes that wait or are made, of one network. Given back when dropped.
#[must_use = "a place is held while the hash is waited for"]
pub struct Place<'a> {
    places: &'a Mutex<Places>,
    site: IpAddr,
}

/// Who has how many places.
#[derive(Default)]
struct Places {
    of: HashMap<IpAddr, usize>,
    taken: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.taken = places.taken.saturating_sub(1);
        if let Entry::Occupied(mut own) = places.of.entry(self.site) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

/// The pool. Dropping it ends its threads after the hash each is at.
pub struct Hasher {
    /// `None` only while being dropped: closing the channel is what stops the threads.
    queue: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    /// Of a simulation: works in the caller's place.
    inline: Option<Mutex<Worker>>,
    options: Options,
    done: Arc<AtomicU64>,
    places: Mutex<Places>,
}

/// A password and where the answer goes; dropped unhashed if nobody waits for it any more.
enum Job {
    Hash {
        password: Secret<String>,
        reply: oneshot::Sender<PasswordHash>,
    },
    Verify {
        password: Secret<String>,
        known: Option<PasswordHash>,
        reply: oneshot::Sender<Verdict>,
    },
}

impl Hasher {
    /// Starts the threads; fails only if the system has no thread to give.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let options = Options { threads: options.threads.clamp(1, HASHERS_MAX), ..options };
        let (mut hasher, jobs) = Self::without_threads(options);
        for number in 0..options.threads {
            let mut worker = Worker::new(options.cost, None, Arc::clone(&hasher.done));
            let jobs = jobs.clone();
            let thread = Builder::new()
                .name(format!("hasher-{number}"))
                .spawn(move || jobs.iter().for_each(|job| worker.run(job)))?;
            hasher.threads.push(thread);
        }
        Ok(hasher)
    }

    fn without_threads(options: Options) -> (Self, Receiver<Job>) {
        let (queue, jobs) = bounded(options.queue_max.max(1));
        let done = Arc::new(AtomicU64::new(0));
        let hasher = Self {
            queue: Some(queue),
            threads: Vec::new(),
            inline: None,
            options,
            done,
            places: Mutex::default(),
        };
        (hasher, jobs)
    }

    /// For simulations: no threads, answers at once, and a password's salt follows from `seed`, so
    /// that two runs write the same journal. Its hashes protect nothing.
    pub fn simulated(seed: u64) -> Self {
        let (mut hasher, _) =
            Self::without_threads(Options { threads: 1, cost: Cost::TINY, ..Options::standard() });
        let worker = Worker::new(Cost::TINY, Some(seed), Arc::clone(&hasher.done));
        hasher.inline = Some(Mutex::new(worker));
        hasher
    }

    /// Takes a place for a request from `network`, so that no network, whether its logins fail or
    /// not, keeps the others out: it has half of them at most, and a quarter while others wait.
    ///
    /// # Errors
    /// [`Busy`] to this network alone.
    pub fn place(&self, network: IpAddr) -> Result<Place<'_>, Busy> {
        let site = networks::site(network).unwrap_or(network);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let Places { of, taken } = &mut *places;
        let own = of.get(&site).copied().unwrap_or_default();
        let share = self.options.of_one_network_max;
        let most = if *taken > own { share } else { share.saturating_mul(2) };
        if own >= most {
            return Err(self.busy(own));
        }
        of.insert(site, own + 1);
        *taken += 1;
        drop(places);
        Ok(Place { places: &self.places, site })
    }

    /// Hashes a new password with a fresh salt.
    pub async fn hash(&self, password: Secret<String>) -> Result<PasswordHash, Busy> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Hash { password, reply })?;
        Ok(answer.await.expect("a hashing thread answers every job it takes"))
    }

    /// Checks a password against the user's hash. Without one, for a user that does not exist,
    /// it takes as long and is `Wrong`.
    pub async fn verify(
        &self,
        password: Secret<String>,
        known: Option<PasswordHash>,
    ) -> Result<Verdict, Busy> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Verify { password, known, reply })?;
        Ok(answer.await.expect("a hashing thread answers every job it takes"))
    }

    /// Jobs waiting for a thread, for the metrics.
    pub fn queued(&self) -> usize {
        self.queue.as_ref().map_or(0, Sender::len)
    }

    /// Hashes computed since the start, for the metrics.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn submit(&self, job: Job) -> Result<(), Busy> {
        if let Some(worker) = &self.inline {
            worker.lock().unwrap_or_else(PoisonError::into_inner).run(job);
            return Ok(());
        }
        let queue = self.queue.as_ref().expect("taken only when dropped");
        match queue.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(self.busy(queue.len())),
            Err(TrySendError::Disconnected(_)) => panic!("every hashing thread has died"),
        }
    }

    fn busy(&self, waiting: usize) -> Busy {
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        let threads = u64::try_from(self.options.threads).unwrap_or(1).max(1);
        let ms = waiting.saturating_mul(self.options.cost.kib_written()) / KIB_PER_MS / threads;
        Busy { retry_after_seconds: ms.div_ceil(1_000).max(1) }
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        // Callers borrow the pool while they wait, so what is still queued is abandoned and
        // skipped: the threads end after the hash each is at.
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a hashing thread had panicked");
            }
        }
    }
}

/// One thread's state.
struct Worker {
    cost: Cost,
    /// What the password of an unknown user is held against.
    dummy: PasswordHash,
    memory: Memory,
    /// Of a simulation; salts are random without it.
    seed: Option<u64>,
    done: Arc<AtomicU64>,
}

impl Worker {
    fn new(cost: Cost, seed: Option<u64>, done: Arc<AtomicU64>) -> Self {
        let mut memory = Memory::default();
        let salt = [0; PasswordHash::SALT_BYTES];
        let dummy = PasswordHash::compute(b"", salt, cost, &mut memory);
        Self { cost, dummy, memory, seed, done }
    }

    fn run(&mut self, job: Job) {
        match job {
            Job::Hash { password, reply } => {
                if reply.is_closed() {
                    return;
                }
                let password = password.expose().as_bytes();
                let salt = self.seed.map_or_else(random_bytes, |seed| seeded_salt(seed, password));
                let hash = PasswordHash::compute(password, salt, self.cost, &mut self.memory);
                self.done.fetch_add(1, Ordering::Relaxed);
                // The caller may have gone in the meantime; nothing is lost.
                let _ = reply.send(hash);
            }
            Job::Verify { password, known, reply } => {
                if reply.is_closed() {
                    return;
                }
                let hash = known.as_ref().unwrap_or(&self.dummy);
                let same = hash.verify(password.expose().as_bytes(), &mut self.memory);
                self.done.fetch_add(1, Ordering::Relaxed);
                let outdated = hash.needs_rehash(self.cost);
                let right = same && known.is_some();
                let _ =
                    reply.send(if right { Verdict::Right { outdated } } else { Verdict::Wrong });
            }
        }
    }
}

fn seeded_salt(seed: u64, password: &[u8]) -> [u8; PasswordHash::SALT_BYTES] {
    let input = [&seed.to_le_bytes(), password].concat();
    let digest = blake3::derive_key("gerbang simulated salt", &input);
    let mut salt = [0; PasswordHash::SALT_BYTES];
    salt.copy_from_slice(&digest[..PasswordHash::SALT_BYTES]);
    salt
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: Verdict = Verdict::Right { outdated: false };

    fn options(threads: usize, queue_max: usize) -> Options {
        let of_one_network_max = queue_max / 4;
        Options { threads, queue_max, of_one_network_max, cost: Cost::TINY }
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn hashes_and_verifies() {
        let hasher = Hasher::start(options(2, 8)).unwrap();
        let hash = hasher.hash(secret("kata sandi")).await.unwrap();
        assert_eq!(hasher.verify(secret("kata sandi"), Some(hash)).await, Ok(RIGHT));
        assert_eq!(hasher.verify(secret("kata sando"), Some(hash)).await, Ok(Verdict::Wrong));
        let again = hasher.hash(secret("kata sandi")).await.unwrap();
        assert_ne!(hash.as_bytes(), again.as_bytes(), "each has its own salt");
    }

    #[tokio::test]
    async fn an_old_hash_is_right_but_outdated() {
        let hasher = Hasher::start(options(1, 8)).unwrap();
        let cost = Cost::new(16, 1, 1).unwrap();
        let old = PasswordHash::compute(b"kata sandi", [1; 16], cost, &mut Memory::default());
        let verdict = hasher.verify(secret("kata sandi"), Some(old)).await;
        assert_eq!(verdict, Ok(Verdict::Right { outdated: true }));
    }

    #[tokio::test]
    async fn an_unknown_user_costs_a_hash_and_is_wrong() {
        let hasher = Hasher::start(options(1, 8)).unwrap();
        // The empty password is the dummy's own.
        for (calls, password) in ["", "kata sandi", "rahasia"].into_iter().enumerate() {
            assert_eq!(hasher.done(), u64::try_from(calls).unwrap());
            assert_eq!(hasher.verify(secret(password), None).await, Ok(Verdict::Wrong));
        }
        assert_eq!(hasher.done(), 3);
    }

    #[tokio::test]
    async fn many_callers_are_all_answered() {
        let hasher = Arc::new(Hasher::start(options(2, 256)).unwrap());
        let hash = hasher.hash(secret("kata sandi")).await.unwrap();
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let hasher = Arc::clone(&hasher);
            callers.spawn(async move { hasher.verify(secret("kata sandi"), Some(hash)).await });
        }
        for answer in callers.join_all().await {
            assert_eq!(answer, Ok(RIGHT));
        }
    }

    /// Drives the worker by hand, so that what waits and what is skipped is certain.
    #[tokio::test]
    async fn a_full_queue_says_busy_and_abandoned_jobs_are_skipped() {
        let (hasher, jobs) = Hasher::without_threads(options(1, 3));
        let hasher = Arc::new(hasher);
        let mut callers: Vec<_> = (0..3)
            .map(|_| {
                let hasher = Arc::clone(&hasher);
                tokio::spawn(async move { hasher.verify(secret("x"), None).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(hasher.queued(), 3);
        let busy = Busy { retry_after_seconds: 1 };
        assert_eq!(hasher.verify(secret("x"), None).await, Err(busy));
        assert_eq!(hasher.hash(secret("x")).await.err(), Some(busy));

        let gone = callers.remove(1);
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        let mut worker = Worker::new(Cost::TINY, None, Arc::clone(&hasher.done));
        jobs.try_iter().for_each(|job| worker.run(job));
        assert_eq!(hasher.done(), 2);
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok(Verdict::Wrong));
        }
    }

    #[test]
    fn a_network_leaves_room_for_the_others() {
        let (hasher, _jobs) = Hasher::without_threads(options(1, 16));
        let address = |text: &str| -> IpAddr { text.parse().unwrap() };
        let (crowd, ani) = (address("192.0.2.1"), address("198.51.100.1"));
        let take = |network, most: usize| -> Vec<_> {
            (0..most).map_while(|_| hasher.place(network).ok()).collect()
        };
        let mut alone = take(crowd, 99);
        assert_eq!(alone.len(), 8, "half of it, if nobody else is there");
        let others = take(ani, 99);
        assert_eq!(others.len(), 4, "a quarter, beside others");
        assert!(hasher.place(crowd).is_err_and(|busy| busy.retry_after_seconds >= 1));
        alone.truncate(3);
        let more = take(crowd, 99);
        assert_eq!(alone.len() + more.len(), 4);
        drop((alone, more, others));
        assert_eq!(take(ani, 99).len(), 8);
        // However many networks a customer has.
        let site = (0..99).map_while(|n| hasher.place(address(&format!("2001:db8:1:{n}::"))).ok());
        assert_eq!(site.collect::<Vec<_>>().len(), 8);
        assert!(hasher.places.lock().unwrap().of.is_empty());
    }

    #[test]
    fn retry_after_grows_with_the_queue() {
        let table = [(1, 0, 1), (1, 10, 1), (1, 256, 10), (4, 256, 3)];
        for (threads, waiting, seconds) in table {
            let (hasher, _jobs) =
                Hasher::without_threads(Options { cost: Cost::OWASP, ..options(threads, 256) });
            assert_eq!(hasher.busy(waiting).retry_after_seconds, seconds, "{threads} {waiting}");
        }
    }

    #[tokio::test]
    async fn dropping_the_pool_ends_its_threads() {
        let hasher = Hasher::start(options(2, 8)).unwrap();
        let done = Arc::clone(&hasher.done);
        drop(hasher);
        assert_eq!(Arc::strong_count(&done), 1, "no thread is left that holds it");
    }

    #[tokio::test]
    async fn a_simulated_pool_answers_at_once_and_repeats_itself() {
        let hash =
            |seed| async move { Hasher::simulated(seed).hash(secret("kata sandi")).await.unwrap() };
        let first = hash(1).await;
        assert_eq!(first.as_bytes(), hash(1).await.as_bytes());
        assert_ne!(first.as_bytes(), hash(2).await.as_bytes());
        let hasher = Hasher::simulated(3);
        assert_eq!(hasher.verify(secret("kata sandi"), Some(first)).await, Ok(RIGHT));
        assert_eq!(hasher.verify(secret("kata sandi"), None).await, Ok(Verdict::Wrong));
    }

    #[test]
    fn the_number_of_threads_is_bounded() {
        assert!((1..=HASHERS_MAX).contains(&Options::standard().threads));
        assert_eq!(Hasher::start(options(0, 1)).unwrap().threads.len(), 1);
        assert_eq!(Hasher::start(options(99, 1)).unwrap().threads.len(), HASHERS_MAX);
    }
}
