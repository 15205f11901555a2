//! The one place that wires the parts together.
//!
//! Start: configuration → store (replayed) → view → engine → writer thread → gateway.
//! Stop, in reverse: no new requests → those in flight answered → tasks gone, so that the queue
//! closes → the writer ends → a last checkpoint → the store is let go.

mod senders;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::{self, Config, Midtrans, Pieces};
use crate::connector;
use crate::connector::midtrans::key::ServerKey;
use crate::connector::midtrans_client::{MidtransClient, NoTls};
use crate::connector::provider::Provider;
use crate::connector::sender::Outbox;
use crate::engine::{self, AfterBatch, Engine, Observer, References, Teller, View};
use crate::engine::{Writer, WriterParts};
use crate::gateway::charge;
use crate::gateway::notify::Hub;
use crate::gateway::payout::callbacks::Callbacks;
use crate::gateway::payout::partners::{Partners, Reach};
use crate::gateway::payout::{self, Announcer, Desk};
use crate::gateway::screening::Screening;
use crate::gateway::{self, Gateway, Settings, rent};
use crate::identity::hasher::{self, Hasher};
use crate::identity::keys::{self, SigningKeys};
use crate::identity::vault::Vault;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::sealer::Sealer;
use crate::journal::sidefile::Mark;
use crate::journal::store::{self, OpenReport, Opened, Progress};
use crate::journal::{self, AppendError, Hash, History};
use crate::ledger::book::Book;
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;
use crate::ledger::user::User;
use crate::limits;
use crate::outbound;
use crate::telemetry::Metrics;

/// A running gateway over a store on disk.
pub struct App {
    /// The use cases.
    pub gateway: Arc<Gateway>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What opening found.
    pub report: OpenReport,
    stop: watch::Sender<bool>,
    writer: JoinHandle<Writer>,
    sealer: Arc<Sealer>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store does not open.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The keys that sign, or those that seal, cannot be used.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// One-time codes cannot be sent as the configuration says.
    #[error("{key}: {message}")]
    Sender {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The provider's key or certificates cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// See [`NoTls`].
    #[error(transparent)]
    Tls(#[from] NoTls),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// How a process that could not make a batch durable ends.
pub const EXIT_NOT_DURABLE: i32 = 74;

impl App {
    /// Opens the store and starts everything behind the API. Call it within a runtime.
    ///
    /// # Errors
    /// Why it does not start. Nothing is left running.
    pub fn start(
        config: &Config,
        clock: &Clock,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        let sender = senders::sender(config, clock)?;
        let provider = provider(config, clock)?;
        let references = References::new();
        let mut remember = |fingerprint, position| references.insert(fingerprint, position);
        let opened = store::open(&config.data, clock.now(), progress, &mut remember)?;
        let keys = SigningKeys::open(&config.data, clock.now())?;
        let hasher = Hasher::start(hasher::Options::standard())?;
        let vault = Arc::new(Vault::load(&config.data, is_sealing(&opened.book))?);
        let metrics = Metrics::new();
        let hub = Arc::new(Hub::default());
        let Opened { journal, history, book, last_hash, last_time, report, site } = opened;
        let view = Arc::new(View::new(&book, references, Arc::clone(&history), last_time));
        let pieces = config.pieces;
        let sealer = Arc::new(Sealer::start(site, Arc::clone(&history), pieces.segment_bytes)?);
        let (announcer, inbox) = payout::channel();
        let (charge_announcer, charge_inbox) = charge::channel();
        let (engine, queue) =
            Engine::new(Arc::clone(&view), config.policies.clone(), clock.clone());
        let writer = Writer::new(WriterParts {
            journal: Box::new(journal),
            book,
            view: Arc::clone(&view),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            hash: last_hash,
            time: last_time,
            after_batch: housekeeping(pieces, &sealer, &history, (&metrics, report.checkpoint)),
            observer: observer(&hub, &view, (announcer, charge_announcer)),
        });
        let teller = Teller::start(&Handle::current());
        let writer = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || run_writer(writer, &queue, &teller))?;
        let (stop, stopped) = watch::channel(false);
        spawn_vital(engine::run_timers(engine.clone(), stopped));
        let desk = payouts(config, &engine, &vault);
        spawn_vital(Arc::clone(&desk).run(inbox));
        let (provider, key) = provider.unzip();
        let charges = charge::Desk::new(engine.clone(), provider, key, charge_options(config));
        spawn_vital(Arc::clone(&charges).run(charge_inbox));
        let screening = Screening::new(config.screening.clone());
        let settings = settings(config);
        let outbox = sender.map(|sender| Outbox::start(sender, Arc::clone(&metrics)));
        let parts = gateway::Parts {
            engine,
            settings,
            hasher,
            keys,
            hub,
            vault,
            desk,
            charges,
            screening,
            outbox,
        };
        let gateway = Arc::new(Gateway::new(parts));
        gateway.recall()?;
        spawn_vital(Arc::clone(gateway.courier()).run());
        spawn_vital(rent::run(Arc::clone(&gateway), stop.subscribe()));
        Ok(Self { gateway, metrics, report, stop, writer, sealer })
    }

    /// What turns true when a stop is asked for.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Asks everything that listens to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Ends after the last request was answered: takes the runtime down, waits for the writer, and
    /// leaves a checkpoint so that the next start is quick.
    pub fn finish(self, runtime: tokio::runtime::Runtime) {
        let Self { gateway, writer, sealer, stop, .. } = self;
        stop.send_replace(true);
        drop(gateway);
        // With its tasks go the last senders of the writer's queue.
        runtime.shutdown_timeout(limits::DRAIN_TIMEOUT);
        let writer = writer.join().expect("a panic of the writer ends the process");
        let checkpoint = checkpoint(writer.book(), writer.hash(), writer.time());
        if checkpoint.is_some_and(|checkpoint| !sealer.checkpoint(checkpoint)) {
            tracing::warn!("no checkpoint at the end: the next start takes longer");
        }
        drop(writer);
        match Arc::try_unwrap(sealer) {
            Ok(sealer) => sealer.stop(),
            Err(_) => tracing::warn!("the sealer is still in use at the end"),
        }
    }
}

/// Starts a task without which nobody would see to what is open: a panic in it ends the process, and
/// the next start takes everything up again.
fn spawn_vital(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(engine::vital(task));
}

/// The settings of the use cases.
pub fn settings(config: &Config) -> Settings {
    Settings {
        currency: config.currency,
        merchant_fee: config.merchant_fee,
        top_up_alone_max: config.top_up_alone_max,
        tables_alone: config.tables_alone,
        signup: config.signup,
        plain_banks: config.banks.plain_http,
        signup_burst: config.signup_burst,
        answer_within: config.banks.answer_within,
        codes: config.codes.policy,
    }
}

/// Whether anything is sealed already that another key would not open.
fn is_sealing(book: &Book) -> bool {
    let has_app = |user: &Arc<User>| user.codes().is_some_and(|codes| codes.totp.is_some());
    !book.registry.is_empty() || book.users.iter().any(has_app)
}

/// What sees to payouts.
fn payouts(config: &Config, engine: &Engine, vault: &Arc<Vault>) -> Arc<Desk> {
    let reach = Reach {
        tls: config.banks.tls.clone(),
        http: connector::http::Options::standard(),
        breaker: config.banks.breaker,
    };
    let (view, clock) = (Arc::clone(engine.view()), engine.clock().clone());
    let banks = Arc::new(Partners::new(view, Arc::clone(vault), clock, reach));
    let (settings, resolve) = (config.callbacks.clone(), Arc::new(outbound::System));
    let callbacks = Callbacks::new(Arc::clone(vault), settings, resolve);
    let options = payout::Options {
        not_found_is_final: config.banks.not_found_is_final,
        ask_within: config.banks.ask_within,
        ..payout::Options::standard()
    };
    Desk::new(engine.clone(), banks, callbacks, options)
}

/// What the operator sets about charges.
fn charge_options(config: &Config) -> charge::Options {
    let standard = charge::Options::standard();
    let Some(midtrans) = &config.midtrans else { return standard };
    let Midtrans { ask_within, questions_per_second: sweeps_per_second, .. } = *midtrans;
    charge::Options { ask_within, sweeps_per_second, ..standard }
}

/// The payment provider, and what it signs with.
type AskedWith = (Arc<dyn Provider>, ServerKey);

/// The payment provider, if one is configured.
fn provider(config: &Config, clock: &Clock) -> Result<Option<AskedWith>, Error> {
    let Some(midtrans) = &config.midtrans else { return Ok(None) };
    // Read twice: one to ask with, one to check what is told.
    let key = midtrans.server_key()?;
    let resolve = Arc::new(outbound::System);
    let client = MidtransClient::new(midtrans.settings()?, resolve, clock.clone())?;
    Ok(Some((Arc::new(client), key)))
}

/// Where signing keys are kept, beside the store.
pub fn keys_directory(config: &Config) -> &Path {
    &config.data
}

/// Tells listeners of each record.
fn observer(
    hub: &Arc<Hub>,
    view: &Arc<View>,
    (payouts, charges): (Announcer, charge::Announcer),
) -> Observer {
    let (hub, view) = (Arc::clone(hub), Arc::clone(view));
    Box::new(move |recorded| {
        payouts.tell(recorded);
        charges.tell(recorded);
        hub.tell(&view, recorded);
    })
}

/// The writer's thread. A batch that is not durable ends the process without another word to any
/// client: what was stored is found out by the next start.
fn run_writer(
    writer: Writer,
    queue: &crossbeam_channel::Receiver<engine::Entry>,
    teller: &Teller,
) -> Writer {
    let _fatal = engine::AbortOnPanic;
    match writer.run(queue, teller) {
        Ok(writer) => writer,
        Err(error) => die(&error),
    }
}

fn die(error: &AppendError) -> ! {
    use std::io::Write;
    let line = format!(
        "gerbang: {error}; nothing unanswered was acknowledged; start again once the cause is gone"
    );
    // Not through the log, whose thread may never run again; and on a thread of its own, since
    // standard error may be a full pipe that nobody reads.
    std::thread::spawn(move || writeln!(std::io::stderr(), "{line}"));
    std::thread::sleep(limits::LAST_WORD);
    std::process::exit(EXIT_NOT_DURABLE);
}

/// Between batches: seal what is old, trim what is sealed, checkpoint now and then.
fn housekeeping(
    pieces: Pieces,
    sealer: &Arc<Sealer>,
    history: &Arc<History>,
    (metrics, checkpoint_at): (&Arc<Metrics>, Option<Position>),
) -> AfterBatch {
    let (sealer, metrics) = (Arc::downgrade(sealer), Arc::clone(metrics));
    let history = Arc::clone(history);
    let mut last = checkpoint_at.map_or(0, Position::get);
    Box::new(move |journal, book, hash, time| {
        let Some(sealer) = sealer.upgrade() else { return };
        sealer.look();
        metrics.tail_bytes.set(i64::try_from(history.tail_bytes()).unwrap_or(i64::MAX));
        // A few keys after every batch, so that no batch waits for a whole stretch.
        if let Some(through) = sealer.sealed_through()
            && let Err(error) = journal.trim(through)
        {
            tracing::warn!(%error, "the log could not be trimmed");
        }
        hold_back(&history, pieces.segment_bytes);
        let position = book.position.map_or(0, Position::get);
        // So rare that writing a large book costs little against what was done in between.
        let period = pieces.checkpoint_entries.max(book.accounts_len() as u64);
        if position.saturating_sub(last) >= period
            && let Some(checkpoint) = checkpoint(book, hash, time)
            && sealer.checkpoint(checkpoint)
        {
            last = position;
        }
    })
}

/// A writer that outruns the sealer waits for it a little, or memory and log would grow without
/// end. It never waits for long: a sealer in trouble must not stop payments before the disk does.
fn hold_back(history: &History, segment_bytes: usize) {
    let excess = history.tail_bytes() / (limits::TAIL_SEGMENTS_CALM * segment_bytes);
    if excess > 0 {
        let pause = limits::TAIL_PAUSE.saturating_mul(u32::try_from(excess).unwrap_or(u32::MAX));
        std::thread::sleep(pause.min(limits::TAIL_PAUSE_MAX));
    }
}

fn checkpoint(book: &Book, hash: Hash, time: Timestamp) -> Option<Checkpoint> {
    let position = book.position?;
    Some(Checkpoint { mark: Mark { position, hash }, time, book: book.clone() })
}
