//! A simulated bank from outside, over sockets: signatures, replays, refusals, faults, and a
//! connection that is cut at every byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::connector::outcome::Outcome;
use gerbang::connector::snap::call::{self, Call, Partner, Stamp};
use gerbang::connector::snap::dialect::{self, Dialect};
use gerbang::connector::snap::services::{Reach, Response, token, transfer};
use gerbang::connector::snap::sign::{SigningKey, VerifyingKey};
use gerbang::connector::standard::TransferRequest;
use gerbang::identity::secret::Secret;
use gerbang::simulator::bank::{Bank, Options};
use gerbang::simulator::cut::{Cut, Direction};
use gerbang::simulator::faults::{Chance, Faults, Kind};
use gerbang::simulator::keys::Keys;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::client::{Connection, Received};

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(Keys::generate)
}

/// A bank that listens, and its partner.
struct Served {
    bank: Bank,
    address: SocketAddr,
    dialect: &'static Dialect,
    partner: Partner,
    token: Secret<String>,
    calls: u64,
    runtime: Option<Runtime>,
    stop: watch::Sender<bool>,
}

impl Served {
    fn start(faults: Faults) -> Self {
        let dialect = dialect::of("009").unwrap();
        let secret = || Secret::new("rahasia".to_owned());
        let partner = Partner {
            client_id: "gerbang-client".to_owned(),
            client_secret: secret(),
            key: SigningKey::from_pem(keys().private.expose().as_bytes()).unwrap(),
            partner_id: "GERBANG".to_owned(),
            channel_id: "95051".to_owned(),
            source_account: "1000200030".to_owned(),
        };
        let options = Options {
            dialect,
            client_id: partner.client_id.clone(),
            client_secret: secret(),
            client_key: VerifyingKey::from_pem(keys().public.as_bytes()).unwrap(),
            partner_id: partner.partner_id.clone(),
            source_account: partner.source_account.clone(),
            opening_balance: 10_000_000_000,
            seed: 7,
            book: None,
        };
        let bank = Bank::open(options, Clock::system(), Faults::none()).unwrap();
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let serving = bank.clone();
        runtime.spawn(async move { serving.serve(listener, stopped).await });
        let token = Secret::new(String::new());
        let runtime = Some(runtime);
        let mut served = Self { bank, address, dialect, partner, token, calls: 0, runtime, stop };
        let answer = served.send(&call::token(dialect, &served.partner, Clock::system().now()));
        let answer = answer.unwrap();
        let response = Response { status: answer.status, body: answer.body.as_bytes() };
        let Outcome::Succeeded(granted) = token::read(dialect, response) else {
            panic!("no token: {}", answer.body)
        };
        served.token = granted.token;
        served.bank.set_faults(faults);
        served
    }

    /// A transfer that is signed and not sent yet.
    fn order(&mut self, request: &TransferRequest) -> Call {
        self.calls += 1;
        let reach = Reach::of(self.dialect, &request.beneficiary_bank_code);
        let question = transfer::request(self.dialect, &self.partner, reach, request).unwrap();
        let stamp = Stamp { now: Clock::system().now(), random: self.calls };
        call::signed(self.dialect, &self.partner, &self.token, question, stamp)
    }

    fn send(&self, call: &Call) -> std::io::Result<Received> {
        let headers: Vec<(&str, &str)> =
            call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Connection::open(self.address)?.send(("POST", call.path), "", &headers, &call.body)
    }

    fn transfer(&mut self, request: &TransferRequest) -> Result<Outcome<String>, std::io::Error> {
        let call = self.order(request);
        let answer = self.send(&call)?;
        let response = Response { status: answer.status, body: answer.body.as_bytes() };
        let outcome = transfer::read(self.dialect, Reach::Intrabank, request, response);
        Ok(outcome.map(|done| done.bank_reference))
    }

    /// Sends the bytes of a call and returns all that comes back until the connection ends.
    fn raw(&self, call: &Call) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = Vec::new();
        // A cut connection may end in a reset: what came before it counts.
        if stream.write_all(&bytes(call)).is_ok() {
            let _ = stream.read_to_end(&mut answer);
        }
        answer
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn bytes(call: &Call) -> Vec<u8> {
    let mut text = format!("POST {} HTTP/1.1\r\nHost: bank\r\nConnection: close\r\n", call.path);
    for (name, value) in &call.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{}", call.body.len(), call.body));
    text.into_bytes()
}

fn order(reference: &str, account: &str) -> TransferRequest {
    TransferRequest {
        reference: reference.to_owned(),
        beneficiary_bank_code: "009".to_owned(),
        beneficiary_account_number: account.to_owned(),
        beneficiary_account_name: "ERRY JULIO".to_owned(),
        amount: "2475000".to_owned(),
        currency: "IDR".to_owned(),
        remark: "gaji".to_owned(),
        date: "2026-10-15T00:46:40+07:00".to_owned(),
    }
}

fn code(answer: &Received) -> String {
    answer.json()["responseCode"].as_str().unwrap().to_owned()
}

#[test]
fn a_bad_signature_and_a_replay_are_turned_away() {
    let mut served = Served::start(Faults::none());
    let mut bad = served.order(&order("A1", "0115471119"));
    bad.body = bad.body.replace("2475000", "9475000");
    let answer = served.send(&bad).unwrap();
    assert_eq!((answer.status, code(&answer).as_str()), (401, "4011700"));
    assert_eq!(served.bank.executions("A1"), 0);

    let good = served.order(&order("A1", "0115471119"));
    let answer = served.send(&good).unwrap();
    assert_eq!((answer.status, code(&answer).as_str()), (200, "2001700"));
    assert!(answer.header("x-timestamp").is_some());
    let answer = served.send(&good).unwrap();
    assert_eq!((answer.status, code(&answer).as_str()), (409, "4091700"));
    assert_eq!(served.bank.executions("A1"), 1);
}

#[test]
fn an_unknown_account_and_a_used_reference_are_refused() {
    let mut served = Served::start(Faults::none());
    let unknown = served.order(&order("B1", "0115471117"));
    let answer = served.send(&unknown).unwrap();
    assert_eq!((answer.status, code(&answer).as_str()), (404, "4041711"));
    assert_eq!(served.transfer(&order("B2", "0115471119")).unwrap().name(), "succeeded");
    let again = served.order(&order("B2", "0115471119"));
    let answer = served.send(&again).unwrap();
    assert_eq!((answer.status, code(&answer).as_str()), (409, "4091701"));
    assert_eq!(served.bank.executions("B2"), 1);
    let names: Vec<_> = served.bank.accounts().into_iter().map(|account| account.name).collect();
    assert_eq!(names, ["GERBANG", "ERRY JULIO"]);
}

#[test]
fn each_fault_happens_and_moves_money_once_at_most() {
    let mut served = Served::start(Faults::none());
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        let mut faults = Faults::none().with(kind, Chance::ALWAYS);
        faults.slow = Duration::from_millis(5);
        faults.hold = Duration::from_millis(10);
        served.bank.set_faults(faults);
        let reference = format!("C{number}");
        let request = order(&reference, "0115471119");
        let name = served.transfer(&request).map(|outcome| outcome.name());
        let executed = served.bank.executions(&reference);
        let (wanted, wanted_executions): (&[&str], usize) = match kind {
            Kind::Slow | Kind::HoldAfter => (&["succeeded"], 1),
            Kind::Refuse => (&["refused", "not_sent"], 0),
            Kind::ErrorBefore | Kind::HoldBefore | Kind::Maintenance => (&["unknown"], 0),
            Kind::ErrorAfter | Kind::Late | Kind::Duplicate | Kind::Garbage | Kind::InProgress => {
                (&["unknown"], 1)
            }
            // The connection broke.
            Kind::Reset => (&[], 1),
            Kind::ExpireToken => (&["not_sent"], 0),
        };
        assert_eq!(executed, wanted_executions, "{kind:?}");
        assert_eq!(name.is_err(), wanted.is_empty(), "{kind:?}");
        assert!(name.is_err() || wanted.contains(&name.unwrap()), "{kind:?}");
        if kind == Kind::ExpireToken {
            // What comes behind it in the list is not to fail for want of a token.
            served = Served::start(Faults::none());
        }
    }
}

#[test]
fn an_answer_is_cut_at_every_byte_and_the_money_has_moved() {
    let mut served = Served::start(Faults::none());
    let whole = served.order(&order("W", "0115471119"));
    let length = served.raw(&whole).len();
    assert!(length > 300);
    for after in 0..length {
        let reference = format!("W{after}");
        let call = served.order(&order(&reference, "0115471119"));
        let direction = Direction::Answer;
        served.bank.cuts().plan(Some(Cut { direction, after: u64::try_from(after).unwrap() }));
        let answer = served.raw(&call);
        // Cut before its first byte, a connection is over before the bank may have read of it.
        if after > 0 {
            assert_eq!(answer.len(), after);
            assert_eq!(served.bank.executions(&reference), 1, "{after}");
        }
    }
}

#[test]
fn a_request_is_cut_at_every_byte_and_no_money_moves() {
    let mut served = Served::start(Faults::none());
    let call = served.order(&order("R1", "0115471119"));
    let length = bytes(&call).len();
    for after in 0..length {
        let direction = Direction::Request;
        served.bank.cuts().plan(Some(Cut { direction, after: u64::try_from(after).unwrap() }));
        assert!(!served.raw(&call).starts_with(b"HTTP/1.1 200"), "{after}");
    }
    assert_eq!(served.bank.executions("R1"), 0);
    served.bank.cuts().plan(None);
    assert!(served.raw(&call).starts_with(b"HTTP/1.1 200"));
    assert_eq!(served.bank.executions("R1"), 1);
}
