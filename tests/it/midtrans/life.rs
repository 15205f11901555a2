//! The life of a transaction: every way it can go, and what the merchant is told of it.

use gerbang::connector::midtrans::status::Status;
use gerbang::ledger::money::Amount;
use gerbang::simulator::midtrans::Event;
use gerbang::simulator::midtrans::faults::Faults;
use serde_json::{Value, json};

use super::{World, bca, charge, code, options};

#[tokio::test]
async fn every_method_gives_the_payer_what_it_takes() {
    let world = World::new();
    for (order, payment_type, more, field) in [
        ("bca", "bank_transfer", bca(), "va_numbers"),
        ("bni", "bank_transfer", json!({"bank_transfer": {"bank": "bni"}}), "va_numbers"),
        (
            "permata",
            "bank_transfer",
            json!({"bank_transfer": {"bank": "permata"}}),
            "permata_va_number",
        ),
        ("old", "permata", json!({}), "permata_va_number"),
        (
            "mandiri",
            "echannel",
            json!({"echannel": {"bill_info1": "a", "bill_info2": "b"}}),
            "bill_key",
        ),
        ("qris", "qris", json!({}), "qr_string"),
        ("gopay", "gopay", json!({}), "actions"),
        ("shopeepay", "shopeepay", json!({}), "actions"),
        ("alfamart", "cstore", json!({"cstore": {"store": "alfamart"}}), "payment_code"),
        ("indomaret", "cstore", json!({"cstore": {"store": "indomaret"}}), "payment_code"),
    ] {
        let told = world.charged(order, payment_type, &more).await;
        assert!(!told[field].is_null(), "{told}");
        assert_eq!(told["gross_amount"], "44000.00");
        assert_eq!(world.told(), ["pending"], "{order}");
    }
}

#[tokio::test]
async fn what_is_paid_is_settled_and_told() {
    let world = World::new();
    let bill =
        json!({"echannel": {"bill_info1": "a", "bill_info2": "b", "bill_key": "0812345678"}});
    world.charged("rent", "echannel", &bill).await;
    world.pass(60);
    let told = world.house.happen("0812345678", Event::Paid(None)).unwrap();
    assert_eq!((told.order_id.as_str(), told.status), ("rent", Status::Settlement));
    let (_, status) = world.get("/v2/rent/status").await;
    assert_eq!((code(&status), &status["transaction_status"]), ("200", &json!("settlement")));
    assert_eq!(status["settlement_time"], "2025-06-15 22:07:40");
    assert_eq!(status["signature_key"].as_str().map(str::len), Some(128));
    assert_eq!(world.told(), ["pending", "settlement"]);
    for act in ["cancel", "expire", "approve", "deny", "refund"] {
        let (_, refused) = world.post(&format!("/v2/rent/{act}"), "").await;
        assert_eq!(code(&refused), "412", "{act}");
    }
    assert!(world.house.happen("rent", Event::Paid(None)).is_err());
    assert_eq!(world.told(), [""; 0]);
    // A bank may take it back.
    world.house.happen("rent", Event::Denied).unwrap();
    assert_eq!(code(&world.get("/v2/rent/status").await.1), "202");
    assert_eq!(world.told(), ["deny"]);
}

#[tokio::test]
async fn time_ends_what_is_not_paid() {
    let world = World::new();
    let more = json!({"custom_expiry": {"expiry_duration": 20, "unit": "second"}});
    let told = world.charged("a", "gopay", &more).await;
    assert_eq!(told["expiry_time"], "2025-06-15 22:07:00");
    world.charged("b", "gopay", &json!({})).await;
    world.pass(19);
    world.house.look();
    assert_eq!(code(&world.get("/v2/a/status").await.1), "201");
    world.pass(1);
    world.house.look();
    assert_eq!(world.told(), ["pending", "pending", "expire"]);
    let (status, told) = world.get("/v2/a/status").await;
    assert_eq!((status, code(&told), &told["transaction_status"]), (200, "407", &json!("expire")));
    assert!(world.house.happen("a", Event::Paid(None)).is_err());
    // Unless the money came all the same.
    world.house.happen("a", Event::PaidLate).unwrap();
    assert_eq!(code(&world.get("/v2/a/status").await.1), "200");
    assert_eq!(code(&world.get("/v2/b/status").await.1), "201");
    world.pass(15 * 60);
    assert_eq!(code(&world.get("/v2/b/status").await.1), "407");
}

#[tokio::test]
async fn an_order_id_is_free_again_only_when_nothing_came_of_it() {
    let world = World::new();
    let again = async |order: &str| {
        let body = charge(order, "bank_transfer", &bca());
        let told = world.post("/v2/charge", &body).await.1;
        code(&told).to_owned()
    };
    for (order, end, expected) in [
        ("open", "", "406"),
        ("cancelled", "cancel", "201"),
        ("expired", "expire", "201"),
        ("denied", "deny", "201"),
        ("paid", "pay", "406"),
    ] {
        let first = world.charged(order, "bank_transfer", &bca()).await;
        match end {
            "pay" => drop(world.house.happen(order, Event::Paid(None)).unwrap()),
            "deny" => drop(world.house.happen(order, Event::Denied).unwrap()),
            "" => {}
            act => drop(world.post(&format!("/v2/{order}/{act}"), "").await),
        }
        assert_eq!(again(order).await, expected, "{order}");
        // The order's name now means the newer one; the older keeps its own.
        let id = first["transaction_id"].as_str().unwrap();
        let (_, now) = world.get(&format!("/v2/{order}/status")).await;
        assert_eq!(now["transaction_id"] == id, expected == "406", "{order}");
        assert_eq!(world.get(&format!("/v2/{id}/status")).await.1["order_id"], order);
    }
}

#[tokio::test]
async fn refunds_never_exceed_what_was_paid() {
    let world = World::new();
    world.charged("a", "qris", &json!({})).await;
    world.house.happen("a", Event::Paid(None)).unwrap();
    let refund = async |path: &str, body: Value| {
        let (_, told) = world.post(&format!("/v2/a/{path}"), &body.to_string()).await;
        let words = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        [words("status_code"), words("transaction_status"), words("refund_amount")]
    };
    let rows = [
        (
            "refund",
            json!({"refund_key": "r1", "amount": 5000}),
            ["200", "partial_refund", "5000.00"],
        ),
        ("refund", json!({"refund_key": "r1", "amount": 5000}), ["406", "", ""]),
        ("refund", json!({"amount": 39001}), ["414", "", ""]),
        ("refund", json!({"amount": 0}), ["400", "", ""]),
        ("refund", json!({"refund_key": "a b"}), ["400", "", ""]),
        ("refund/online/direct", json!({"refund_key": "r2"}), ["200", "refund", "39000.00"]),
        ("refund", json!({}), ["412", "", ""]),
    ];
    for (path, body, expected) in rows {
        assert_eq!(refund(path, body.clone()).await, expected, "{body}");
    }
    let (_, told) = world.get("/v2/a/status").await;
    assert_eq!(
        (told["refund_amount"].as_str(), told["refunds"].as_array().map(Vec::len)),
        (Some("44000.00"), Some(2))
    );
    assert_eq!(world.told(), ["pending", "settlement", "partial_refund", "refund"]);
}

#[tokio::test]
async fn another_amount_than_was_asked_for_is_told_as_it_was_paid() {
    let world = World::new();
    world.charged("a", "bank_transfer", &bca()).await;
    world.house.happen("a", Event::Paid(Amount::new(1))).unwrap();
    assert_eq!(world.get("/v2/a/status").await.1["gross_amount"], "1.00");
}

#[tokio::test]
async fn a_day_is_listed_by_when_it_began_and_when_it_was_paid() {
    let world = World::new();
    world.charged("a", "bank_transfer", &bca()).await;
    world.charged("b", "bank_transfer", &bca()).await;
    world.pass(3 * 3600);
    world.house.happen("b", Event::Paid(None)).unwrap();
    let orders = |date: &str| -> Vec<String> {
        world.house.of_day(date).into_iter().map(|told| told.order_id).collect()
    };
    assert_eq!(orders("2025-06-15"), ["a", "b"]);
    assert_eq!(orders("2025-06-16"), ["b"]);
    assert_eq!(orders("2025-06-17"), [""; 0]);
}

#[tokio::test]
async fn the_book_remembers_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let book = || Some(directory.path().join("book"));
    let open = || World::open(super::Options { book: book(), ..options() }, Faults::none());
    let world = open();
    let also = [("x-append-notification", "https://other.example/")];
    let body = charge(
        "a",
        "bank_transfer",
        &json!({"bank_transfer": {"bank": "bni"}, "custom_field1": "x"}),
    );
    world.send(("POST", "/v2/charge"), &also, &body).await;
    world
        .charged(
            "b",
            "qris",
            &json!({"qris": {"acquirer": "airpay shopee"}, "metadata": {"a": [1]}}),
        )
        .await;
    world.house.happen("b", Event::Paid(None)).unwrap();
    world.post("/v2/b/refund", r#"{"amount": 5, "refund_key": "r"}"#).await;
    let before = (world.get("/v2/a/status").await, world.get("/v2/b/status").await);
    drop(world);
    let world = open();
    assert_eq!((world.get("/v2/a/status").await, world.get("/v2/b/status").await), before);
    assert_eq!(code(&world.post("/v2/charge", &body).await.1), "406");
    world.post("/v2/a/cancel", "").await;
    assert_eq!(world.sent.lock().unwrap().len(), 2, "both places are remembered");
    drop(world);
    // A line that was cut off was never answered; any other that is broken stops the start.
    let path = directory.path().join("book");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], b"{\"transaction\":"].concat()).unwrap();
    assert_eq!(open().get("/v2/b/status").await, before.1);
    std::fs::write(&path, [b"{}\n", &whole[..]].concat()).unwrap();
    let opened = gerbang::simulator::midtrans::House::open(
        super::Options { book: book(), ..options() },
        gerbang::clock::Clock::system(),
        Faults::none(),
        drop,
    );
    assert!(opened.is_err());
}
