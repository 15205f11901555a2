//! A card's number may arrive; it is refused, and it is nowhere afterwards.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::{BASIC, CLIENT_KEY, World, charge, code, options};
use gerbang::simulator::midtrans::faults::Faults;

const PAN: &str = "4811111111111114";
const CVV: &str = "cvv-canary-987";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_card_is_refused_and_leaves_no_trace() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let directory = tempfile::tempdir().unwrap();
    let book = directory.path().join("book");
    let world =
        World::open(super::Options { book: Some(book.clone()), ..options() }, Faults::none());

    let query = format!(
        "card_number={PAN}&card_cvv={CVV}&card_exp_month=12&card_exp_year=2030&client_key={CLIENT_KEY}"
    );
    let card = json!({"credit_card": {"token_id": PAN, "card_number": PAN, "card_cvv": CVV}});
    let captured = json!({"transaction_id": PAN, "gross_amount": 1}).to_string();
    let charged = charge("card-1", "credit_card", &card);
    let calls = [
        ("GET", format!("/v2/token?{query}"), String::new()),
        ("GET", format!("/v2/card/register?{query}"), String::new()),
        ("GET", format!("/v2/point_inquiry/{PAN}"), String::new()),
        ("POST", "/v2/capture".to_owned(), captured),
        ("POST", "/v2/charge".to_owned(), charged),
    ];
    let mut answers = String::new();
    for (method, target, body) in &calls {
        let key = [("idempotency-key", "card"), ("authorization", BASIC)];
        let (status, told) = world.send((method, target), &key, body).await;
        assert_eq!((status, code(&told)), (200, "402"), "{target}");
        assert_eq!(told["status_message"], "Merchant doesn't have access for this payment type");
        answers.push_str(&told.to_string());
    }
    // Beside a method that is taken, it is not kept either.
    let beside = json!({"credit_card": card["credit_card"], "a": PAN});
    let told = world.charged("beside", "gopay", &beside).await;
    answers.push_str(&told.to_string());
    answers.push_str(&world.get("/v2/beside/status").await.1.to_string());
    let (_, told) =
        world.post("/v2/charge", &charge("x", "credit_card", &json!({"item_details": PAN}))).await;
    answers.push_str(&told.to_string());

    let sent = format!("{:?}", world.sent.lock().unwrap());
    let kept = format!("{:?}", world.house.transactions());
    let file = std::fs::read_to_string(book).unwrap();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for (place, text) in
        [("answers", answers), ("notices", sent), ("desk", kept), ("book", file), ("log", logged)]
    {
        assert!(!text.contains(PAN) && !text.contains(CVV), "{place}: {text}");
    }
}

#[tokio::test]
async fn only_a_known_client_key_hears_which_methods_there_are() {
    let world = World::new();
    let nobody = ("authorization", "Basic eDo=");
    for (query, expected) in [
        (format!("client_key={CLIENT_KEY}"), (200, "402")),
        ("client_key=stranger".to_owned(), (401, "401")),
        ("client_key=a&client_key=b".to_owned(), (401, "401")),
        (String::new(), (401, "401")),
    ] {
        for path in ["/v2/token", "/v2/card/register"] {
            let target = format!("{path}?{query}&card_number={PAN}");
            let (status, told) = world.send(("GET", &target), &[nobody], "").await;
            assert_eq!((status, code(&told)), expected, "{target}");
        }
    }
}
