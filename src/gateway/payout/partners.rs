//! Banks by the registry's rows: a client for each partner, made anew when its row changes.
//!
//! What was under way on a client that is replaced comes to its end there. Connections, breaker and
//! bulkhead begin anew with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rustls::ClientConfig;

use super::Banks;
use crate::clock::Clock;
use crate::connector::bank::Bank;
use crate::connector::bank_client::{BankClient, Settings};
use crate::connector::{breaker, bulkhead, http, tls};
use crate::engine::View;
use crate::identity::vault::Vault;
use crate::ledger::registry::{BankCode, Partner, Registry, Usage};
use crate::ledger::time::Timestamp;
use crate::outbound::{self, Url};

/// What key tokens of a partner are sealed for.
pub fn purpose(bank: BankCode) -> String {
    format!("partner/{bank}")
}

/// How any partner is reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Towards `https` addresses.
    pub tls: tls::Settings,
    /// Bounds of a request.
    pub http: http::Options,
    /// When a bank counts as down.
    pub breaker: breaker::Options,
}

/// The partners of the committed registry.
pub struct Partners {
    view: Arc<View>,
    vault: Arc<Vault>,
    clock: Clock,
    reach: Reach,
    made: Mutex<HashMap<BankCode, Made>>,
}

/// The ways to one partner, and the row they were made from.
struct Made {
    row: Partner,
    ways: HashMap<String, Arc<BankClient>>,
}

impl Partners {
    /// Ways to the partners that `view` shows, with the keys that `vault` opens.
    pub fn new(view: Arc<View>, vault: Arc<Vault>, clock: Clock, reach: Reach) -> Self {
        Self { view, vault, clock, reach, made: Mutex::default() }
    }

    fn way(&self, code: BankCode, usage: Usage) -> Result<Arc<BankClient>, String> {
        let registry = self.view.registry();
        let (row, endpoint) = rows(&registry, code, usage).ok_or("there is no such route")?;
        let mut made = self.made.lock().expect("no holder of this lock panics");
        let known = made.get_mut(&code).filter(|made| made.row == *row);
        if let Some(known) = known {
            if let Some(way) = known.ways.get(endpoint) {
                return Ok(Arc::clone(way));
            }
            if let Some(other) = known.ways.values().next() {
                let way = Arc::new(other.at(endpoint).map_err(|error| error.to_string())?);
                known.ways.insert(endpoint.to_owned(), Arc::clone(&way));
                return Ok(way);
            }
        }
        let way = Arc::new(self.make(row, endpoint)?);
        let ways = HashMap::from([(endpoint.to_owned(), Arc::clone(&way))]);
        made.insert(code, Made { row: row.clone(), ways });
        Ok(way)
    }

    fn make(&self, row: &Partner, endpoint: &str) -> Result<BankClient, String> {
        let base = Url::parse(row.base_url.as_str()).map_err(|error| error.to_string())?;
        // While a key is replaced, the one that the bank service knows: the new one is used once the
        // previous is dropped.
        let key = row.keys.previous.as_ref().unwrap_or(&row.keys.current);
        let key = self.vault.open(&purpose(row.code), key);
        let tls = base.secure.then(|| self.tls()).transpose()?;
        let settings = Settings {
            base,
            bank_code: row.code.to_string(),
            key: key.map_err(|error| error.to_string())?,
            tls,
            http: self.reach.http,
            bulkhead: bulkhead::Options::standard(),
            breaker: self.reach.breaker,
        };
        let resolve = Arc::new(outbound::System);
        BankClient::new(settings, endpoint, resolve, self.clock.clone())
            .map_err(|error| error.to_string())
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        tls::load(&self.reach.tls).map_err(|error| error.to_string())
    }
}

impl Banks for Partners {
    fn bank(&self, code: BankCode, usage: Usage) -> Option<Arc<dyn Bank>> {
        match self.way(code, usage) {
            Ok(way) => Some(way),
            Err(reason) => {
                tracing::error!(bank = %code, reason, "there is no way to a partner");
                None
            }
        }
    }

    fn is_available(&self, code: BankCode, now: Timestamp) -> bool {
        let made = self.made.lock().expect("no holder of this lock panics");
        let way = made.get(&code).and_then(|made| made.ways.values().next());
        way.is_none_or(|way| way.is_available(now))
    }
}

fn rows(registry: &Registry, code: BankCode, usage: Usage) -> Option<(&Partner, &str)> {
    let route = registry.routes.get(&(code, usage))?;
    Some((registry.partners.get(&code)?, route.local.as_str()))
}
