//! What has happened to the caller's money: lines, pages, sums, messages.

use gerbang::gateway::cash_flow::Bucket;
use gerbang::ledger::id::AccountId;
use gerbang::ledger::time::Timestamp;
use serde_json::{Value, json};

use crate::random::Random;
use crate::support::{People, START, START_TEXT, TestGateway, funded, get, id, post};

/// Pays budi 130 times, a minute apart, 1 to 130 rupiah.
async fn busy() -> (TestGateway, People) {
    let (gateway, people) = funded().await;
    for minute in 1..=130_i64 {
        gateway.at(minute * 60);
        let body = json!({"to": "budi", "amount": minute, "reference": format!("m{minute}")});
        gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await.expect(201);
    }
    (gateway, people)
}

async fn pages(gateway: &TestGateway, token: &str, query: &str) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/transactions?{query}{cursor}");
        let page = gateway.send(get(&path).by(token)).await.expect(200);
        assert_eq!(page.as_object().unwrap().len(), 2);
        lines.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return lines,
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_many_lists_waits_for_themself() {
    let (gateway, people) = funded().await;
    let of = |token: &str| gateway.send(get("/api/v1/transactions").by(token));
    let mut asked: Vec<_> = (0..20).map(|_| of(&people.ani)).collect();
    asked.push(of(&people.budi));
    let answers = futures_util::future::join_all(asked).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, gerbang::limits::WALKS_OF_ONE_MAX + 1);
    answers[20].expect(200);
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    refused.refused(429, "rate_limited");
    of(&people.ani).await.expect(200);
}

#[tokio::test]
async fn a_line_says_what_changed_and_why() {
    let (gateway, people) = funded().await;
    let body = json!({"to": "budi", "amount": 300, "note": "kopi", "reference": "k"});
    let paid = gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await;
    let position = paid.position();
    let line = |direction: &str, after: u64, other: &str| {
        json!({
            "id": id("pay", position), "time": START_TEXT, "category": "payment",
            "direction": direction, "amount": 300, "fee": 0, "currency": "IDR",
            "balance_after": after, "counterparty": other, "note": "kopi", "reference": "k",
            "position": position,
        })
    };
    let mine = gateway.send(get("/api/v1/transactions?limit=1").by(&people.ani)).await.expect(200);
    assert_eq!(mine["data"], json!([line("out", 999_700, "budi")]));
    assert!(mine["next_cursor"].is_string(), "the top-up comes after it");
    let theirs = gateway.send(get("/api/v1/transactions").by(&people.budi)).await;
    theirs.is(200, &json!({"data": [line("in", 300, "ani")], "next_cursor": null}));
    let path = format!("/api/v1/payments/{}/refund", id("pay", position));
    gateway.send(post(&path, &json!({"amount": 100})).by(&people.budi)).await.expect(201);
    let all = pages(&gateway, &people.ani, "").await;
    let words: Vec<_> = all.iter().map(|line| (&line["category"], &line["direction"])).collect();
    let word = |category: &str, way: &str| (json!(category), json!(way));
    let expected = [word("refund", "in"), word("payment", "out"), word("top_up", "in")];
    assert!(words.iter().zip(&expected).all(|(a, b)| (a.0, a.1) == (&b.0, &b.1)), "{words:?}");
    assert_eq!(words.len(), 3);
    assert_eq!(all[2]["counterparty"], "gerbang:clearing");
    let nothing = gateway.send(get("/api/v1/transactions").by(&people.warung)).await;
    nothing.is(200, &json!({"data": [], "next_cursor": null}));
}

#[tokio::test]
async fn pages_join_to_the_whole_whatever_their_size() {
    let (gateway, people) = busy().await;
    let whole = pages(&gateway, &people.ani, "limit=100").await;
    assert_eq!(whole.len(), 131);
    let amounts: Vec<_> = whole.iter().map(|line| line["amount"].as_u64().unwrap()).collect();
    let expected: Vec<_> = (1..=130).rev().chain([1_000_000]).collect();
    assert_eq!(amounts, expected, "newest first");
    for query in ["limit=1", "limit=7", "limit=99", ""] {
        assert_eq!(pages(&gateway, &people.ani, query).await, whole, "{query}");
    }
    let default = gateway.send(get("/api/v1/transactions").by(&people.ani)).await.expect(200);
    assert_eq!(default["data"].as_array().unwrap().len(), 20);
    // Each balance is the one before it and the change.
    for pair in whole.windows(2) {
        let after = |line: &Value| line["balance_after"].as_i64().unwrap();
        assert_eq!(after(&pair[0]), after(&pair[1]) - pair[0]["amount"].as_i64().unwrap());
    }
}

#[tokio::test]
async fn a_new_payment_does_not_shift_a_page_that_is_read() {
    let (gateway, people) = busy().await;
    let first = gateway.send(get("/api/v1/transactions?limit=50").by(&people.ani)).await.json();
    let body = json!({"to": "budi", "amount": 1});
    gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await.expect(201);
    let cursor = first["next_cursor"].as_str().unwrap();
    let path = format!("/api/v1/transactions?limit=50&cursor={cursor}");
    let second = gateway.send(get(&path).by(&people.ani)).await.expect(200);
    assert_eq!(first["data"][49]["amount"], 81);
    assert_eq!(second["data"][0]["amount"], 80);
}

#[tokio::test]
async fn from_and_to_are_both_included() {
    let (gateway, people) = busy().await;
    let ten = "2026-11-18T18:16:40%2B07:00";
    let twenty = "2026-11-18T11:26:40Z";
    let lines = pages(&gateway, &people.ani, &format!("from={ten}&to={twenty}&limit=3&")).await;
    let amounts: Vec<_> = lines.iter().map(|line| line["amount"].as_u64().unwrap()).collect();
    assert_eq!(amounts, (10..=20).rev().collect::<Vec<_>>());
    let (from, to) = ("2026-11-18T18:11:40%2B07:00", "2026-11-18T20:11:40%2B07:00");
    let many = pages(&gateway, &people.ani, &format!("from={from}&to={to}&limit=50")).await;
    let amounts: Vec<_> = many.iter().map(|line| line["amount"].as_u64().unwrap()).collect();
    assert_eq!(amounts, (5..=125).rev().collect::<Vec<_>>(), "several pages within bounds");
    let none = pages(&gateway, &people.ani, "from=2027-01-01T00:00:00Z").await;
    assert!(none.is_empty());
    let early = pages(&gateway, &people.ani, "to=2020-01-01T00:00:00Z").await;
    assert!(early.is_empty());
    let inverted = pages(&gateway, &people.ani, &format!("from={twenty}&to={ten}")).await;
    assert!(inverted.is_empty());
}

#[tokio::test]
async fn a_page_is_asked_for_in_known_terms() {
    let (gateway, people) = funded().await;
    for path in ["transactions", "notifications", "topups"] {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=-1", "limit"),
            ("limit=1.5", "limit"),
            ("limit=", "limit"),
            ("limit=%2B5", "limit"),
            ("limit=1&limit=2", "limit"),
            ("cursor=", "cursor"),
            ("cursor=0", "cursor"),
            ("cursor=zz", "cursor"),
            ("cursor=%2B9", "cursor"),
            ("cursor=ffffffffffffffff", "cursor"),
            ("cursor=11111111111111111", "cursor"),
            ("from=gestern", "from"),
            ("from=2026-11-18", "from"),
            ("to=2026-13-01T00:00:00Z", "to"),
            ("page=2", "page"),
        ] {
            let wrong = get(&format!("/api/v1/{path}?{query}")).by(&people.ani);
            gateway.send(wrong).await.names(field);
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_account_is_refused() {
    let (gateway, people) = busy().await;
    let page = gateway.send(get("/api/v1/transactions?limit=1").by(&people.ani)).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("/api/v1/transactions?cursor={cursor}");
    // The payment is budi's too, the warung has nothing to do with it.
    gateway.send(get(&path).by(&people.budi)).await.expect(200);
    gateway.send(get(&path).by(&people.warung)).await.names("cursor");
    let genesis = gateway.send(get("/api/v1/transactions?cursor=1").by(&people.ani)).await;
    genesis.names("cursor");
}

#[tokio::test]
async fn a_currency_has_its_own_lines() {
    let (gateway, people) = funded().await;
    let path = "/api/v1/admin/users/ani/accounts";
    gateway.send(post(path, &json!({"currency": "USD"})).by(&people.admin)).await.expect(201);
    let usd = json!({"to": "ani", "amount": 500, "currency": "USD"});
    gateway.send(post("/api/v1/admin/topups", &usd).by(&people.admin)).await.expect(201);
    for path in ["transactions", "topups", "notifications"] {
        let of = |query: &str| get(&format!("/api/v1/{path}{query}")).by(&people.ani);
        let lines = gateway.send(of("?currency=USD")).await.expect(200);
        assert_eq!(lines["data"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(
            (&lines["data"][0]["amount"], &lines["data"][0]["currency"]),
            (&json!(500), &json!("USD"))
        );
        let rupiah = gateway.send(of("")).await.expect(200);
        assert_eq!(rupiah["data"].as_array().unwrap().len(), 1, "{path}");
        gateway.send(of("?currency=EUR")).await.names("currency");
        gateway.send(of("?currency=usd")).await.names("currency");
    }
    let flow = get("/api/v1/cash-flow?currency=USD").by(&people.ani);
    let flow = gateway.send(flow).await.expect(200);
    assert_eq!((&flow["currency"], &flow["total"]["money_in"]), (&json!("USD"), &json!(500)));
}

#[tokio::test]
async fn a_cash_flow_sums_by_day_week_and_month() {
    let (gateway, people) = funded().await;
    // 18 Nov (Wednesday), 19 Nov in Jakarta but 18 Nov in London, 23 Nov, 1 Dec.
    for (seconds, amount) in [(0, 100), (7 * 3600, 200), (5 * 86_400, 400), (13 * 86_400, 800)] {
        gateway.at(seconds);
        let ani = gateway.log_in("ani").await;
        let body = json!({"to": "budi", "amount": amount});
        gateway.send(post("/api/v1/payments", &body).by(&ani)).await.expect(201);
    }
    let budi = gateway.log_in("budi").await;
    let flow = |query: &str| {
        let path = format!("/api/v1/cash-flow{query}");
        let budi = budi.clone();
        let gateway = &gateway;
        async move { gateway.send(get(&path).by(&budi)).await }
    };
    let row = |period: &str, sum: u64, count: u64| json!({"period": period, "money_in": sum, "money_out": 0, "net": sum, "count": count});
    let total = json!({"money_in": 1_500, "money_out": 0, "net": 1_500, "count": 4});
    let report = |bucket: &str, data: Value| json!({"currency": "IDR", "bucket": bucket, "data": data, "total": total});
    let days = json!([
        row("2026-11-18", 100, 1),
        row("2026-11-19", 200, 1),
        row("2026-11-23", 400, 1),
        row("2026-12-01", 800, 1)
    ]);
    flow("").await.is(200, &report("day", days));
    let weeks =
        json!([row("2026-11-16", 300, 2), row("2026-11-23", 400, 1), row("2026-11-30", 800, 1)]);
    flow("?bucket=week").await.is(200, &report("week", weeks));
    let months = json!([row("2026-11-01", 700, 3), row("2026-12-01", 800, 1)]);
    flow("?bucket=month").await.is(200, &report("month", months));
    let some = flow("?from=2026-11-20T00:00:00Z&to=2026-11-30T00:00:00Z").await.expect(200);
    assert_eq!(some["total"]["money_in"], 400);
    for (query, field) in [
        ("bucket=year", "bucket"),
        ("from=x", "from"),
        ("limit=5", "limit"),
        ("cursor=9", "cursor"),
    ] {
        flow(&format!("?{query}")).await.names(field);
    }
    let ani = gateway.log_in("ani").await;
    let out = gateway.send(get("/api/v1/cash-flow").by(&ani)).await.expect(200);
    let expected = json!({"money_in": 1_000_000, "money_out": 1_500, "net": 998_500, "count": 5});
    assert_eq!(out["total"], expected);
    drop(people);
}

/// Ranges that begin and end anywhere, day after day, held against a sum over every change.
#[tokio::test]
async fn a_cash_flow_reads_what_is_new_and_agrees_with_every_change() {
    let (gateway, _) = funded().await;
    let (budi, offset) = (AccountId(1), 7 * 3600);
    let mut random = Random::new(5);
    let (mut seconds, mut changes) = (0_u64, Vec::new());
    for round in 0..12 {
        let ani = gateway.log_in("ani").await;
        let some = random.below(6);
        for _ in 0..some {
            let amount = random.range(1, 1_000);
            let body = json!({"to": "budi", "amount": amount});
            gateway.send(post("/api/v1/payments", &body).by(&ani)).await.expect(201);
            changes.push((START.plus_seconds(i64::try_from(seconds).unwrap()), amount));
            seconds += random.range(1, 20_000);
            gateway.at(i64::try_from(seconds).unwrap());
        }
        let report =
            |from, to| gateway.gateway.cash_flow(budi, (from, to), Bucket::Day, offset).unwrap();
        for _ in 0..20 {
            let mut moment = || match random.below(5) {
                0 => None,
                // On a change itself, and next to it.
                1 if !changes.is_empty() => {
                    let at = usize::try_from(random.below(changes.len() as u64)).unwrap();
                    let micros = i64::try_from(random.below(3)).unwrap() - 1;
                    Some(Timestamp::from_micros(changes[at].0.micros() + micros))
                }
                // Midnight in Jakarta.
                2 => Some(
                    START.plus_seconds(-65_200 + i64::try_from(random.below(9)).unwrap() * 86_400),
                ),
                _ => Some(START.plus_seconds(i64::try_from(random.below(seconds + 9)).unwrap())),
            };
            let (from, to) = (moment(), moment());
            let is_in =
                |time| from.is_none_or(|from| from <= time) && to.is_none_or(|to| time <= to);
            let wanted = changes.iter().filter(|(time, _)| is_in(*time));
            let (count, sum) = wanted.fold((0, 0), |(n, sum), (_, amount)| (n + 1, sum + amount));
            let report = report(from, to);
            let total = (report.total.count, report.total.money_in.units());
            assert_eq!(total, (count, u128::from(sum)), "{from:?} to {to:?}");
            let buckets: u64 = report.buckets.values().map(|flow| flow.count).sum();
            assert_eq!(buckets, count);
        }
        report(None, None);
        assert_eq!(report(None, None).read, 0, "round {round}: what was read is read again");
    }
}

#[tokio::test]
async fn notifications_tell_what_others_did() {
    let (gateway, people) = funded().await;
    let body = json!({"to": "budi", "amount": 300, "note": "kopi", "reference": "k"});
    let position = gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await.position();
    let told = gateway.send(get("/api/v1/notifications").by(&people.budi)).await;
    told.is(
        200,
        &json!({"data": [{
        "id": id("ntf", position), "type": "payment_received", "time": START_TEXT, "amount": 300,
        "currency": "IDR", "from": "ani", "note": "kopi", "reference": "k",
    }], "next_cursor": null}),
    );
    let path = format!("/api/v1/payments/{}/refund", id("pay", position));
    gateway.send(post(&path, &json!({})).by(&people.budi)).await.expect(201);
    let told = gateway.send(get("/api/v1/notifications").by(&people.ani)).await.expect(200);
    let kinds: Vec<_> =
        told["data"].as_array().unwrap().iter().map(|line| line["type"].clone()).collect();
    assert_eq!(kinds, ["refund_received", "top_up_settled"], "the payment was ani's own");
}
