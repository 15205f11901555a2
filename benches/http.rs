//! What does a request cost inside the process, behind the sockets: routing, identity, JSON, use
//! case, and for a payment the engine and the flush?
//!
//! Requests are handed to the API as the listener would; no bytes are parsed and none are sent, so
//! the difference to a load test is the cost of the edge. The balance at the end is printed.

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::good;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use gerbang::app::App;
use gerbang::clock::Clock;
use gerbang::config::Config;
use gerbang::gateway::identity::SignUp;
use gerbang::http::api::{Api, Options};
use gerbang::http::request::Request;
use gerbang::http::server::Service;
use gerbang::identity::secret::Secret;
use gerbang::ledger::event::Role;
use gerbang::ledger::text::{Email, Line, Username};
use hyper::http;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// As the product has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests under way at once, as from so many connections.
const IN_FLIGHT: u64 = 256;
const PASSWORD: &str = "gerbang-demo-password";

/// A gateway with a payer, a merchant and an administrator.
struct World {
    api: Arc<Api>,
    payer: String,
    admin: String,
}

fn sign_up(name: &str, role: Role) -> SignUp {
    SignUp {
        username: good(Username::parse(name)),
        name: good(Line::parse(name, 100)),
        email: good(Email::parse(&format!("{name}@contoh.id"))),
        phone: None,
        password: Secret::new(PASSWORD.to_owned()),
        role,
    }
}

async fn world(app: &App) -> World {
    let people = [("penyelia", Role::Admin), ("pembeli", Role::Buyer), ("warung", Role::Merchant)];
    for (name, role) in people {
        good(app.gateway.sign_up(sign_up(name, role)).await);
    }
    let log_in = async |name| {
        let from = [127, 0, 0, 1].into();
        good(app.gateway.log_in(name, Secret::new(PASSWORD.to_owned()), None, from).await).token
    };
    let (payer, admin) = (log_in("pembeli").await, log_in("penyelia").await);
    let options = Options {
        offset_seconds: 0,
        metrics: false,
        api: true,
        proxies: Vec::new(),
        origins: Vec::new(),
        public_url: String::new(),
    };
    let api = Api::new(Arc::clone(&app.gateway), Arc::clone(&app.metrics), options);
    let world = World { api: Arc::new(api), payer, admin };
    let body = r#"{"to":"pembeli","amount":20000000}"#;
    let reply = world.api.call(post("/api/v1/admin/topups", &world.admin, body, "top-up")).await;
    assert_eq!(reply.status(), 201, "{}", reply.body_text());
    world
}

fn request(builder: http::request::Builder, token: &str, body: Bytes) -> Request {
    let builder = builder.header("host", "localhost");
    let builder = builder.header("authorization", format!("Bearer {token}"));
    good(Request::in_process(good(builder.body(body)), SocketAddr::from(([127, 0, 0, 1], 1))))
}

fn post(path: &str, token: &str, body: &str, key: &str) -> Request {
    let builder = http::Request::post(path).header("content-type", "application/json");
    let builder = builder.header("idempotency-key", key);
    request(builder, token, Bytes::copy_from_slice(body.as_bytes()))
}

fn balance(world: &World) -> Request {
    request(http::Request::get("/api/v1/balance"), &world.payer, Bytes::new())
}

/// So many rounds of payments from each of so many clients.
async fn pay(world: &World, keys: &mut u64, rounds: u64) -> Duration {
    let mut clients: Vec<Vec<Request>> = Vec::new();
    for _ in 0..IN_FLIGHT {
        let requests = (0..rounds).map(|_| {
            *keys += 1;
            let body = r#"{"to":"warung","amount":1}"#;
            post("/api/v1/payments", &world.payer, body, &format!("k{keys}"))
        });
        clients.push(requests.collect());
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for requests in clients {
        let api = Arc::clone(&world.api);
        tasks.spawn(async move {
            for request in requests {
                let reply = api.call(request).await;
                assert_eq!(reply.status(), 201, "{}", reply.body_text());
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        good(done);
    }
    start.elapsed()
}

#[expect(clippy::print_stderr, reason = "criterion has no place for a balance")]
fn measure(criterion: &mut Criterion, runtime: &Runtime, world: &World) {
    let mut keys = 0;
    runtime.block_on(pay(world, &mut keys, 4));
    let reply = runtime.block_on(world.api.call(balance(world)));
    let text = reply.body_text();
    let shown = text.split("\"balance\":").nth(1).and_then(|rest| rest.split(',').next());
    eprintln!("balance after {keys} payments: {}", shown.unwrap_or("?"));

    let mut group = criterion.benchmark_group("http");
    group.throughput(Throughput::Elements(1));
    group.bench_function("balance, alone", |bencher| {
        bencher.iter(|| runtime.block_on(world.api.call(balance(world))).status());
    });
    group.throughput(Throughput::Elements(IN_FLIGHT));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
    group.bench_function("durable payments, 256 in flight", |bencher| {
        bencher.iter_custom(|rounds| runtime.block_on(pay(world, &mut keys, rounds)));
    });
    group.finish();
}

fn http(criterion: &mut Criterion) {
    let directory = good(tempfile::tempdir());
    let config = Config { data: directory.path().to_owned(), ..Config::standard() };
    let runtime = good(tokio::runtime::Builder::new_multi_thread().enable_all().build());
    let entered = runtime.enter();
    let app = good(App::start(&config, &Clock::system(), &mut |_| {}));
    let world = runtime.block_on(world(&app));
    measure(criterion, &runtime, &world);
    drop(world);
    drop(entered);
    app.finish(runtime);
}

criterion_group!(benches, http);
criterion_main!(benches);
