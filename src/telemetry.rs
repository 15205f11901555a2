//! What the process says about itself: metrics named by Prometheus' conventions, and logs as JSON
//! lines.
//!
//! Nothing secret passes through here: labels are from closed sets, and log fields are chosen where
//! they are written.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec};
use prometheus::{IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::ledger::charge::ChargeStep;
use crate::ledger::event::{Fact, MovementKind, UserChange, UserChanged};
use crate::ledger::payout::PayoutStep;

/// Every counter, gauge and histogram.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    latency: HistogramVec,
    entries: IntCounter,
    batch_entries: Histogram,
    batch_bytes: Histogram,
    append: Histogram,
    rejections: IntCounterVec,
    payments: IntCounter,
    payouts: IntCounterVec,
    callbacks: IntCounterVec,
    codes: IntCounterVec,
    deliveries: IntCounterVec,
    charges: IntCounterVec,
    notifications: IntCounterVec,
    /// Entries of money in suspense.
    pub late_open: IntGauge,
    /// Those past their deadline.
    pub late_overdue: IntGauge,
    /// How often the provider said what cannot be, since the start.
    pub charge_oddities: IntGauge,
    /// Questions about charges asked of the provider since the start.
    pub charge_questions: IntGauge,
    /// Tasks of accounts that are alive.
    pub actors: IntGauge,
    /// Messages in the fullest mailbox.
    pub mailbox_depth: IntGauge,
    /// Entries that wait for the writer.
    pub queue_depth: IntGauge,
    /// The latest committed position.
    pub position: IntGauge,
    /// Screening rules that could not count and gave the configured answer, since the start.
    pub screening_failures: IntGauge,
    /// Connections open now.
    pub connections: IntGauge,
    /// Encoded bytes of history not sealed yet.
    pub tail_bytes: IntGauge,
    /// Without labels; a child only where there is a certificate.
    certificate_ends: IntGaugeVec,
    log_lines_dropped: IntGauge,
}

/// Lines of the log that found no room; as global as the log.
static LOG_LINES_DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// When something began, for its duration.
#[derive(Clone, Copy)]
pub struct Began(std::time::Instant);

impl Began {
    /// Starts a measurement.
    #[expect(clippy::disallowed_methods, reason = "a duration for a metric decides nothing")]
    pub fn now() -> Self {
        Self(std::time::Instant::now())
    }
}

impl Metrics {
    /// Metrics at zero, registered.
    pub fn new() -> Arc<Self> {
        let registry = Registry::new();
        let by = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let counter = |name: &str, help: &str| register(&registry, IntCounter::new(name, help));
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let sizes = |name: &str, help: &str, start: f64| {
            let options = HistogramOpts::new(name, help).buckets(doubling(start, 16));
            register(&registry, Histogram::with_opts(options))
        };
        let metrics = Self {
            requests: by("gerbang_http_requests_total", "Requests answered", &["route", "status"]),
            latency: register(&registry, latency()),
            entries: counter("gerbang_journal_entries_total", "Entries made durable"),
            batch_entries: sizes("gerbang_journal_batch_entries", "Entries in a batch", 1.0),
            batch_bytes: sizes("gerbang_journal_batch_bytes", "Encoded size of a batch", 128.0),
            append: sizes(
                "gerbang_journal_append_seconds",
                "Time to make a batch durable",
                0.000_05,
            ),
            rejections: by("gerbang_rejections_total", "Refusals recorded, by code", &["code"]),
            payments: counter("gerbang_movements_total", "Movements of money recorded"),
            payouts: by("gerbang_payouts_total", "Steps of payouts recorded, by step", &["step"]),
            callbacks: by(
                "gerbang_callbacks_total",
                "Tries to tell an end, by result",
                &["result"],
            ),
            codes: by("gerbang_codes_total", "One-time codes, by what happened", &["event"]),
            deliveries: by(
                "gerbang_webhooks_total",
                "Tries to tell an event to a webhook, by result",
                &["result"],
            ),
            charges: by("gerbang_charges_total", "Steps of charges recorded, by step", &["step"]),
            notifications: by(
                "gerbang_notifications_total",
                "Notifications of the provider, by result",
                &["result"],
            ),
            late_open: gauge("gerbang_late_open", "Entries of money in suspense"),
            late_overdue: gauge("gerbang_late_overdue", "Those past their deadline"),
            charge_oddities: gauge(
                "gerbang_charge_oddities",
                "Times since the start that the provider said what cannot be",
            ),
            charge_questions: gauge(
                "gerbang_charge_questions",
                "Questions about charges asked of the provider since the start",
            ),
            actors: gauge("gerbang_actors", "Live account tasks"),
            mailbox_depth: gauge("gerbang_mailbox_depth_max", "Messages in the fullest mailbox"),
            queue_depth: gauge("gerbang_writer_queue_depth", "Entries waiting for the writer"),
            position: gauge("gerbang_journal_position", "Latest committed position"),
            screening_failures: gauge("gerbang_screening_failures", "Screening rules that failed"),
            connections: gauge("gerbang_http_connections", "Open connections"),
            tail_bytes: gauge("gerbang_journal_tail_bytes", "Encoded history not sealed yet"),
            certificate_ends: register(&registry, certificate_ends()),
            log_lines_dropped: gauge(
                "gerbang_log_lines_dropped",
                "Lines of the log since the start that found no room",
            ),
            registry,
        };
        Arc::new(metrics)
    }

    /// A batch of `entries` and `bytes` became durable.
    pub fn appended(&self, began: Began, entries: usize, bytes: usize) {
        self.append.observe(seconds(began.0.elapsed()));
        self.entries.inc_by(u64::try_from(entries).unwrap_or(u64::MAX));
        self.batch_entries.observe(size(entries));
        self.batch_bytes.observe(size(bytes));
    }

    /// Something happened to a one-time code.
    pub fn code(&self, event: &'static str) {
        self.codes.with_label_values(&[event]).inc();
    }

    /// `fact` was recorded.
    pub fn recorded(&self, fact: &Fact) {
        match fact {
            Fact::Moved(movement) => {
                self.payments.inc();
                match movement.kind {
                    MovementKind::PaidOut { .. } => self.payout("succeeded"),
                    MovementKind::ChargePaid { .. } => self.charge("paid"),
                    MovementKind::Suspended { .. } => self.charge("suspended"),
                    MovementKind::Resolved { .. } => self.charge("resolved"),
                    MovementKind::GivenBack { .. } => self.charge("given_back"),
                    _ => {}
                }
            }
            Fact::PayoutStarted(started) if started.challenged_until.is_some() => {
                self.payout("challenged");
            }
            Fact::PayoutStarted(_) => self.payout("started"),
            Fact::PayoutAdvanced(advanced) => self.payout(match &advanced.step {
                PayoutStep::Released { .. } => "released",
                PayoutStep::NextTry { .. } => "next_try",
                PayoutStep::Unknown { .. } => "unknown",
            }),
            Fact::PayoutFailed(_) => self.payout("failed"),
            Fact::CallbackTried(tried) => {
                let heard = tried.status.is_some_and(|status| (200..300).contains(&status));
                let result = if heard { "heard" } else { "not_heard" };
                self.callbacks.with_label_values(&[result]).inc();
            }
            Fact::UserChanged(UserChanged { change: UserChange::Codes(change), .. }) => {
                self.code(change.name());
            }
            Fact::DeliveryTried(tried) => {
                let heard = tried.status.is_some_and(|status| (200..300).contains(&status));
                let result = if heard { "heard" } else { "not_heard" };
                self.deliveries.with_label_values(&[result]).inc();
            }
            Fact::ChargeStarted(_) => self.charge("started"),
            Fact::ChargeAdvanced(advanced) => self.charge(match &advanced.step {
                ChargeStep::Opened { .. } => "opened",
                ChargeStep::Unknown { .. } => "unknown",
                ChargeStep::Ended { end, .. } => end.name(),
            }),
            Fact::Refused(refusal) => {
                self.rejections.with_label_values(&[refusal.rejection.code()]).inc();
            }
            _ => {}
        }
    }

    fn payout(&self, step: &str) {
        self.payouts.with_label_values(&[step]).inc();
    }

    fn charge(&self, step: &str) {
        self.charges.with_label_values(&[step]).inc();
    }

    /// A notification of the provider came.
    pub fn notified(&self, result: &str) {
        self.notifications.with_label_values(&[result]).inc();
    }

    /// A request to `route` was answered with `status`.
    pub fn answered(&self, route: &'static str, status: u16, began: Began) {
        let mut digits = itoa::Buffer::new();
        self.requests.with_label_values(&[route, digits.format(status)]).inc();
        self.latency.with_label_values(&[route]).observe(seconds(began.0.elapsed()));
    }

    /// The certificate in use ends at `seconds` since the epoch.
    pub fn certificate_ends(&self, seconds: i64) {
        self.certificate_ends.with_label_values::<&str>(&[]).set(seconds);
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> Vec<u8> {
        let dropped = LOG_LINES_DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
        self.log_lines_dropped.set(i64::try_from(dropped).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("metrics have valid names and a buffer takes them");
        text
    }
}

fn latency() -> prometheus::Result<HistogramVec> {
    let options = HistogramOpts::new("gerbang_http_request_seconds", "Time to answer, by route");
    HistogramVec::new(options.buckets(doubling(0.000_1, 18)), &["route"])
}

fn certificate_ends() -> prometheus::Result<IntGaugeVec> {
    let name = "gerbang_tls_certificate_expiry_timestamp_seconds";
    IntGaugeVec::new(Opts::new(name, "When the certificate in use ends"), &[])
}

/// Bounds of a histogram: `count` of them, each twice the one before.
fn doubling(start: f64, count: usize) -> Vec<f64> {
    prometheus::exponential_buckets(start, 2.0, count).expect("valid buckets")
}

fn register<C: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> C {
    let collector = collector.expect("metric names are valid");
    registry.register(Box::new(collector.clone())).expect("metric names are unique");
    collector
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a metric of sizes far below 2^52")]
fn size(count: usize) -> f64 {
    count as f64
}

/// Keeps the log thread alive; dropping it writes out what is buffered.
pub struct LogGuard(#[expect(dead_code, reason = "held for its drop")] Option<WorkerGuard>);

/// Whether a filter means something.
///
/// # Errors
/// What is wrong with it.
pub fn check_filter(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter).map(drop).map_err(|error| error.to_string())
}

/// Sends logs to standard error as JSON lines; `filter` as in `RUST_LOG`.
///
/// Lines go through a bounded buffer to a thread of their own, and are dropped when it is full: a
/// blocked pipe stops logging and nothing else.
pub fn init_logs(filter: &str) -> LogGuard {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let (lines, guard) = tracing_appender::non_blocking(std::io::stderr());
    let dropped = lines.error_counter();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(lines)
        .finish();
    // A second call keeps the first subscriber.
    let is_first = tracing::subscriber::set_global_default(subscriber).is_ok();
    LogGuard(is_first.then(|| {
        LOG_LINES_DROPPED.get_or_init(|| dropped);
        guard
    }))
}
