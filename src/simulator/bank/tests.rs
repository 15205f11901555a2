//! A bank and its partner in process: the real questions, the real readings.

use std::collections::HashSet;
use std::sync::OnceLock;
use std::time::Duration;

use hyper::http;

use super::*;
use crate::connector::outcome::{Outcome, Standing};
use crate::connector::snap::call::{self, Call, Partner, Question, Stamp};
use crate::connector::snap::dialect;
use crate::connector::snap::services::{
    Reach, Response, account, inquiry, status, token, transfer,
};
use crate::connector::snap::sign::SigningKey;
use crate::connector::standard::{InquiryRequest, StatusRequest, TransferRequest};
use crate::http::server::Service as _;
use crate::ledger::time::Timestamp;
use crate::simulator::faults::Chance;
use crate::simulator::keys::Keys;

const START: Timestamp = Timestamp::from_seconds(1_792_000_000);
const OPENING: u64 = 10_000_000_000;

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(Keys::generate)
}

/// A partner of one bank.
struct World {
    bank: Bank,
    clock: Clock,
    dialect: &'static Dialect,
    partner: Partner,
    token: Option<Secret<String>>,
    calls: u64,
}

impl World {
    fn open(code: &str, book: Option<PathBuf>, faults: Faults) -> Self {
        let dialect = dialect::of(code).unwrap();
        let secret = || Secret::new("rahasia".to_owned());
        let clock = Clock::manual(START);
        let partner = Partner {
            client_id: "gerbang-client".to_owned(),
            client_secret: secret(),
            key: SigningKey::from_pem(keys().private.expose().as_bytes()).unwrap(),
            partner_id: "GERBANG".to_owned(),
            channel_id: "9505195051"[..*dialect.channel_id.end()].to_owned(),
            source_account: "1000200030".to_owned(),
        };
        partner.check(dialect).unwrap();
        let options = Options {
            dialect,
            client_id: partner.client_id.clone(),
            client_secret: secret(),
            client_key: VerifyingKey::from_pem(keys().public.as_bytes()).unwrap(),
            partner_id: partner.partner_id.clone(),
            source_account: partner.source_account.clone(),
            opening_balance: OPENING,
            seed: 7,
            book,
        };
        let bank = Bank::open(options, clock.clone(), faults).unwrap();
        Self { bank, clock, dialect, partner, token: None, calls: 0 }
    }

    /// A world whose partner has a token, and to which `faults` happen from then on.
    async fn ready(code: &str, faults: Faults) -> Self {
        let mut world = Self::open(code, None, Faults::none());
        world.log_in().await;
        world.bank.set_faults(faults);
        world
    }

    async fn log_in(&mut self) {
        let (status, body) = self.send(call::token(self.dialect, &self.partner, self.now())).await;
        let response = Response { status, body: body.as_bytes() };
        let Outcome::Succeeded(granted) = token::read(self.dialect, response) else {
            panic!("no token: {body}")
        };
        assert_eq!(granted.seconds, limits::SNAP_TOKEN_SECONDS);
        self.token = Some(granted.token);
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn signed(&mut self, question: Question) -> Call {
        self.calls += 1;
        let stamp = Stamp { now: self.now(), random: self.calls };
        call::signed(self.dialect, &self.partner, self.token.as_ref().unwrap(), question, stamp)
    }

    async fn send(&self, call: Call) -> (u16, String) {
        let mut request = http::Request::post(call.path);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(call.body)).unwrap();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let reply = self.bank.call(Request::in_process(request, peer).unwrap()).await;
        (reply.status().as_u16(), reply.body_text().to_owned())
    }

    async fn ask(&mut self, question: Question) -> (u16, String) {
        let call = self.signed(question);
        self.send(call).await
    }

    async fn transfer(&mut self, request: &TransferRequest) -> Outcome<String> {
        let reach = Reach::of(self.dialect, &request.beneficiary_bank_code);
        let question = transfer::request(self.dialect, &self.partner, reach, request).unwrap();
        let (status, body) = self.ask(question).await;
        let response = Response { status, body: body.as_bytes() };
        transfer::read(self.dialect, reach, request, response).map(|done| done.bank_reference)
    }

    async fn status(&mut self, sent: &TransferRequest) -> Standing {
        let request = StatusRequest {
            reference: sent.reference.clone(),
            interbank: sent.beneficiary_bank_code != self.dialect.bank,
            amount: sent.amount.clone(),
            currency: sent.currency.clone(),
            date: sent.date.clone(),
        };
        let question = status::request(self.dialect, &request).unwrap();
        let (status, body) = self.ask(question).await;
        status::read(self.dialect, &request, Response { status, body: body.as_bytes() })
    }

    async fn inquire(&mut self, bank: &str, account: &str) -> Outcome<String> {
        let request = InquiryRequest {
            reference: "Q1".to_owned(),
            beneficiary_bank_code: bank.to_owned(),
            beneficiary_account_number: account.to_owned(),
        };
        let question = inquiry::request(self.dialect, &request).unwrap();
        let (status, body) = self.ask(question).await;
        let response = Response { status, body: body.as_bytes() };
        inquiry::read(self.dialect, &request, response).map(|found| found.account_name)
    }
}

fn order(reference: &str, bank: &str, account: &str, amount: u64) -> TransferRequest {
    TransferRequest {
        reference: reference.to_owned(),
        beneficiary_bank_code: bank.to_owned(),
        beneficiary_account_number: account.to_owned(),
        beneficiary_account_name: "ERRY JULIO".to_owned(),
        amount: amount.to_string(),
        currency: "IDR".to_owned(),
        remark: "gaji".to_owned(),
        date: START.to_rfc3339(7 * 3600),
    }
}

fn code<T>(outcome: Outcome<T>) -> (&'static str, String) {
    let name = outcome.name();
    match outcome {
        Outcome::Succeeded(_) => (name, String::new()),
        Outcome::Refused(why) | Outcome::NotSent(why) | Outcome::Unknown(why) => (name, why.code),
    }
}

#[tokio::test]
async fn every_bank_does_what_it_is_asked_in_its_own_dialect() {
    for bank in ["009", "014", "008"] {
        let mut world = World::ready(bank, Faults::none()).await;
        let name = world.inquire(bank, "1234567890").await;
        assert_eq!(name, Outcome::Succeeded(world::holder(bank, "1234567890").unwrap()));
        let other = world.inquire("002", "002301098765503").await;
        assert_eq!(other, Outcome::Succeeded("ANI LESTARI".to_owned()));

        let within = order("A1", bank, "1234567890", 70_000);
        let beyond = order("A2", "002", "002301098765503", 30_000);
        for order in [&within, &beyond] {
            let Outcome::Succeeded(reference) = world.transfer(order).await else { panic!() };
            let Standing::Found(Outcome::Succeeded(found)) = world.status(order).await else {
                panic!()
            };
            assert_eq!(found.bank_reference, reference);
            assert_eq!(world.bank.executions(&order.reference), 1);
        }
        let question = account::balance_request(world.dialect, &world.partner, "B1").unwrap();
        let (status, body) = world.ask(question).await;
        let response = Response { status, body: body.as_bytes() };
        let Outcome::Succeeded(balance) =
            account::read_balance(world.dialect, &world.partner, response)
        else {
            panic!("{body}")
        };
        assert_eq!(balance.available.units(), Some(OPENING - 100_000));

        let period = (START.plus_seconds(-60), START.plus_seconds(60));
        let question =
            account::statement_request(world.dialect, &world.partner, "S1", period).unwrap();
        let (status, body) = world.ask(question).await;
        let response = Response { status, body: body.as_bytes() };
        let Outcome::Succeeded(lines) = account::read_statement(world.dialect, response) else {
            panic!("{body}")
        };
        let amounts: Vec<_> = lines.iter().map(|line| line.amount.units()).collect();
        assert_eq!(amounts, [Some(70_000), Some(30_000)]);
        assert_eq!(world.bank.statement().lines().count(), 3);
        let accounts = world.bank.accounts();
        assert_eq!(accounts[0].balance, i128::from(OPENING) - 100_000);
        let sum: i128 = accounts[1..].iter().map(|account| account.balance).sum();
        assert_eq!(sum, 70_000);
    }
}

#[tokio::test]
async fn the_desk_refuses_with_the_code_of_the_reason() {
    let mut world = World::ready("009", Faults::none()).await;
    let table = [
        (order("R1", "009", "1234567891", 1), "refused", "4041711"),
        (order("R2", "009", "1234567866", 1), "refused", "4031718"),
        (order("R3", "009", "1234567890", OPENING + 1), "not_sent", "4031714"),
        (order("R4", "014", "1234567890", 250_000_001), "refused", "4031802"),
        (order("R5", "014", "1234567891", 1), "refused", "4041811"),
    ];
    for (order, name, wanted) in table {
        assert_eq!(code(world.transfer(&order).await), (name, wanted.to_owned()));
        assert_eq!(world.bank.executions(&order.reference), 0);
        let Standing::Found(outcome) = world.status(&order).await else { panic!() };
        assert_eq!(outcome.name(), "refused");
    }
    assert_eq!(code(world.inquire("009", "1234567891").await), ("refused", "4041511".to_owned()));
    assert_eq!(world.bank.accounts()[0].balance, i128::from(OPENING));
}

#[tokio::test]
async fn a_reference_is_used_once_whatever_came_of_it() {
    let mut world = World::ready("009", Faults::none()).await;
    for first in [order("D1", "009", "1234567890", 5), order("D2", "009", "1234567891", 5)] {
        world.transfer(&first).await;
        let again = order(&first.reference, "009", "1234567892", 9);
        assert_eq!(code(world.transfer(&again).await), ("unknown", "4091701".to_owned()));
    }
    assert_eq!(world.bank.book().len(), 2);
    let Standing::NotFound(_) = world.status(&order("D3", "009", "1234567890", 5)).await else {
        panic!()
    };
    // Asked about as another service's, it is not that transfer.
    let other = order("D1", "014", "1234567890", 5);
    assert!(matches!(world.status(&other).await, Standing::NotFound(_)));
}

#[tokio::test]
async fn fields_that_are_missing_or_wrong_are_named() {
    let mut world = World::ready("009", Faults::none()).await;
    let good = order("F1", "009", "1234567890", 5);
    let question =
        transfer::request(world.dialect, &world.partner, Reach::Intrabank, &good).unwrap();
    let good: serde_json::Value = serde_json::from_str(&question.body).unwrap();
    let changes = [
        ("partnerReferenceNo", serde_json::Value::Null, "4001702"),
        ("partnerReferenceNo", 7.into(), "4001701"),
        ("beneficiaryAccountNo", "".into(), "4001702"),
        ("amount", serde_json::Value::Null, "4001702"),
        ("amount", serde_json::json!({"value": "10.50", "currency": "IDR"}), "4001701"),
        ("amount", serde_json::json!({"value": "10.00", "currency": "USD"}), "4001701"),
        ("amount", serde_json::json!({"value": "0.00", "currency": "IDR"}), "4001701"),
        ("transactionDate", "yesterday".into(), "4001701"),
        ("sourceAccountNo", "999".into(), "4041711"),
    ];
    for (field, value, wanted) in changes {
        let mut body = good.clone();
        body[field] = value;
        let question = Question { service: question.service, body: body.to_string() };
        let (_, answer) = world.ask(question).await;
        assert!(answer.contains(wanted), "{field}: {answer}");
    }
    let question = Question { service: question.service, body: "[]".to_owned() };
    assert!(world.ask(question).await.1.contains("4001700"));
    assert_eq!(world.bank.executions("F1"), 0);
}

/// Changes a call on its way and returns the code of the answer.
async fn meddled(world: &mut World, change: impl FnOnce(&mut Call)) -> String {
    let good = order(&format!("M{}", world.calls), "009", "1234567890", 5);
    let question =
        transfer::request(world.dialect, &world.partner, Reach::Intrabank, &good).unwrap();
    let mut call = world.signed(question);
    change(&mut call);
    let (status, body) = world.send(call).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let code = body["responseCode"].as_str().unwrap().to_owned();
    assert!(code.starts_with(&status.to_string()));
    code
}

fn set(call: &mut Call, name: &str, value: &str) {
    let header = call.headers.iter_mut().find(|(known, _)| *known == name).unwrap();
    header.1 = value.to_owned();
}

#[tokio::test]
async fn the_door_turns_away_what_is_not_as_signed() {
    let mut world = World::ready("009", Faults::none()).await;
    let world = &mut world;
    assert_eq!(meddled(world, |_| {}).await, "2001700");
    for name in [
        "Authorization",
        "X-TIMESTAMP",
        "X-SIGNATURE",
        "X-PARTNER-ID",
        "X-EXTERNAL-ID",
        "CHANNEL-ID",
    ] {
        let without = |call: &mut Call| call.headers.retain(|(known, _)| *known != name);
        assert_eq!(meddled(world, without).await, "4001702", "{name}");
    }
    let table = [
        ("X-SIGNATURE", "AAAA", "4011700"),
        ("X-TIMESTAMP", "2026-10-15T00:46:41+07:00", "4011700"),
        ("X-TIMESTAMP", "2026-10-15 00:46:40", "4001701"),
        ("Authorization", "Bearer abc", "4011701"),
        ("Authorization", "Basic abc", "4001701"),
        ("X-PARTNER-ID", "ELSE", "4011700"),
        ("CHANNEL-ID", "9505", "4001701"),
        ("CHANNEL-ID", "9505x", "4001701"),
        ("X-EXTERNAL-ID", "12a", "4001701"),
    ];
    for (name, value, wanted) in table {
        assert_eq!(meddled(world, |call| set(call, name, value)).await, wanted, "{name} {value}");
    }
    assert_eq!(meddled(world, |call| call.body = call.body.replace('5', "6")).await, "4011700");
    // Space outside strings is not signed.
    let spaced = |call: &mut Call| call.body = call.body.replace("\":", "\" :\r\n\t");
    assert_eq!(meddled(world, spaced).await, "2001700");
}

#[tokio::test]
async fn an_external_id_is_good_once_a_day() {
    let mut world = World::ready("009", Faults::none()).await;
    let fixed = |call: &mut Call| set(call, "X-EXTERNAL-ID", "42");
    assert_eq!(meddled(&mut world, fixed).await, "2001700");
    assert_eq!(meddled(&mut world, fixed).await, "4091700");
    // 23:59:59 in Jakarta, and the second after it.
    for (time, wanted) in [("2026-10-15T16:59:59Z", "4091700"), ("2026-10-15T17:00:00Z", "2001700")]
    {
        world.clock.set(Timestamp::parse_rfc3339(time).unwrap());
        world.log_in().await;
        assert_eq!(meddled(&mut world, fixed).await, wanted);
    }
}

#[tokio::test]
async fn tokens_and_timestamps_live_so_long() {
    let mut world = World::ready("009", Faults::none()).await;
    world.clock.set(START.plus_seconds(limits::SNAP_TOKEN_SECONDS - 1));
    assert_eq!(meddled(&mut world, |_| {}).await, "2001700");
    world.clock.set(START.plus_seconds(limits::SNAP_TOKEN_SECONDS));
    assert_eq!(meddled(&mut world, |_| {}).await, "4011701");
    world.log_in().await;
    let window = i64::try_from(limits::SNAP_TIMESTAMP_WINDOW_SECONDS).unwrap();
    for (apart, wanted) in [(window, "2001700"), (window + 1, "4011700")] {
        for apart in [apart, -apart] {
            let clock = world.clock.clone();
            let asked = clock.now();
            let answered = meddled(&mut world, |_| clock.set(asked.plus_seconds(apart))).await;
            assert_eq!(answered, wanted, "{apart}");
            clock.set(asked);
        }
    }
}

#[tokio::test]
async fn a_token_is_given_to_the_key_it_belongs_to() {
    let world = World::open("009", None, Faults::none());
    let ask = async |change: &dyn Fn(&mut Call)| {
        let mut call = call::token(world.dialect, &world.partner, world.now());
        change(&mut call);
        world.send(call).await.1
    };
    assert!(ask(&|_| {}).await.contains("2007300"));
    assert!(ask(&|call| set(call, "X-CLIENT-KEY", "else")).await.contains("4017300"));
    assert!(ask(&|call| set(call, "X-SIGNATURE", "AAAA")).await.contains("4017300"));
    assert!(ask(&|call| set(call, "X-TIMESTAMP", "now")).await.contains("4007301"));
    assert!(ask(&|call| call.body = "{}".to_owned()).await.contains("4007302"));
    let grant = "{\"grantType\":\"password\"}";
    assert!(ask(&|call| call.body = grant.to_owned()).await.contains("4007301"));
}

#[tokio::test(start_paused = true)]
async fn every_fault_happens_and_is_judged_rightly() {
    let table: [(Kind, &str, usize); 13] = [
        (Kind::Slow, "succeeded", 1),
        (Kind::Refuse, "", 0),
        (Kind::ErrorBefore, "unknown", 0),
        (Kind::ErrorAfter, "unknown", 1),
        (Kind::HoldBefore, "unknown", 0),
        (Kind::HoldAfter, "succeeded", 1),
        (Kind::Late, "unknown", 1),
        (Kind::Reset, "unknown", 1),
        (Kind::Duplicate, "unknown", 1),
        (Kind::Garbage, "unknown", 1),
        (Kind::InProgress, "unknown", 1),
        (Kind::ExpireToken, "not_sent", 0),
        (Kind::Maintenance, "unknown", 0),
    ];
    for (kind, name, executed) in table {
        let faults = Faults::none().transfers_only();
        let mut world = World::ready("009", faults.with(kind, Chance::ALWAYS)).await;
        let order = order("X1", "009", "1234567890", 5);
        let outcome = world.transfer(&order).await;
        if kind == Kind::Refuse {
            assert!(["refused", "not_sent"].contains(&outcome.name()));
        } else {
            assert_eq!(outcome.name(), name, "{kind:?}");
        }
        assert_eq!(world.bank.executions("X1"), executed, "{kind:?}");
        if kind != Kind::ExpireToken {
            let found =
                matches!(world.status(&order).await, Standing::Found(Outcome::Succeeded(_)));
            assert_eq!(found, executed == 1, "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_late_is_done_though_nobody_waits() {
    let faults = Faults::none().transfers_only().with(Kind::Late, Chance::ALWAYS);
    let mut world = World::ready("009", faults).await;
    let order = order("L1", "009", "1234567890", 5);
    let waited = tokio::time::timeout(Duration::from_secs(10), world.transfer(&order)).await;
    assert!(waited.is_err());
    assert!(matches!(world.status(&order).await, Standing::NotFound(_)));
    sleep(Duration::from_secs(21)).await;
    assert_eq!(world.bank.executions("L1"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_is_the_same_day_at_the_bank() {
    let mut days = Vec::new();
    for _ in 0..2 {
        let faults = Faults::mixed(Chance::percent(60)).transfers_only();
        let mut world = World::ready("014", faults).await;
        let mut day = Vec::new();
        for number in 0..200 {
            let order = order(&format!("S{number}"), "014", "1234567890", 5);
            let outcome = world.transfer(&order).await;
            let executed = world.bank.executions(&order.reference);
            assert!(executed <= 1);
            match outcome.name() {
                "succeeded" => assert_eq!(executed, 1),
                "refused" | "not_sent" => assert_eq!(executed, 0),
                _ => {}
            }
            let code = code(outcome);
            if code.1 == "4011701" {
                world.log_in().await;
            }
            day.push((code, executed));
        }
        days.push(day);
    }
    assert_eq!(days[0], days[1]);
    let kinds: HashSet<&str> = days[0].iter().map(|((name, _), _)| *name).collect();
    assert_eq!(kinds.len(), 4);
}

#[tokio::test]
async fn a_bank_remembers_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("book");
    let open = || World::open("008", Some(path.clone()), Faults::none());
    let order = order("P1", "008", "1234567890", 5);
    let mut world = open();
    world.log_in().await;
    world.transfer(&order).await;
    let (book, token) = (world.bank.book(), world.token.take());
    drop(world);
    let mut world = open();
    // The token is still good; the second use of the external id and of the reference is not.
    world.token = token;
    assert_eq!(code(world.transfer(&order).await).1, "4091700");
    assert_eq!(code(world.transfer(&order).await).1, "4091701");
    assert!(matches!(world.status(&order).await, Standing::Found(Outcome::Succeeded(_))));
    assert_eq!(world.bank.book(), book);
}

#[tokio::test]
async fn only_the_bank_s_paths_are_served() {
    let world = World::open("009", None, Faults::none());
    let ask = async |request: http::request::Builder| {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let request = Request::in_process(request.body(Bytes::new()).unwrap(), peer).unwrap();
        world.bank.call(request).await.status().as_u16()
    };
    assert_eq!(ask(http::Request::post("/openapi/v1.0/balance-inquiry")).await, 404);
    assert_eq!(ask(http::Request::get("/snap-service/v1/balance-inquiry")).await, 405);
    assert_eq!(world.bank.requests(), 0);
}
