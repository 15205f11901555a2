//! `gerbang simulate`: a part of the outside world, in a process of its own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::client_token::read;
use super::output::say;
use super::{Failure, listen};
use crate::clock::Clock;
use crate::connector::midtrans::key::ServerKey;
use crate::connector::snap::dialect;
use crate::connector::snap::sign::VerifyingKey;
use crate::connector::tls;
use crate::identity::secret::Secret;
use crate::outbound::Url;
use crate::simulator::bank::{Bank, Options};
use crate::simulator::faults::{Chance, Faults};
use crate::simulator::midtrans::{self, Midtrans};
use crate::telemetry;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// A bank that speaks SNAP to one partner and keeps books of its own.
    Bank(BankArguments),
    /// A payment provider that speaks Midtrans' API to one merchant.
    Midtrans(MidtransArguments),
}

const BANK_HELP: &str = "\
Try it:

  openssl genrsa -out partner.key 2048
  openssl rsa -in partner.key -pubout -out partner.pub
  echo rahasia > partner.secret
  gerbang simulate bank --bank 009 --key partner.pub --client-id gerbang \\
    --client-secret-file partner.secret --faults 0.3 --seed 7 --book bank-009.ndjson

It takes tokens, inquiries, transfers, questions about them, balances and statements (services 73,
15, 16, 17, 18, 36, 11, 14) at the paths of the real bank, and refuses what the real bank would:
wrong signatures, old timestamps, an external id or a reference that was used before.

Which accounts exist follows from the number: 0115471119 at 009 is ERRY JULIO; of others those
that end in an even digit exist; what ends in 66 takes no money.

The same seed gives the same faults to the same sequence of requests. The book is a line of JSON
for every transfer; with --book the bank remembers it over a restart.";

#[derive(clap::Args)]
#[command(after_help = BANK_HELP)]
struct BankArguments {
    /// Which bank: 009 (BNI), 014 (BCA) or 008 (Mandiri).
    #[arg(long, value_name = "CODE")]
    bank: String,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9009")]
    listen: SocketAddr,
    /// The partner's RSA public key in PEM, at least 2048 bits.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the partner calls itself when it asks for a token (X-CLIENT-KEY).
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// A file with the secret that the partner signs with; the end of its line does not count.
    #[arg(long, value_name = "FILE")]
    client_secret_file: PathBuf,
    /// What the partner calls itself otherwise (X-PARTNER-ID).
    #[arg(long, value_name = "ID", default_value = "GERBANG")]
    partner_id: String,
    /// The partner's account.
    #[arg(long, value_name = "NUMBER", default_value = "1000200030")]
    source_account: String,
    /// What that account holds to begin with, in rupiah.
    #[arg(long, value_name = "RUPIAH", default_value = "100000000000")]
    opening_balance: u64,
    /// From which the faults follow.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,
    /// What every answer takes, in milliseconds.
    #[arg(long, value_name = "N", default_value = "5")]
    latency_ms: u64,
    /// How likely a request meets a fault, from 0 to 1; every kind is as likely as the next.
    #[arg(long, value_name = "CHANCE", default_value = "0")]
    faults: Chance,
    /// How long a fault holds an answer back, in milliseconds.
    #[arg(long, value_name = "N", default_value = "30000")]
    hold_ms: u64,
    /// Keeps the book in this file, and goes on with what is there; else in memory.
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
    #[command(flatten)]
    ending: listen::Ending,
}

const MIDTRANS_HELP: &str = "\
Try it:

  echo SB-Mid-server-abc123cde456 > server.key
  gerbang simulate midtrans --server-key-file server.key --notify http://127.0.0.1:8080/hook

  curl -u SB-Mid-server-abc123cde456: http://127.0.0.1:9010/v2/charge --json '{
    \"payment_type\": \"echannel\",
    \"transaction_details\": {\"order_id\": \"rent-1\", \"gross_amount\": 1500000},
    \"echannel\": {\"bill_info1\": \"Payment:\", \"bill_info2\": \"Rent\"}}'
  curl http://127.0.0.1:9010/simulator/pay --json '{\"order_id\": \"rent-1\"}'

It takes charges, questions, cancel, expire and refund as Midtrans does, and tells the merchant of
every change, signed with the server key and again where it does not arrive. Cards are refused.

POST /simulator/pay, /simulator/deny and /simulator/expire take an order_id, transaction_id,
va_number, bill_key, payment_code or qr_string; pay takes an amount too, and late: true. So does
/simulator/notify, which tells the merchant once more. What began or was paid on a day:
GET /simulator/transactions?date=2026-01-31. A page for people is at /.

The same seed gives the same faults to the same sequence of requests and notifications.";

#[derive(clap::Args)]
#[command(after_help = MIDTRANS_HELP)]
struct MidtransArguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9010")]
    listen: SocketAddr,
    /// A file with the merchant's server key; the end of its line does not count.
    #[arg(long, value_name = "FILE")]
    server_key_file: PathBuf,
    /// The merchant's client key.
    #[arg(long, value_name = "KEY", default_value = "SB-Mid-client-simulated")]
    client_key: String,
    /// Where payers reach it, if that is not the address it listens on.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Where the merchant is told of changes; nowhere if not given.
    #[arg(long, value_name = "URL")]
    notify: Option<String>,
    /// From which ids, numbers and faults follow.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,
    /// What every answer takes, in milliseconds.
    #[arg(long, value_name = "N", default_value = "5")]
    latency_ms: u64,
    /// How likely an answer, and a notification, meets a fault, from 0 to 1.
    #[arg(long, value_name = "CHANCE", default_value = "0")]
    faults: Chance,
    /// How long a fault holds an answer back, in milliseconds.
    #[arg(long, value_name = "N", default_value = "30000")]
    hold_ms: u64,
    /// Tells the merchant nothing, ever.
    #[arg(long)]
    mute: bool,
    /// Keeps the book in this file, and goes on with what is there; else in memory.
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
    #[command(flatten)]
    ending: listen::Ending,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.what {
        What::Bank(arguments) => bank(arguments),
        What::Midtrans(arguments) => midtrans(arguments),
    }
}

fn midtrans(arguments: MidtransArguments) -> Result<(), Failure> {
    let _logs = telemetry::init_logs("warn");
    let mut faults = midtrans::faults::Faults::mixed(arguments.faults);
    faults.latency = Duration::from_millis(arguments.latency_ms);
    faults.hold = Duration::from_millis(arguments.hold_ms);
    faults.mute = arguments.mute;
    let key = line_of("--server-key-file", &arguments.server_key_file)?;
    let server_key = ServerKey::new(key.expose().clone())
        .map_err(|error| Failure::usage(format!("--server-key-file: the key {error}")))?;
    for (option, url) in [("--notify", &arguments.notify), ("--public-url", &arguments.public_url)]
    {
        let parsed = url.as_deref().map(Url::parse).transpose();
        parsed.map_err(|error| Failure::usage(format!("{option}: {error}")))?;
    }
    let roots = tls::load(&tls::Settings { oldest: tls::Oldest::Tls12, roots: None, client: None });
    let tls = roots.inspect_err(|error| tracing::warn!(%error, "nobody is told over https")).ok();
    let options = midtrans::Options {
        server_key,
        client_key: arguments.client_key,
        notify: arguments.notify,
        seed: arguments.seed,
        book: arguments.book,
    };
    let provider = Midtrans::open(options, Clock::system(), faults, tls)
        .map_err(|error| Failure::usage(format!("--book: {error}")))?;
    if let Some(url) = arguments.public_url {
        provider.house().listens_at(url.trim_end_matches('/').to_owned());
    }
    serve(arguments.listen, arguments.ending, "midtrans", |listener, stopped| async move {
        provider.serve(listener, stopped).await
    })
}

/// Serves until a signal comes, and says when it is ready.
fn serve<F>(
    address: SocketAddr,
    ending: listen::Ending,
    name: &str,
    serve: impl FnOnce(TcpListener, watch::Receiver<bool>) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    listen::runtime()?.block_on(async {
        let listener = listen::bind("--listen", address).await?;
        let address = listener.local_addr().map_err(Failure::failed)?;
        let mut signals = listen::Signals::new(ending)?;
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, stopped));
        say(&format!("gerbang {name} is ready on http://{address}"));
        signals.wait_for_stop(|| ()).await;
        stop.send_replace(true);
        serving.await.map_err(Failure::failed)?.map_err(Failure::failed)
    })
}

/// What a file holds, without the end of its line.
fn line_of(option: &str, path: &Path) -> Result<Secret<String>, Failure> {
    let text = read(option, path)?;
    Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n']).to_owned()))
}

fn bank(arguments: BankArguments) -> Result<(), Failure> {
    let _logs = telemetry::init_logs("warn");
    let mut faults = Faults::mixed(arguments.faults);
    faults.latency = Duration::from_millis(arguments.latency_ms);
    faults.hold = Duration::from_millis(arguments.hold_ms);
    let (code, address, ending) = (arguments.bank.clone(), arguments.listen, arguments.ending);
    let bank = Bank::open(options(arguments)?, Clock::system(), faults)
        .map_err(|error| Failure::usage(format!("--book: {error}")))?;
    serve(address, ending, &format!("bank {code}"), |listener, stopped| async move {
        bank.serve(listener, stopped).await
    })
}

fn options(arguments: BankArguments) -> Result<Options, Failure> {
    let dialect = dialect::of(&arguments.bank)
        .ok_or_else(|| Failure::usage("--bank: 009, 014 and 008 are known"))?;
    let key = read("--key", &arguments.key)?;
    let client_key = VerifyingKey::from_pem(key.expose().as_bytes())
        .map_err(|error| Failure::usage(format!("--key: {error}")))?;
    let client_secret = line_of("--client-secret-file", &arguments.client_secret_file)?;
    if client_secret.expose().is_empty() {
        return Err(Failure::usage("--client-secret-file: the file is empty"));
    }
    Ok(Options {
        dialect,
        client_id: arguments.client_id,
        client_secret,
        client_key,
        partner_id: arguments.partner_id,
        source_account: arguments.source_account,
        opening_balance: arguments.opening_balance,
        seed: arguments.seed,
        book: arguments.book,
    })
}
