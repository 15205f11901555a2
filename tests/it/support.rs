//! The whole gateway in process: a journal in memory, a clock moved by hand, no socket.
//!
//! When a [`TestGateway`] is dropped it replays the stored batches and compares: money is conserved
//! in every currency, no account ever stood below its floor, and what readers see is what the
//! journal says.

use std::cmp::Ordering;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Receiver;
use gerbang::clock::Clock;
use gerbang::connector::provider::Provider;
use gerbang::connector::sender::Outbox;
use gerbang::engine::{self, Engine, Entry, Teller, Writer, WriterParts};
use gerbang::gateway::charge;
use gerbang::gateway::codes;
use gerbang::gateway::identity::SignUp;
use gerbang::gateway::notify::Hub;
use gerbang::gateway::payout::{self, Desk};
use gerbang::gateway::screening::{RawScreening, Rules, Screening};
use gerbang::gateway::{Gateway, Parts, Settings};
use gerbang::http::api::{Api, Options};
use gerbang::http::reply::Reply;
use gerbang::http::request::Request;
use gerbang::http::server::{self, Service};
use gerbang::identity::hasher::Hasher;
use gerbang::identity::keys::SigningKeys;
use gerbang::identity::secret::Secret;
use gerbang::identity::vault::Vault;
use gerbang::journal::{BatchBuilder, Hash, Journal, MemoryJournal, replay};
use gerbang::ledger::book::Book;
use gerbang::ledger::event::{AccountKind, Event, Fact, Role, SessionRevoked};
use gerbang::ledger::id::{Position, PublicId, UserId};
use gerbang::ledger::money::{Amount, BasisPoints, Currency};
use gerbang::ledger::policy::{Policies, Policy};
use gerbang::ledger::text::{Email, Line, Username};
use gerbang::ledger::time::Timestamp;
use gerbang::limits;
use gerbang::telemetry::Metrics;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::charges::provider::{self, SimulatedProvider};
use crate::document::{Asked, judge};
use crate::payouts::bank::{Faults, SimulatedBanks, Ways};
use crate::phones::{Kept, Phones};
use crate::simulation::{Recovered, recover};

pub(crate) use crate::ask::{Answer, Ask, ask, get, login_of, post, put, raw};

/// When every test begins: 2026-11-18T18:06:40+07:00.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// [`START`] as answers show it.
pub(crate) const START_TEXT: &str = "2026-11-18T18:06:40.000000+07:00";
/// Everybody's password; long enough for administrators.
pub(crate) const PASSWORD: &str = "kata-sandi-panjang";
/// The origin whose pages may open a WebSocket.
pub(crate) const ORIGIN: &str = "https://kasir.example";
/// The seed of the keys that sign tokens.
const KEYS: u64 = 7;

/// A gateway over a journal in memory.
pub(crate) struct TestGateway {
    pub(crate) api: Arc<Api>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) clock: Clock,
    pub(crate) journal: MemoryJournal,
    pub(crate) banks: Arc<SimulatedBanks>,
    pub(crate) provider: Arc<SimulatedProvider>,
    pub(crate) vault: Arc<Vault>,
    /// What people were sent.
    pub(crate) phones: Kept,
    settings: Settings,
    running: Running,
}

/// What goes on while a gateway is there.
struct Running {
    stop: watch::Sender<bool>,
    writer: JoinHandle<()>,
    /// What a process that is gone does not do any more.
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// What sees to charges.
fn desk_of(
    engine: &Engine,
    provider: &Arc<SimulatedProvider>,
    ask_within: Option<Duration>,
) -> Arc<charge::Desk> {
    let asked = Arc::clone(provider) as Arc<dyn Provider>;
    let options = charge::Options { ask_within, ..charge::Options::standard() };
    charge::Desk::new(engine.clone(), Some(asked), Some(provider::key()), options)
}

/// Gateways that have not ended: they do with their runtime, not when they are dropped.
static LIVE: AtomicUsize = AtomicUsize::new(0);
/// As many tests as run at once on a large machine, each with a restart or two.
const LIVE_MAX: usize = 200;

/// One gateway among the live ones, from its start to the end of its writer.
struct Counted;

impl Counted {
    fn new() -> Self {
        let live = LIVE.fetch_add(1, Relaxed) + 1;
        assert!(live <= LIVE_MAX, "gateways pile up: a test that makes many needs many runtimes");
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Relaxed);
    }
}

/// What a test may decide.
pub(crate) fn settings() -> Settings {
    Settings {
        currency: Currency::IDR,
        merchant_fee: BasisPoints::new(0).unwrap(),
        top_up_alone_max: Amount::new(5_000_000),
        tables_alone: true,
        signup: true,
        plain_banks: true,
        signup_burst: limits::SIGN_UPS_BURST,
        answer_within: Duration::from_secs(10),
        codes: codes::policy::Policy::NEVER,
    }
}

/// What a gateway finds around it: the time, the provider, and how soon it asks that.
type Around = (Clock, Arc<SimulatedProvider>, Option<Duration>);

/// After a restart nothing is waited for that tests want to see.
const ASK_SOON: Option<Duration> = Some(Duration::from_millis(5));

/// How answers look.
fn shown() -> Options {
    Options {
        offset_seconds: 7 * 3600,
        metrics: true,
        api: true,
        proxies: Vec::new(),
        public_url: "http://gerbang.test".to_owned(),
        origins: vec![ORIGIN.to_owned()],
    }
}

/// A wallet holds Rp20 million and takes in Rp40 million a month.
fn policies() -> Policies {
    let policy =
        Policy { ceiling: Amount::new(20_000_000), incoming_per_month: Amount::new(40_000_000) };
    Policies(vec![(AccountKind::Wallet, Currency::IDR, policy)])
}

/// A queue stands in memory whole, and a test waits for its answers: it needs a short one.
fn sizes() -> engine::Options {
    engine::Options { queue_max: limits::BATCH_ENTRIES_MAX, ..engine::Options::default() }
}

/// Runs a writer until the runtime of the test drops the last task that can send to it.
fn start(writer: Writer, queue: Receiver<Entry>) -> JoinHandle<()> {
    let log = tracing::dispatcher::get_default(Clone::clone);
    let (teller, counted) = (Teller::start(&Handle::current()), Counted::new());
    std::thread::spawn(move || {
        let (_log, _counted) = (tracing::dispatcher::set_default(&log), counted);
        drop(writer.run(&queue, &teller));
    })
}

impl TestGateway {
    /// A gateway without users. Its genesis is at position 1.
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::fresh(settings, Hasher::simulated(1))
    }

    /// One that hashes passwords like this.
    pub(crate) fn hashing(hasher: Hasher) -> Self {
        Self::fresh(settings(), hasher)
    }

    fn fresh(settings: Settings, hasher: Hasher) -> Self {
        let mut journal = MemoryJournal::new();
        let event = Event { at: START, fact: Fact::Genesis };
        let links = Book::new().apply(Position::FIRST, &event);
        let mut batch = BatchBuilder::new(Position::FIRST, START, Hash::GENESIS);
        batch.push(&event, &links);
        journal.append(&batch.finish()).unwrap();
        let clock = Clock::manual(START);
        let provider = SimulatedProvider::new(KEYS, provider::Faults::NONE, clock.clone());
        Self::over(journal, settings, hasher, (clock, provider, None))
    }

    /// The gateway as it comes up again over the same journal.
    pub(crate) fn reopened(self) -> Self {
        // A process that is gone tells nobody anything.
        self.running.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        let journal = self.journal.reopen().unwrap();
        let around = (self.clock.clone(), Arc::clone(&self.provider), ASK_SOON);
        Self::over(journal, self.settings.clone(), Hasher::simulated(1), around)
    }

    fn over(
        journal: MemoryJournal,
        settings: Settings,
        hasher: Hasher,
        (clock, provider, ask_within): Around,
    ) -> Self {
        let Recovered { view, book, hash, time } = recover(&journal.batches().unwrap());
        let (engine, queue) =
            Engine::with_options(Arc::clone(&view), policies(), clock.clone(), sizes());
        let (hub, metrics) = (Arc::new(Hub::default()), Metrics::new());
        let listeners = Arc::clone(&hub);
        let (announcer, inbox) = payout::channel();
        let (charge_announcer, charge_inbox) = charge::channel();
        let writer = Writer::new(WriterParts {
            journal: Box::new(journal.clone()),
            book,
            view: Arc::clone(&view),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            hash,
            time,
            after_batch: Box::new(|_, _, _, _| {}),
            observer: Box::new(move |recorded| {
                announcer.tell(recorded);
                charge_announcer.tell(recorded);
                listeners.tell(&view, recorded);
            }),
        });
        let writer = start(writer, queue);
        let keys = SigningKeys::in_memory(KEYS);
        let banks = SimulatedBanks::new(KEYS, Faults::NONE, clock.clone());
        let ways = Arc::new(Ways(Arc::clone(&banks)));
        let vault = Arc::new(Vault::in_memory(KEYS));
        let callbacks = crate::payouts::callbacks::at_home(Arc::clone(&vault));
        let desk = Desk::new(engine.clone(), ways, callbacks, payout::Options::standard());
        let (stop, _) = watch::channel(false);
        tokio::spawn(Arc::clone(&desk).run(inbox));
        let charges = desk_of(&engine, &provider, ask_within);
        let desk_of_charges = tokio::spawn(Arc::clone(&charges).run(charge_inbox));
        let screening = Screening::new(Rules::from_raw(RawScreening::default()).unwrap());
        let phones = Kept::default();
        let settings_of = settings.clone();
        let parts = Parts {
            engine,
            settings: settings_of,
            hasher,
            keys,
            hub,
            vault: Arc::clone(&vault),
            desk,
            charges,
            screening,
            outbox: Some(Outbox::start(
                Arc::new(Phones(Arc::clone(&phones))),
                Arc::clone(&metrics),
            )),
        };
        let gateway = Arc::new(Gateway::new(parts));
        let courier = tokio::spawn(Arc::clone(gateway.courier()).run());
        let api = Arc::new(Api::new(Arc::clone(&gateway), metrics, shown()));
        let running = Running { stop, writer, tasks: vec![courier, desk_of_charges] };
        Self { api, gateway, clock, journal, banks, provider, vault, phones, settings, running }
    }

    /// Sends a request.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        self.send_from(ask, IpAddr::from([127, 0, 0, 1]), &self.api).await
    }

    /// Sends a request whose answer is no JSON.
    pub(crate) async fn send_raw(&self, ask: Ask) -> Reply {
        let peer = SocketAddr::from(([127, 0, 0, 1], 4321));
        let request = Request::in_process(ask.request(), peer).unwrap();
        self.api.call(request).await
    }

    /// Sends a request from this address to a listener of this gateway.
    pub(crate) async fn send_from(&self, ask: Ask, peer: IpAddr, api: &Api) -> Answer {
        let request = match Request::in_process(ask.request(), SocketAddr::new(peer, 4321)) {
            Ok(request) => request,
            Err(error) => return Answer::of(&Reply::from(error)),
        };
        let asked = Asked::of(&request);
        let answer = Answer::of(&api.call(request).await);
        if let Some(asked) = asked {
            judge(&asked, &answer);
        }
        answer
    }

    /// Serves the same API on a socket until the test ends.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (api, stop) = (Arc::clone(&self.api), self.running.stop.subscribe());
        tokio::spawn(server::serve(listener, None, api, stop, server::Options::standard()));
        address
    }

    /// Makes a user and logs them in.
    pub(crate) async fn user(&self, username: &str, role: Role) -> String {
        let wanted = SignUp {
            username: Username::parse(username).unwrap(),
            name: Line::parse(&format!("Nama {username}"), 100).unwrap(),
            email: Email::parse(&format!("{username}@contoh.id")).unwrap(),
            phone: None,
            password: Secret::new(PASSWORD.to_owned()),
            role,
        };
        self.gateway.sign_up(wanted).await.unwrap();
        self.log_in(username).await
    }

    /// A token for a user with everybody's password.
    pub(crate) async fn log_in(&self, login: &str) -> String {
        let answer = self.send(login_of(login, PASSWORD)).await;
        answer.expect(200)["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn people(&self) -> People {
        People {
            ani: self.user("ani", Role::Buyer).await,
            budi: self.user("budi", Role::Buyer).await,
            warung: self.user("warung", Role::Merchant).await,
            admin: self.user("admin", Role::Admin).await,
            second: self.user("wakil", Role::Admin).await,
            kasir: self.user("kasir", Role::Client).await,
        }
    }

    /// Puts money into somebody's account.
    pub(crate) async fn fund(&self, people: &People, username: &str, amount: u64) {
        let body = json!({"to": username, "amount": amount});
        let done = self.send(post("/api/v1/admin/topups", &body).by(&people.second)).await;
        let done = done.expect(201);
        if done["status"] != "settled" {
            let path = format!("/api/v1/admin/topups/{}/approve", done["id"].as_str().unwrap());
            self.send(ask("POST", &path).by(&people.admin)).await.expect(201);
        }
    }

    /// What somebody has.
    pub(crate) async fn balance(&self, token: &str) -> u64 {
        let answer = self.send(get("/api/v1/balance").by(token)).await;
        answer.expect(200)["balance"].as_u64().unwrap()
    }

    /// The latest position.
    pub(crate) fn position(&self) -> u64 {
        self.gateway.view().position().get()
    }

    /// Lets the clock stand so many seconds after [`START`].
    pub(crate) fn at(&self, seconds: i64) {
        self.clock.set(START.plus_seconds(seconds));
    }

    /// Whether the writer has given up: a process would have ended.
    pub(crate) fn has_died(&self) -> bool {
        self.running.writer.is_finished()
    }

    /// What the stored batches say, with accounts looked at after every entry.
    fn replayed(&self) -> Book {
        let mut book = Book::new();
        for batch in self.journal.batches().unwrap() {
            for recorded in batch.records().map(Result::unwrap) {
                replay::follow(&mut book, &recorded).unwrap();
                for link in &recorded.links {
                    let account = book.account(link.account).unwrap();
                    assert!(account.is_above_floor(), "{}: {account:?}", recorded.position);
                }
            }
        }
        book
    }

    fn check(&self) {
        let mut book = self.replayed();
        assert!(book.imbalances().is_empty(), "money came or went: {:?}", book.imbalances());
        if self.has_died() {
            // A batch may be stored that readers were never shown.
            return;
        }
        let view = self.gateway.view();
        for _ in 0..1_000_000 {
            match Some(view.position()).cmp(&book.position) {
                Ordering::Equal => break,
                // Stored a moment ago for a caller that did not wait; about to be published.
                Ordering::Less => std::thread::yield_now(),
                // Stored and published since the batches were read.
                Ordering::Greater => book = self.replayed(),
            }
        }
        assert_eq!(Some(view.position()), book.position, "readers are not shown what is stored");
        let compared = std::panic::catch_unwind(AssertUnwindSafe(|| self.compare(&book)));
        let Err(difference) = compared else { return };
        // What goes on by itself may have been written, and be about to be shown, meanwhile.
        for _ in 0..100_000 {
            if Some(view.position()) != book.position {
                return self.check();
            }
            std::thread::yield_now();
        }
        std::panic::resume_unwind(difference);
    }

    /// What readers are shown, against the state that the journal comes to.
    fn compare(&self, book: &Book) {
        let view = self.gateway.view();
        for account in book.accounts() {
            assert_eq!(view.account(account.id), Some(account));
        }
        for user in book.users.iter() {
            assert_eq!(view.user(user.id).as_ref(), Some(user));
        }
        assert_eq!(view.users_len() as usize, book.users.len());
        let orders: Vec<_> = book.orders.iter().map(|(at, order)| (*at, *order)).collect();
        assert_eq!(view.orders(|_| true), orders);
        assert_eq!(view.registry(), book.registry);
        assert_eq!(view.deliveries().all(), book.outbox.pending().collect::<Vec<_>>());
        assert_eq!(view.boarding(), book.boarding);
        assert!(book.revoked.keys().all(|token| view.is_revoked(token)));
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}

/// Tokens of everybody. Their users stand at positions 2 to 7 and own the accounts 0 to 5.
pub(crate) struct People {
    pub(crate) ani: String,
    pub(crate) budi: String,
    pub(crate) warung: String,
    pub(crate) admin: String,
    pub(crate) second: String,
    pub(crate) kasir: String,
}

/// A gateway with everybody, and Rp1.000.000 in ani's wallet. The house's clearing account stands
/// at position 8, the top-up at 9.
pub(crate) async fn funded() -> (TestGateway, People) {
    let gateway = TestGateway::new();
    let people = gateway.people().await;
    gateway.fund(&people, "ani", 1_000_000).await;
    (gateway, people)
}

/// The public id of what was recorded at [`START`].
pub(crate) fn id(prefix: &str, number: u64) -> String {
    PublicId::new(START, number).text(prefix)
}

#[tokio::test]
async fn a_gateway_that_hides_an_entry_from_readers_is_found_out() {
    let (gateway, _) = funded().await;
    let last = gateway.journal.batches().unwrap().pop().unwrap();
    let mut batch = BatchBuilder::new(last.last().plus(1), START, last.hash());
    let revoked = SessionRevoked { user: UserId(0), token: [9; 16], expires: START };
    batch.push(&Event { at: START, fact: Fact::SessionRevoked(revoked) }, &[]);
    gateway.journal.reopen().unwrap().append(&batch.finish()).unwrap();
    let checked = std::panic::catch_unwind(AssertUnwindSafe(|| drop(gateway)));
    assert!(checked.is_err(), "the check of every test lets anything pass");
}
