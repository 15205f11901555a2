//! A bank that speaks SNAP: 009, 014 or 008, by its own dialect, with books of its own.
//!
//! ```text
//!  client ──▶ cut ──▶ http::server ──▶ Bank ──▶ gate ──▶ desk ──▶ book
//!            closes                     │ faults: what happens before and after
//!            within an answer ◀─────────┘
//! ```
//!
//! A request is let in by the gate or turned away as a bank would; the desk decides and the book
//! remembers. Which accounts exist is in [`world`]. Faults are drawn by [`faults`](super::faults).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use super::cut::{self, Cuts};
use super::faults::{Affects, Faults, Kind};
use crate::clock::Clock;
use crate::connector::snap::code::Service;
use crate::connector::snap::dialect::Dialect;
use crate::connector::snap::sign::VerifyingKey;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::http::server;
use crate::identity::secret::Secret;
use crate::limits;

mod answer;
mod book;
mod desk;
mod gate;
pub mod world;

#[cfg(test)]
mod tests;

use answer::Answer;
use book::Book;
pub use book::Entry;
use desk::{Desk, No};
use gate::Gate;

/// A bank and its one partner. It cannot be printed.
pub struct Options {
    /// Which bank.
    pub dialect: &'static Dialect,
    /// `X-CLIENT-KEY` of the partner.
    pub client_id: String,
    /// With which the partner signs calls.
    pub client_secret: Secret<String>,
    /// With which its requests for tokens are verified.
    pub client_key: VerifyingKey,
    /// `X-PARTNER-ID` of the partner.
    pub partner_id: String,
    /// The partner's account.
    pub source_account: String,
    /// What that account holds before any entry of the book, in rupiah.
    pub opening_balance: u64,
    /// From which faults and tokens follow.
    pub seed: u64,
    /// Where the book is kept; in memory only if not given.
    pub book: Option<PathBuf>,
}

/// An account of the bank.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Its number.
    pub number: String,
    /// Whose it is.
    pub name: String,
    /// What it holds, in rupiah; others than the partner's began with nothing.
    pub balance: i128,
}

/// A simulated bank: serves requests, and is the handle to it. Clones are the same bank.
#[derive(Clone)]
pub struct Bank(Arc<Inner>);

struct Inner {
    options: Options,
    clock: Clock,
    state: Mutex<State>,
    cuts: Arc<Cuts>,
}

struct State {
    faults: Faults,
    /// Requests so far; the number of the next.
    requests: u64,
    gate: Gate,
    book: Book,
}

/// What a refusal that is a fault may say.
const REFUSALS: [No; 6] = [
    (403, "05", "Do Not Honor"),
    (403, "09", "Dormant Account"),
    (403, "14", "Insufficient Funds"),
    (403, "15", "Transaction Not Permitted"),
    (404, "11", "Invalid Account"),
    (429, "00", "Too Many Requests"),
];

impl Bank {
    /// Opens the bank. Fails if the file of its book cannot be read or written.
    pub fn open(options: Options, clock: Clock, faults: Faults) -> io::Result<Self> {
        let bank = options.dialect.bank;
        let book = match &options.book {
            None => Book::new(bank),
            Some(path) => Book::open(bank, path)?,
        };
        let mut gate = Gate::default();
        for entry in book.entries() {
            gate.remember(&entry.external_id, entry.at());
        }
        let state = Mutex::new(State { faults, requests: 0, gate, book });
        Ok(Self(Arc::new(Inner { options, clock, state, cuts: Arc::default() })))
    }

    /// Serves `listener` until `stop` turns true or its sender is gone. Connections pass through a
    /// proxy that can cut them; only so can an answer be cut at any byte.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let target = inner.local_addr()?;
        let service = Arc::new(self.clone());
        let bounds = server::Options::standard();
        let server = tokio::spawn(server::serve(inner, None, service, stop.clone(), bounds));
        cut::forward(listener, target, Arc::clone(&self.0.cuts), stop).await;
        server.await.map_err(io::Error::other)
    }

    /// What goes wrong now.
    pub fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    /// Changes what goes wrong, from the next request on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// What is told to the proxy of [`Bank::serve`].
    pub fn cuts(&self) -> &Cuts {
        &self.0.cuts
    }

    /// How many requests came in.
    pub fn requests(&self) -> u64 {
        self.state().requests
    }

    /// How often money moved for a reference: more than once never.
    pub fn executions(&self, partner_reference: &str) -> usize {
        self.state().book.executions(partner_reference)
    }

    /// Every transfer that was looked at, in order.
    pub fn book(&self) -> Vec<Entry> {
        self.state().book.entries().to_vec()
    }

    /// What left the partner's account, as CSV: date, reference, beneficiary_bank,
    /// beneficiary_account, amount, currency, type.
    pub fn statement(&self) -> String {
        self.state().book.statement()
    }

    /// The partner's account, those with a name of their own, and those that money moved to.
    pub fn accounts(&self) -> Vec<Account> {
        let (state, options) = (self.state(), &self.0.options);
        let bank = options.dialect.bank;
        let named = world::KNOWN.iter().filter(|known| known.0 == bank).map(|known| known.1);
        let mut numbers: Vec<&str> = state.book.moved();
        numbers.extend(named);
        numbers.retain(|number| *number != options.source_account);
        numbers.sort_unstable();
        numbers.dedup();
        numbers.insert(0, &options.source_account);
        let account = |number: &str| {
            let own = number == options.source_account;
            let name = world::holder(bank, number).filter(|_| !own);
            let opening = if own { i128::from(options.opening_balance) } else { 0 };
            Account {
                number: number.to_owned(),
                name: name.unwrap_or_else(|| "GERBANG".to_owned()),
                balance: opening + state.book.change(number),
            }
        };
        numbers.into_iter().map(account).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The book is entered last of all: a panic leaves nothing half done.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is asked: all at once, so that a client that leaves interrupts nothing.
    fn execute(&self, service: Service, request: &Request, refusal: Option<No>) -> Answer {
        let Inner { options, clock, .. } = &*self.0;
        let now = clock.now();
        let State { gate, book, .. } = &mut *self.state();
        if service == Service::Token {
            return match refusal {
                Some(_) => Answer::unauthorized(service, "Connection not allowed"),
                None => gate.token(options, request, now),
            };
        }
        match gate.admit(options, service, request, now) {
            Err(answer) => answer,
            Ok(external_id) => {
                let external_id = &external_id;
                Desk { options, book, now, external_id, refusal }.answer(service, request.body())
            }
        }
    }

    /// Numbers a request and draws its fault.
    fn begin(&self, service: Service) -> (Faults, Option<Kind>, u64) {
        let mut state = self.state();
        let number = state.requests;
        state.requests += 1;
        let (kind, word) = state.faults.draw(self.0.options.seed, number);
        let transfer = matches!(service, Service::TransferIntrabank | Service::TransferInterbank);
        let met = transfer || state.faults.affects == Affects::Everything;
        (state.faults.clone(), kind.filter(|_| met), word)
    }

    /// Answers a request with the fault that was drawn for it.
    async fn answer(&self, service: Service, request: Request) -> Reply {
        let (faults, kind, word) = self.begin(service);
        let peer = request.peer();
        sleep(faults.latency).await;
        if kind == Some(Kind::Maintenance) {
            return page(503, "Sistem sedang dalam pemeliharaan");
        }
        let answer = self.perform(service, request, &faults, (kind, word)).await;
        let Some(kind) = kind.filter(|_| answer.is_done()) else { return self.reply(&answer) };
        let said = match kind {
            Kind::Reset => return self.reset(peer, &answer, word),
            Kind::Garbage => return page(200, "Berhasil"),
            Kind::ErrorAfter => Answer::case(service, (500, "01"), "Internal Server Error"),
            Kind::Duplicate => Answer::case(service, (409, "01"), "Duplicate partnerReferenceNo"),
            Kind::InProgress => Answer::case(service, (202, "00"), "Request In Progress"),
            Kind::HoldAfter => {
                sleep(faults.hold).await;
                answer
            }
            Kind::Slow
            | Kind::Refuse
            | Kind::ErrorBefore
            | Kind::HoldBefore
            | Kind::Late
            | Kind::ExpireToken
            | Kind::Maintenance => answer,
        };
        self.reply(&said)
    }

    /// What the bank does, whatever it says afterwards.
    async fn perform(
        &self,
        service: Service,
        request: Request,
        faults: &Faults,
        (kind, word): (Option<Kind>, u64),
    ) -> Answer {
        let timeout = || Answer::case(service, (504, "00"), "Timeout");
        match kind {
            Some(Kind::ErrorBefore) => Answer::case(service, (500, "00"), "General Error"),
            Some(Kind::HoldBefore) => {
                sleep(faults.hold).await;
                timeout()
            }
            Some(Kind::Late) => {
                let (bank, hold) = (self.clone(), faults.hold);
                let late = tokio::spawn(async move {
                    sleep(hold).await;
                    bank.execute(service, &request, None)
                });
                // It is done whether anybody still waits or not.
                let _ = late.await;
                timeout()
            }
            Some(Kind::Refuse) => {
                let place = usize::try_from(word % REFUSALS.len() as u64).unwrap_or_default();
                self.execute(service, &request, Some(REFUSALS[place]))
            }
            Some(Kind::ExpireToken) => {
                if let Ok(Some(token)) = request.bearer() {
                    self.state().gate.revoke(token);
                }
                self.execute(service, &request, None)
            }
            Some(Kind::Slow) => {
                sleep(faults.slow).await;
                self.execute(service, &request, None)
            }
            None
            | Some(
                Kind::ErrorAfter
                | Kind::HoldAfter
                | Kind::Reset
                | Kind::Duplicate
                | Kind::Garbage
                | Kind::InProgress
                | Kind::Maintenance,
            ) => self.execute(service, &request, None),
        }
    }

    /// An answer that ends within: at any byte through the proxy, else within its body.
    fn reset(&self, peer: SocketAddr, answer: &Answer, word: u64) -> Reply {
        let body = answer.body.to_string();
        let length = (body.len() + HEAD_BYTES) as u64;
        if self.0.cuts.cut_answer(peer, word % length) {
            return self.reply(answer);
        }
        let end = usize::try_from(word % body.len() as u64).unwrap_or_default();
        // What a bank writes is ASCII, so that it can be cut anywhere.
        json_reply(answer.status, body.get(..end).unwrap_or_default().to_owned())
    }

    fn reply(&self, answer: &Answer) -> Reply {
        const X_TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");
        let timestamp = self.0.options.dialect.timestamp(self.0.clock.now());
        let timestamp = HeaderValue::from_str(&timestamp).expect("digits and signs");
        json_reply(answer.status, answer.body.to_string()).header(X_TIMESTAMP, timestamp)
    }
}

/// A head of an answer has at least so many bytes.
const HEAD_BYTES: usize = 150;

fn json_reply(status: u16, body: String) -> Reply {
    let status = status.try_into().expect("the statuses of the standard are valid");
    Reply::bytes(status, Bytes::from(body))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

/// What stands before the bank's own machines answers in HTML.
fn page(status: u16, text: &str) -> Reply {
    json_reply(status, format!("<html><body>{text}</body></html>\n"))
        .header(CONTENT_TYPE, HeaderValue::from_static("text/html"))
}

impl server::Service for Bank {
    fn body_max(&self, _: &Parts) -> usize {
        limits::BODY_MAX
    }

    async fn call(&self, request: Request) -> Reply {
        let dialect = self.0.options.dialect;
        let service =
            Service::ALL.into_iter().find(|service| dialect.path(*service) == request.path());
        match service {
            None => ApiError::new(Code::NotFound).into(),
            Some(service) if request.method() != Method::POST => self.reply(&Answer::case(
                service,
                (405, "01"),
                "Requested Operation Is Not Allowed",
            )),
            Some(service) => self.answer(service, request).await,
        }
    }
}
