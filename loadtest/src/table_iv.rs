//! The features of EZPY's Table IV, each asked for by 100 users within one second, and then by 100
//! times as many.
//!
//! Written on the lean client: Goose starts users at a rate and lets each go on by itself, so it
//! cannot say when each single request of a burst is due, and its latency would leave out what
//! waited behind a stall. Here request `i` of `n` is due at `i/n` of the second, and its latency
//! counts from then. The paper's figures stand beside; they were taken on another machine.
//!
//! Signing up and logging in hash a password, 20 ms of a core on purpose: 100 times the load would
//! be 200 s of hashing, so these two run once. Who logs out at 100 times the load has a token that was
//! signed with the demo's own key, which spares as many logins.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::identity::keys::SigningKeys;
use gerbang::identity::token::{self, TokenId};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Failure;
use crate::figures::{Figures, Millis};
use crate::process::{Server, default_binary};
use crate::wire::{self, JSON, Wire};
use crate::world::{HASHES, PASSWORD, call, log_in, log_in_demo, ready, sign_up};

#[derive(clap::Args)]
pub struct Arguments {
    /// The product's binary.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    #[arg(long, default_value_t = 100)]
    users: usize,
    /// How many times the load of the paper, where no password is hashed.
    #[arg(long, default_value_t = 100)]
    times: usize,
    /// Connections of the greater load.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Users of the greater load: of one user's top-ups, twenty of a kind may wait.
    #[arg(long, default_value_t = 600)]
    crowd: usize,
}

/// A row of the paper: feature, success rate and latency in milliseconds as printed there.
struct Row(&'static str, &'static str, &'static str, Ask);

/// How a feature is asked for.
#[derive(Clone, Copy)]
enum Ask {
    SignUp,
    LogIn,
    Get(&'static str),
    Pay,
    TopUp,
    Charge,
    Announce,
    Withdraw,
    LogOut,
}

const ROWS: [Row; 13] = [
    Row("Sign Up", "100 %", "5188.10", Ask::SignUp),
    Row("Login", "100 %", "5238.12", Ask::LogIn),
    Row("Balance", "100 %", "71.81", Ask::Get("/api/v1/balance")),
    Row("Transaction", "45 % / 46 %", "339.93", Ask::Pay),
    Row("Top Up", "72 %", "891.41", Ask::TopUp),
    Row("Log Transaction", "100 %", "1275.55", Ask::Get("/api/v1/transactions")),
    Row("VA Charge", "100 %", "1196.09", Ask::Charge),
    Row("Transfer Bank Charge", "100 %", "77.26", Ask::Announce),
    Row("Log Top Up", "100 %", "1645.58", Ask::Get("/api/v1/topups")),
    Row("Log Notification", "100 %", "837.27", Ask::Get("/api/v1/notifications")),
    Row("Withdraw", "77 %", "84.07", Ask::Withdraw),
    Row("Cash Flow", "100 %", "837.27", Ask::Get("/api/v1/cash-flow?bucket=day")),
    Row("Logout", "100 %", "759.59", Ask::LogOut),
];

/// Who asks.
struct Users {
    names: Vec<String>,
    tokens: Vec<String>,
    admin: String,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let fresh = tempfile::tempdir()?;
    let data = fresh.path().join("data");
    let server = Server::gerbang(&arguments.gerbang, &data)?;
    let address = server.address;
    ready(address).await?;
    let mut users = Users {
        names: (0..arguments.users).map(name).collect(),
        tokens: Vec::new(),
        admin: log_in_demo(address, "admin").await?,
    };
    println!(
        "{:<22}{:>12}{:>12} |{:>9}{:>12}{:>12} |{:>9}{:>12}{:>12}",
        "feature", "paper", "ms", "x1", "mean", "p99", "more", "mean", "p99"
    );
    for Row(feature, success, latency, ask) in ROWS {
        print!("{feature:<22}{success:>12}{latency:>12} |");
        let requests = requests(&users, ask, arguments.users);
        let mut once = burst(address, requests, arguments.users).await?;
        print!("{}", cells(&mut once.figures, arguments.users));
        match ask {
            Ask::SignUp => println!(" | once"),
            Ask::LogIn => {
                println!(" | once");
                users.tokens = once.tokens.into_values().collect();
                crowd(address, &mut users, arguments.crowd).await?;
                fund(address, &users).await?;
            }
            _ => {
                let count = arguments.users * arguments.times;
                if matches!(ask, Ask::LogOut) {
                    users.tokens = sessions(&data, &users, count)?;
                }
                let requests = self::requests(&users, ask, count);
                let mut more = burst(address, requests, arguments.connections).await?;
                println!(" |{}", cells(&mut more.figures, count));
            }
        }
    }
    Ok(())
}

/// Success, mean and 99th percentile.
fn cells(figures: &mut Figures, count: usize) -> String {
    let success = figures.good() * 10_000 / (count as u64).max(1);
    let success = format!("{}.{:02}%", success / 100, success % 100);
    let (mean, most) = (figures.mean(), figures.percentile(990));
    format!("{success:>9}{:>12}{:>12}", Millis(mean).to_string(), Millis(most.into()).to_string())
}

/// More users, signed up and logged in beside what is measured.
async fn crowd(address: SocketAddr, users: &mut Users, count: usize) -> Result<(), Failure> {
    let from = users.names.len();
    let mut tasks = JoinSet::new();
    for number in from..count {
        if tasks.len() >= HASHES
            && let Some(done) = tasks.join_next().await
        {
            done??;
        }
        let name = name(number);
        users.names.push(name.clone());
        tasks.spawn(async move { sign_up(address, &name, "buyer").await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    for names in users.names[from..].chunks(HASHES) {
        let logins = names.iter().map(|name| {
            let name = name.clone();
            tokio::spawn(async move { log_in(address, &name).await })
        });
        for login in logins.collect::<Vec<_>>() {
            users.tokens.push(login.await??);
        }
    }
    Ok(())
}

fn name(number: usize) -> String {
    format!("ezpy{number:05}")
}

/// Money to pay with.
async fn fund(address: SocketAddr, users: &Users) -> Result<(), Failure> {
    for name in &users.names {
        let body = json!({"to": name, "amount": 1_000_000});
        let line = "POST /api/v1/admin/topups";
        let (status, answer) = call(address, line, Some(&users.admin), &body).await?;
        if status != 201 {
            return Err(Failure(format!("top up of {name}: {status} {answer}")));
        }
    }
    Ok(())
}

/// So many new tokens of those who are logged in, as the gateway would sign them.
fn sessions(data: &Path, users: &Users, count: usize) -> Result<Vec<String>, Failure> {
    let now = Clock::system().now();
    let keys = SigningKeys::open(data, now)?;
    let one = |token: &String| {
        let session = token::verify(&keys, token, now)?;
        Ok(token::issue(&keys, &session.user, TokenId::random(), now).token)
    };
    users.tokens.iter().cycle().take(count).map(one).collect()
}

/// The requests of a burst, with the number of who asks.
fn requests(users: &Users, ask: Ask, count: usize) -> Vec<(usize, Vec<u8>)> {
    let one = |number: usize| {
        let user = number % users.names.len();
        let name = &users.names[user];
        let token = users.tokens.get(number % users.tokens.len().max(1)).map(String::as_str);
        let post = |path: &str, token: Option<&str>, body: serde_json::Value| {
            wire::request(&format!("POST {path}"), token, JSON, body.to_string().as_bytes())
        };
        let bytes = match ask {
            Ask::SignUp => {
                let body = json!({
                    "username": name, "name": name, "email": format!("{name}@contoh.id"),
                    "password": PASSWORD, "role": "buyer",
                });
                post("/api/v1/auth/signup", None, body)
            }
            Ask::LogIn => {
                post("/api/v1/auth/login", None, json!({"login": name, "password": PASSWORD}))
            }
            Ask::Get(path) => wire::request(&format!("GET {path}"), token, "", b""),
            Ask::Pay => post("/api/v1/payments", token, json!({"to": "warung", "amount": 1})),
            Ask::TopUp => {
                let body = json!({"to": name, "amount": 1});
                post("/api/v1/admin/topups", Some(&users.admin), body)
            }
            Ask::Announce => {
                let body =
                    json!({"amount": 10_000, "sender_bank_code": "014", "sender_name": name});
                post("/api/v1/topups/bank-transfer", token, body)
            }
            Ask::Charge => {
                let body =
                    json!({"amount": 10_000, "payment_type": "bank_transfer", "bank": "bca"});
                post("/api/v1/topups/virtual-account", token, body)
            }
            Ask::Withdraw => {
                let body = json!({
                    "amount": 1_000, "bank_code": "014", "account_number": "0847652591",
                });
                post("/api/v1/withdrawals", token, body)
            }
            Ask::LogOut => wire::request("POST /api/v1/auth/logout", token, "", b""),
        };
        (user, bytes)
    };
    (0..count).map(one).collect()
}

/// What came of a burst.
#[derive(Default)]
struct Burst {
    figures: Figures,
    /// Tokens handed out, by who asked.
    tokens: BTreeMap<usize, String>,
}

/// Sends `requests` evenly over one second from so many connections, and waits for all answers.
async fn burst(
    address: SocketAddr,
    requests: Vec<(usize, Vec<u8>)>,
    connections: usize,
) -> Result<Burst, Failure> {
    let count = requests.len() as u64;
    let queue = Arc::new(Mutex::new(requests.into_iter().enumerate()));
    let start = Instant::now() + Duration::from_millis(200);
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let queue = Arc::clone(&queue);
        tasks.spawn(async move {
            let mut done = Burst::default();
            // Connecting belongs to what a user waits for, but is over before the first is due.
            let mut wire = Wire::connect(address).await?;
            loop {
                let next = queue.lock().await.next();
                let Some((number, (user, bytes))) = next else { return Ok(done) };
                let due = start + Duration::from_micros(number as u64 * 1_000_000 / count);
                sleep_until(due).await;
                let answer = timeout(Duration::from_secs(60), wire.exchange(&bytes)).await;
                let status = match &answer {
                    // What was written down and came to nothing helps nobody.
                    Ok(Ok(answer)) if has_failed(wire.body(answer)) => 502,
                    Ok(Ok(answer)) => answer.status,
                    _ => 0,
                };
                done.figures.add(status, due.elapsed());
                match answer {
                    Ok(Ok(answer)) => {
                        if let Some(token) = token_in(wire.body(&answer)) {
                            done.tokens.insert(user, token);
                        }
                    }
                    // What is left of the connection cannot be told from the next answer.
                    _ => wire = Wire::connect(address).await?,
                }
            }
        });
    }
    let mut burst = Burst::default();
    while let Some(done) = tasks.join_next().await {
        let done: std::io::Result<Burst> = done?;
        let done = done?;
        burst.figures.merge(done.figures);
        burst.tokens.extend(done.tokens);
    }
    Ok(burst)
}

fn has_failed(body: &[u8]) -> bool {
    body.windows(FAILED.len()).any(|window| window == FAILED)
}

/// In the answer to a charge or a withdrawal that ended before it was answered.
const FAILED: &[u8] = br#""status":"failed""#;

fn token_in(body: &[u8]) -> Option<String> {
    let text = str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(r#""token":""#)?;
    rest.split_once('"').map(|(token, _)| token.to_owned())
}
