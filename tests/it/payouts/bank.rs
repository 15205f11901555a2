//! Banks in memory, with books of their own: what they did is counted apart from what they said.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::connector::bank::{Asked, Bank};
use gerbang::connector::outcome::{Beneficiary, Outcome, Reason, Standing, Transferred};
use gerbang::connector::standard::{InquiryRequest, StatusRequest, TransferRequest};
use gerbang::gateway::payout::Banks;
use gerbang::ledger::registry::{BankCode, Usage};
use gerbang::ledger::time::Timestamp;
use tokio::time::sleep;

use crate::random::Random;

/// What a bank's books say of one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The money has left, so many times.
    Paid(u32),
    /// It never will.
    Refused,
    /// It is on its way through the bank.
    Pending,
}

/// How banks behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Of a hundred calls, so many go wrong in some way.
    pub(crate) percent: u64,
    /// Answers take up to this long.
    pub(crate) latency: Duration,
    /// What takes longer than its caller waits is done after at most so much time.
    pub(crate) lateness: Duration,
    /// Planted: whoever does not know what became of a transfer says that it was not sent.
    pub(crate) lies: bool,
}

impl Faults {
    pub(crate) const NONE: Self =
        Self { percent: 0, latency: Duration::ZERO, lateness: Duration::ZERO, lies: false };
}

/// How a transfer goes by arrangement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// The bank refuses it.
    Refused,
    /// Nobody hears of it again.
    Silent,
    /// The bank cannot be reached.
    NotSent,
}

/// All banks together.
pub(crate) struct SimulatedBanks {
    books: Mutex<Books>,
}

struct Books {
    random: Random,
    faults: Faults,
    entries: BTreeMap<String, (BankCode, u64, Entry)>,
    /// Banks that are known to be down.
    closed: Vec<BankCode>,
    counts: BTreeMap<&'static str, u64>,
    /// How the next transfers go, before chance has a say.
    next: Vec<Next>,
    /// What will be paid, and when: the bank's own time goes on whatever becomes of its caller.
    due: Vec<(Timestamp, String, BankCode, u64)>,
    clock: Clock,
}

impl SimulatedBanks {
    pub(crate) fn new(seed: u64, faults: Faults, clock: Clock) -> Arc<Self> {
        let books = Books {
            random: Random::new(seed),
            faults,
            entries: BTreeMap::new(),
            closed: Vec::new(),
            counts: BTreeMap::new(),
            next: Vec::new(),
            due: Vec::new(),
            clock,
        };
        Arc::new(Self { books: Mutex::new(books) })
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.books.lock().unwrap().faults = faults;
    }

    /// Banks that do not answer, and are known not to.
    pub(crate) fn close(&self, banks: &[&str]) {
        let closed = banks.iter().map(|code| BankCode::parse(code).unwrap()).collect();
        self.books.lock().unwrap().closed = closed;
    }

    /// How the next transfer goes.
    pub(crate) fn next(&self, next: Next) {
        self.books.lock().unwrap().next.push(next);
    }

    /// Every reference a bank has seen: which bank, how much, and what came of it.
    pub(crate) fn entries(&self) -> BTreeMap<String, (BankCode, u64, Entry)> {
        let mut books = self.books.lock().unwrap();
        books.settle();
        books.entries.clone()
    }

    /// Counts something that happened around the banks.
    pub(crate) fn note(&self, what: &'static str) {
        self.books.lock().unwrap().note(what);
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.books.lock().unwrap().counts.clone()
    }
}

impl Books {
    fn note(&mut self, what: &'static str) {
        *self.counts.entry(what).or_insert(0) += 1;
    }

    fn latency(&mut self) -> Duration {
        let most = u64::try_from(self.faults.latency.as_millis()).unwrap();
        Duration::from_millis(if most == 0 { 0 } else { self.random.below(most) })
    }

    /// Pays what is due.
    fn settle(&mut self) {
        let now = self.clock.now();
        for (_, reference, code, amount) in self.due.extract_if(.., |due| due.0 <= now) {
            let new = || (code, amount, Entry::Pending);
            let (_, _, entry) = self.entries.entry(reference).or_insert_with(new);
            *entry = match entry {
                Entry::Paid(times) => Entry::Paid(*times + 1),
                Entry::Refused | Entry::Pending => Entry::Paid(1),
            };
        }
    }
}

/// One bank by one service.
struct Way {
    banks: Arc<SimulatedBanks>,
    code: BankCode,
}

/// The banks as a gateway holds them.
pub(crate) struct Ways(pub(crate) Arc<SimulatedBanks>);

impl Banks for Ways {
    fn bank(&self, code: BankCode, _: Usage) -> Option<Arc<dyn Bank>> {
        Some(Arc::new(Way { banks: Arc::clone(&self.0), code }))
    }

    fn is_available(&self, code: BankCode, _: Timestamp) -> bool {
        !self.0.books.lock().unwrap().closed.contains(&code)
    }
}

/// What a transfer comes to, beside what its caller hears.
enum Course {
    Paid,
    Refused,
    NotSent,
    Silent,
    PaidSilently,
    Late(Duration),
}

impl Way {
    fn course(&self, request: &TransferRequest) -> (Duration, Course) {
        let mut books = self.banks.books.lock().unwrap();
        let amount = request.amount.parse().unwrap();
        let wait = books.latency();
        let goes_wrong = {
            let percent = books.faults.percent;
            books.random.percent(percent)
        };
        let arranged = books.next.pop().map(|next| match next {
            Next::Refused => 0,
            Next::NotSent => 1,
            Next::Silent => 2,
        });
        let course = match arranged.or_else(|| goes_wrong.then(|| books.random.below(6))) {
            None => Course::Paid,
            Some(0) => Course::Refused,
            Some(1) => Course::NotSent,
            Some(2) => Course::Silent,
            Some(3 | 4) => Course::PaidSilently,
            Some(_) => {
                let most = u64::try_from(books.faults.lateness.as_millis()).unwrap().max(1);
                Course::Late(Duration::from_millis(books.random.below(most)))
            }
        };
        let (name, entry, paid_after) = match &course {
            Course::Paid => ("paid", Some(Entry::Pending), Some(wait)),
            Course::Refused => ("refused", Some(Entry::Refused), None),
            Course::NotSent => ("not sent", None, None),
            Course::Silent => ("unknown, not paid", None, None),
            Course::PaidSilently => ("unknown, paid", Some(Entry::Pending), Some(wait)),
            // It hangs on the way: until it is paid, the bank has never seen it.
            Course::Late(late) => ("unknown, paid late", None, Some(*late)),
        };
        books.note(name);
        if let Some(after) = paid_after {
            let micros = i64::try_from(after.as_micros()).unwrap();
            let at = Timestamp::from_micros(books.clock.now().micros() + micros);
            books.due.push((at, request.reference.clone(), self.code, amount));
        }
        let key = request.reference.clone();
        match entry {
            Some(entry) if !books.entries.contains_key(&key) => {
                books.entries.insert(key, (self.code, amount, entry));
            }
            // A bank that pays the same reference twice is the worst there is: it shows any second
            // send.
            _ => {}
        }
        (wait, course)
    }
}

impl Bank for Way {
    fn transfer<'a>(&'a self, request: &'a TransferRequest) -> Asked<'a, Outcome<Transferred>> {
        Box::pin(async move {
            let (wait, course) = self.course(request);
            sleep(wait).await;
            let reference = request.reference.clone();
            let lies = self.banks.books.lock().unwrap().faults.lies;
            let silent = || {
                let reason = Reason::new("timeout", "no answer");
                if lies { Outcome::NotSent(reason) } else { Outcome::Unknown(reason) }
            };
            match course {
                Course::Paid => {
                    Outcome::Succeeded(Transferred { bank_reference: format!("BANK{reference}") })
                }
                Course::Refused => Outcome::Refused(Reason::new("4041711", "no such account")),
                Course::NotSent => Outcome::NotSent(Reason::new("no_connection", "refused")),
                Course::Silent | Course::PaidSilently | Course::Late(_) => silent(),
            }
        })
    }

    fn inquire<'a>(&'a self, request: &'a InquiryRequest) -> Asked<'a, Outcome<Beneficiary>> {
        Box::pin(async move {
            let (wait, down) = {
                let mut books = self.banks.books.lock().unwrap();
                let percent = books.faults.percent / 3;
                (books.latency(), books.random.percent(percent))
            };
            sleep(wait).await;
            if down {
                return Outcome::Unknown(Reason::new("timeout", "no answer"));
            }
            match request.beneficiary_account_number.as_str() {
                "0115471119" => {
                    Outcome::Succeeded(Beneficiary { account_name: "ERRY JULIO".to_owned() })
                }
                number if number.ends_with("99") => {
                    Outcome::Refused(Reason::new("4041511", "Invalid Account"))
                }
                number => {
                    Outcome::Succeeded(Beneficiary { account_name: format!("NAMA {number}") })
                }
            }
        })
    }

    fn status<'a>(&'a self, request: &'a StatusRequest) -> Asked<'a, Standing> {
        Box::pin(async move {
            let (wait, down) = {
                let mut books = self.banks.books.lock().unwrap();
                let percent = books.faults.percent;
                (books.latency(), books.random.percent(percent))
            };
            sleep(wait).await;
            let mut books = self.banks.books.lock().unwrap();
            books.settle();
            if down {
                books.note("question not answered");
                return Standing::Found(Outcome::Unknown(Reason::new("timeout", "no answer")));
            }
            match books.entries.get(&request.reference).cloned() {
                None => {
                    books.note("question: never seen");
                    Standing::NotFound(Reason::new("4043601", "Transaction Not Found"))
                }
                Some((_, _, Entry::Paid(_))) => {
                    books.note("question: paid");
                    let bank_reference = format!("BANK{}", request.reference);
                    Standing::Found(Outcome::Succeeded(Transferred { bank_reference }))
                }
                Some((_, _, Entry::Refused)) => {
                    books.note("question: refused");
                    Standing::Found(Outcome::Refused(Reason::new("06", "failed")))
                }
                Some((_, _, Entry::Pending)) => {
                    books.note("question: pending");
                    Standing::Found(Outcome::Unknown(Reason::new("03", "pending")))
                }
            }
        })
    }
}
