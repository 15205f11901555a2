//! Goose's scenario `edr`: an application that sends money to banks, and asks how it stands.
//!
//! Of five requests four are transfers of the paper's form, each under a number of its own, and one
//! is a question about the latest. A transfer is right if it is paid when it is answered.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use goose::prelude::*;
use serde_json::json;

use crate::Failure;
use crate::shop::send;
use crate::world;
use gerbang::clock::Clock;
use gerbang::identity::token::sign_client;

/// The demo's second client, as which everything is sent.
const CLIENT: &str = "2";

/// What the users of transfers share.
struct Town {
    /// The key token that the application signs with.
    key: Vec<u8>,
    /// Makes numbers of this run differ from those of all before it on the same store.
    nonce: String,
    transfers: AtomicU64,
    latest: Mutex<String>,
}

/// Users that send to the three banks, and ask how the latest transfer stands.
///
/// # Errors
/// The demo is not there, or its data is not.
pub async fn scenario(data: &Path, seed: u64, address: SocketAddr) -> Result<Scenario, Failure> {
    world::ready(address).await?;
    let key = std::fs::read(data.join("banks").join(format!("client-{CLIENT}.key-token")))?;
    let town = Arc::new(Town {
        key,
        nonce: format!("G{}-{}", seed, Clock::system().now().micros()),
        transfers: AtomicU64::new(0),
        latest: Mutex::default(),
    });
    Ok(scenario!("edr")
        .register_transaction(transfer(&town).set_weight(4)?)
        .register_transaction(standing(&town)))
}

impl Town {
    fn token(&self) -> String {
        sign_client(CLIENT, &self.key, Clock::system().now()).unwrap_or_default()
    }
}

fn transfer(town: &Arc<Town>) -> Transaction {
    let town = Arc::clone(town);
    let function: TransactionFunction = Arc::new(move |user| {
        let town = Arc::clone(&town);
        Box::pin(async move {
            let number = town.transfers.fetch_add(1, Ordering::Relaxed);
            let transaction = format!("{}-{number}", town.nonce);
            let bank = ["009", "014", "008"][usize::try_from(number % 3).unwrap_or(0)];
            let body = json!({
                "transactionId": transaction, "accountNumber": "0847652590",
                "beneficiaryBankCode": bank, "amount": "10",
                // Accounts that exist, few enough that each is inquired about once.
                "beneficiaryAccountNumber": format!("0{}", 1_154_710 + 10 * (number % 50)),
            });
            let builder = user.get_request_builder(&GooseMethod::Post, "/api/transfer")?;
            let builder = builder.bearer_auth(town.token()).json(&body);
            let request = GooseRequest::builder().set_request_builder(builder);
            let sent = send(user, request, 200).await;
            if let Ok(mut latest) = town.latest.lock() {
                *latest = transaction;
            }
            sent
        })
    });
    Transaction::new(function).set_name("transfer")
}

fn standing(town: &Arc<Town>) -> Transaction {
    let town = Arc::clone(town);
    let function: TransactionFunction = Arc::new(move |user| {
        let town = Arc::clone(&town);
        Box::pin(async move {
            let latest = town.latest.lock().map(|latest| latest.clone()).unwrap_or_default();
            if latest.is_empty() {
                return Ok(());
            }
            let path = format!("/api/transfer/{latest}");
            let builder = user.get_request_builder(&GooseMethod::Get, &path)?;
            let builder = builder.bearer_auth(town.token());
            let request = GooseRequest::builder().set_request_builder(builder);
            send(user, request.name("/api/transfer/{id}"), 200).await
        })
    });
    Transaction::new(function).set_name("standing")
}
