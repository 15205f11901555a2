//! `gerbang demo`: everything on this machine, with a few users, and what to try.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use self::banks::{Banks, Told};
use self::parts::{Parts, Ready};
use self::registrar::Registrar;
use super::output::{Bar, complain, say};
use super::{Failure, listen};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::identity::random;
use crate::journal::lock::Lock;
use crate::journal::store;
use crate::ledger::event::Role;
use crate::telemetry;

mod banks;
mod house;
mod parts;
mod provider;
mod registrar;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Keeps the demo's data here, and goes on with what is there; else a fresh directory that is
    /// removed at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen; loopback only, since everybody knows the passwords.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// The password of every demo user.
const PASSWORD: &str = "gerbang-demo";
/// What each demo buyer begins with, in rupiah.
const OPENING_BALANCE: u64 = 1_000_000;
/// Buyers, with the names they go by.
const BUYERS: [(&str, &str); 3] =
    [("ani", "Ani Lestari"), ("budi", "Budi Santoso"), ("citra", "Citra Dewi")];
/// The application of the walk-through.
const CLIENT: &str = "2";
/// Lies in the data directory of a demo.
const MARK: &str = "demo";

/// Whether a data directory belongs to a demo.
pub(super) fn is_demo(data: &Path) -> bool {
    data.join(MARK).exists()
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::usage("--listen: a demo listens on loopback only"));
    }
    let (data, fresh) = match arguments.data {
        Some(data) => (data, None),
        None => {
            let fresh = FreshDirectory::new()?;
            (fresh.0.clone(), Some(fresh))
        }
    };
    mark(&data)?;
    let standard = Config::standard();
    let config = Config {
        listen: arguments.listen,
        operations_listen: None,
        data,
        // There is one administrator.
        // There is one administrator.
        top_up_alone_max: None,
        tables_alone: true,
        // Load is tried out on it, from one address.
        signup_burst: u32::MAX,
        // Whoever runs a demo is every user.
        codes: config::Codes { sender: config::Sender::Console, ..standard.codes },
        ..standard
    };
    let _logs = telemetry::init_logs("warn");
    let runtime = listen::runtime()?;
    let entered = runtime.enter();
    let sockets = runtime.block_on(listen::Sockets::bind(&config))?;
    let config = Config { public_url: format!("http://{}", sockets.address()?), ..config };
    let mut parts = Parts::default();
    let provider = runtime.block_on(open_provider(&config, &sockets, &mut parts))?;
    let midtrans = Some(provider::config(&config.data, provider)?);
    let config = Config { midtrans, ..config };
    // It is play money, and whoever copies a demo wants to go on with it.
    if store::accept_copy(&config.data).map_err(Failure::failed)? {
        complain("the demo's data was copied here, and goes on from there");
    }
    let bar = Bar::new("opening the journal");
    let app = App::start(&config, &Clock::system(), &mut |progress| bar.show(progress))
        .map_err(Failure::failed)?;
    drop(bar);
    listen::report(&app.report);
    let result = runtime.block_on(async {
        // Their keys are made while the users are.
        let mut banks = Banks::begin(&config.data, parts)?;
        let mut registrar = Registrar::new(&app, &config);
        prepare(&mut registrar).await?;
        let told = banks.open(&mut registrar).await?;
        let options = listen::Options { metrics_on_api: true, config: None };
        let ready = |url: &str| walk_through(url, &config.data, &told, provider);
        listen::run(&app, &config, sockets, options, ready).await?;
        // To the last, so that what was in flight could end.
        Ok(banks)
    });
    drop(entered);
    app.finish(runtime);
    let result = result.map(drop);
    drop(fresh);
    result
}

/// Starts the provider before the gateway, unless another demo has the data: that one's own provider
/// keeps the book.
async fn open_provider(
    config: &Config,
    sockets: &listen::Sockets,
    parts: &mut Parts,
) -> Result<Ready, Failure> {
    let ours = Lock::acquire(&config.data).map_err(Failure::failed)?;
    let provider = provider::open(&config.data, sockets.address()?, parts).await;
    // The gateway takes it for itself.
    drop(ours);
    provider
}

/// A directory of a demo that is to leave nothing behind.
struct FreshDirectory(PathBuf);

impl FreshDirectory {
    fn new() -> Result<Self, Failure> {
        // A name nobody has taken, for its owner only.
        let name = format!("gerbang-demo-{}", random::reference().to_ascii_lowercase());
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Failure::failed(format!("cannot create {}: {error}", path.display()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for FreshDirectory {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's own place for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Marks the directory, or refuses one that holds somebody's real data.
fn mark(data: &Path) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::failed(format!("cannot use {}: {error}", data.display()));
    std::fs::create_dir_all(data).map_err(failed)?;
    if is_demo(data) {
        return Ok(());
    }
    if std::fs::read_dir(data).map_err(failed)?.next().is_some() {
        return Err(Failure::usage(format!(
            "--data: {} holds something that is not a demo's",
            data.display()
        )));
    }
    std::fs::write(data.join(MARK), "passwords here are known to everybody\n").map_err(failed)
}

/// Makes the users that are not there yet: the administrator first, who funds the others.
async fn prepare(registrar: &mut Registrar<'_>) -> Result<(), Failure> {
    registrar.operator_user("admin", Role::Admin).await?;
    registrar.operator_user("kasir", Role::Client).await?;
    for (username, name) in BUYERS {
        registrar.sign_up(username, name, "buyer").await?;
        registrar.fund(username, OPENING_BALANCE).await?;
    }
    registrar.sign_up("warung", "Warung Bu Sri", "merchant").await?;
    house::open(registrar).await
}

fn walk_through(url: &str, data: &Path, told: &Told, provider: Ready) {
    say(&format!(
        "Gerbang demo on {url}, data in {data}

  logins   admin, ani, budi, citra, dewi, warung, kost, kasir (batches); password: {PASSWORD}
  balances ani, budi, citra and dewi began with Rp1.000.000
{banks}  provider http://{address} (process {process})

Log in as ani and keep the token:

  TOKEN=$(curl -s {url}/api/v1/auth/login -H 'Content-Type: application/json' \\
    -d '{{\"login\":\"ani\",\"password\":\"{PASSWORD}\"}}' | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/')

Pay the warung, see what is left, and what happened:

  curl -s {url}/api/v1/payments -H \"Authorization: Bearer $TOKEN\" \\
    -H 'Content-Type: application/json' -H 'Idempotency-Key: nasi-1' \\
    -d '{{\"to\":\"warung\",\"amount\":25000,\"note\":\"nasi goreng\"}}'
  curl -s {url}/api/v1/balance -H \"Authorization: Bearer $TOKEN\"
  curl -s {url}/api/v1/transactions -H \"Authorization: Bearer $TOKEN\"

Send the payment again: the same answer, and nothing is paid twice. Metrics: {url}/metrics
",
        data = data.display(),
        banks = banks_and_tokens(told),
        address = provider.address,
        process = provider.process,
    ));
    say(&provider::walk_through(url, provider));
    say(&house::walk_through(url));
    say(&walk_through_banks(url, told));
    say(&format!("gerbang is ready on {url}"));
}

fn banks_and_tokens(told: &Told) -> String {
    let banks = told.banks.iter().map(|bank| format!("  banks    {bank}\n"));
    let tokens = told.clients.iter().map(|(id, name, token, file)| {
        let file = file.display();
        match token {
            Some(token) => format!("  tokens   {id} {name}: {token}, shown this once; in {file}\n"),
            None => format!("  tokens   {id} {name}: in {file}\n"),
        }
    });
    banks.chain(tokens).collect()
}

/// How money leaves: the paper's own request, one through another bank, and a withdrawal.
fn walk_through_banks(url: &str, told: &Told) -> String {
    let binary = std::env::current_exe().unwrap_or_else(|_| "gerbang".into());
    let file = told.clients.iter().find(|client| client.0 == CLIENT);
    let file = file.map(|client| client.3.clone()).unwrap_or_default();
    let (binary, key) = (binary.display(), file.display());
    let transfer = |number: &str, bank: &str, account: &str, amount: u64| {
        format!(
            "  curl -s {url}/api/transfer -H \"Authorization: Bearer $CLIENT\" \\
    -H 'Content-Type: application/json' \\
    -d '{{\"transactionId\":\"{number}\",\"accountNumber\":\"0847652590\",\
\"beneficiaryBankCode\":\"{bank}\",\"beneficiaryAccountNumber\":\"{account}\",\
\"amount\":\"{amount}\",\"remark\":\"Paylater - {number}\"}}'
  curl -s {url}/api/transfer/{number} -H \"Authorization: Bearer $CLIENT\""
        )
    };
    let own = transfer("FDP29771029211", "009", "0115471119", 2_475_000);
    let other = transfer("FDP29771029212", "002", "002301098765503", 150_000);
    format!(
        "Be the application IKI Modal, which signs a token with its key, and send money to a bank:

  CLIENT=$('{binary}' client-token --id {CLIENT} --key-file '{key}')
{own}

Bank 002 is no partner: BNI carries it, for a fee of Rp6.500 that the second answer shows:

{other}

Ani takes money out to her bank account:

  curl -s {url}/api/v1/withdrawals -H \"Authorization: Bearer $TOKEN\" \\
    -H 'Content-Type: application/json' -H 'Idempotency-Key: tarik-1' \\
    -d '{{\"amount\":100000,\"bank_code\":\"014\",\"account_number\":\"0847652591\"}}'

Kill a process of a bank: it comes back, and nothing is sent twice. Stop with Ctrl-C.
"
    )
}
