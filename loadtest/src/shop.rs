//! Goose users by scenario: cashiers that only pay, people who also look, and an application that
//! sends money to banks.
//!
//! A closed loop: a user waits for an answer before asking again, so a stall hides the requests
//! that would have come (`co_mitigation` is off; `lean --rate` measures latency). Goose's client
//! costs more of the two shared cores than the lean one; its rates are those of Goose and the
//! server together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use goose::config::GooseConfiguration;
use goose::goose::GooseRequestBuilder;
use goose::prelude::*;
use serde_json::json;

use crate::Failure;
use crate::pick::{Picker, Random, Spread};
use crate::process::{Server, default_binary};
use crate::transfers;
use crate::world::{Payer, World};

#[derive(clap::Args)]
pub struct Arguments {
    /// A demo that is running; without it one is started on a fresh directory.
    #[arg(long)]
    target: Option<SocketAddr>,
    /// The product's binary, if one is started.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    /// The data directory of a demo that is running, where the application's key is (edr).
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long, default_value_t = 64)]
    users: usize,
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    #[arg(long, value_enum, default_value_t = Spread::Uniform)]
    spread: Spread,
    #[arg(long, default_value_t = 32)]
    merchants: usize,
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Pos,
    Mixed,
    Edr,
}

/// What the users of a run share.
struct Shop {
    payers: Vec<Payer>,
    merchants: Vec<String>,
    picker: Picker,
    seed: u64,
    /// Numbers the requests; with the seed it decides who pays whom.
    requests: AtomicU64,
}

pub async fn run(kind: Kind, arguments: Arguments) -> Result<(), Failure> {
    let fresh = tempfile::tempdir()?;
    let data = fresh.path().join("data");
    let server = match arguments.target {
        Some(_) => None,
        None => Some(Server::gerbang(&arguments.gerbang, &data)?),
    };
    let address = arguments.target.or(server.as_ref().map(|server| server.address));
    let address = address.ok_or_else(|| Failure("there is no target".to_owned()))?;
    if !address.ip().is_loopback() {
        return Err(Failure("--target: loopback only".to_owned()));
    }
    let seconds = arguments.seconds;
    let scenario = match kind {
        Kind::Edr => {
            let data = arguments.data.as_ref().unwrap_or(&data);
            transfers::scenario(data, arguments.seed, address).await?
        }
        Kind::Pos | Kind::Mixed => shop(kind, &arguments, address).await?,
    };
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(format!("http://{address}"));
    configuration.users = Some(arguments.users);
    configuration.increase_rate = Some(arguments.users.to_string());
    configuration.run_time = Some(seconds.to_string());
    configuration.no_telnet = true;
    let attack = GooseAttack::initialize_with_config(configuration)?.register_scenario(scenario);
    let metrics = attack.execute().await?;
    println!("{metrics}");
    Ok(())
}

/// Cashiers, or people who also look.
async fn shop(kind: Kind, arguments: &Arguments, address: SocketAddr) -> Result<Scenario, Failure> {
    let world = World::prepare(address, arguments.users, arguments.merchants).await?;
    let shop = Arc::new(Shop {
        payers: world.payers,
        picker: Picker::new(arguments.spread, world.merchants.len()),
        merchants: world.merchants,
        seed: arguments.seed,
        requests: AtomicU64::new(0),
    });
    Ok(match kind {
        Kind::Mixed => scenario!("mixed")
            .register_transaction(pay(&shop).set_weight(4)?)
            .register_transaction(look(&shop, "/api/v1/balance").set_weight(3)?)
            .register_transaction(look(&shop, "/api/v1/transactions").set_weight(2)?)
            .register_transaction(look(&shop, "/api/v1/notifications")),
        Kind::Pos | Kind::Edr => scenario!("pos").register_transaction(pay(&shop)),
    })
}

impl Shop {
    fn payer(&self, user: &GooseUser) -> &Payer {
        &self.payers[user.weighted_users_index % self.payers.len()]
    }

    fn receiver(&self) -> &str {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        &self.merchants[self.picker.pick(&mut Random::new(self.seed ^ number))]
    }
}

fn pay(shop: &Arc<Shop>) -> Transaction {
    let shop = Arc::clone(shop);
    let function: TransactionFunction = Arc::new(move |user| {
        let shop = Arc::clone(&shop);
        Box::pin(async move {
            let body = json!({"to": shop.receiver(), "amount": 1});
            let builder = user.get_request_builder(&GooseMethod::Post, "/api/v1/payments")?;
            let builder = builder.bearer_auth(&shop.payer(user).token).json(&body);
            send(user, GooseRequest::builder().set_request_builder(builder), 201).await
        })
    });
    Transaction::new(function).set_name("pay")
}

fn look(shop: &Arc<Shop>, path: &'static str) -> Transaction {
    let shop = Arc::clone(shop);
    let function: TransactionFunction = Arc::new(move |user| {
        let shop = Arc::clone(&shop);
        Box::pin(async move {
            let builder = user.get_request_builder(&GooseMethod::Get, path)?;
            let builder = builder.bearer_auth(&shop.payer(user).token);
            send(user, GooseRequest::builder().set_request_builder(builder), 200).await
        })
    });
    Transaction::new(function).set_name(path)
}

pub async fn send(
    user: &mut GooseUser,
    request: GooseRequestBuilder<'_>,
    expected: u16,
) -> TransactionResult {
    let answer = user.request(request.expect_status_code(expected).build()).await?;
    // The connection is free for the next request once the body is read.
    if let Ok(response) = answer.response {
        let _ = response.bytes().await;
    }
    Ok(())
}
