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

    fn reload(&self) -> Result<(), String> {
        self.tls()?;
        self.made.lock().expect("no holder of this lock panics").clear();
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::References;
    use crate::identity::secret::Secret;
    use crate::journal::History;
    use crate::ledger::book::Book;
    use crate::ledger::event::{Event, Fact};
    use crate::ledger::id::Principal;
    use crate::ledger::registry::{self, RegistryChange, RegistryChanged};
    use crate::ledger::text::Line;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    /// The committed tables, with one partner that is reached over TLS.
    fn view(vault: &Vault) -> Arc<View> {
        let mut row = registry::tests::partner("009", 1);
        row.base_url = Line::parse("https://bank.example", 100).unwrap();
        row.keys.current = vault.seal(&purpose(row.code), &Secret::new(vec![7; 32]));
        let route = registry::tests::route("009", Usage::Transfer);
        let mut book = Book::new();
        for change in [RegistryChange::PartnerSet(row), RegistryChange::RouteSet(route)] {
            let by = Principal::Operator;
            let fact = Fact::RegistryChanged(Box::new(RegistryChanged { by, change }));
            book.apply(book.next(), &Event { at: NOW, fact });
        }
        Arc::new(View::new(&book, References::new(), Arc::new(History::new()), NOW))
    }

    #[tokio::test]
    async fn certificates_are_read_again_when_told() {
        let home = tempfile::tempdir().unwrap();
        let roots = home.path().join("roots.pem");
        let pem = || rcgen::generate_simple_self_signed(["bank".to_owned()]).unwrap().cert.pem();
        fs::write(&roots, pem()).unwrap();
        let vault = Arc::new(Vault::in_memory(1));
        let oldest = tls::Oldest::Tls13;
        let reach = Reach {
            tls: tls::Settings { oldest, roots: Some(roots.clone()), client: None },
            http: http::Options::standard(),
            breaker: breaker::Options::standard(),
        };
        let clock = Clock::manual(NOW);
        let partners = Partners::new(view(&vault), vault, clock, reach);
        let code = BankCode::parse("009").unwrap();
        let way = || partners.way(code, Usage::Transfer).unwrap();
        let first = way();
        assert!(Arc::ptr_eq(&first, &way()));
        fs::write(&roots, "no certificate").unwrap();
        assert!(partners.reload().is_err());
        assert!(Arc::ptr_eq(&first, &way()), "the old one stays");
        fs::write(&roots, pem()).unwrap();
        partners.reload().unwrap();
        assert!(!Arc::ptr_eq(&first, &way()));
    }
}
