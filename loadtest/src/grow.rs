//! A store with a history: many accounts, and many payments between them, written by the product's
//! own engine without HTTP and without hashing a password for each.
//!
//! Buyers have a credit line, so that no payment is short of money. What it writes is a demo's
//! directory: `gerbang demo --data DIR` goes on with it, and `gerbang verify` proves it.

use std::path::PathBuf;

use gerbang::app::App;
use gerbang::clock::Clock;
use gerbang::config::Config;
use gerbang::engine::{Asked, Engine};
use gerbang::identity::password::PasswordHash;
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{
    AccountKind, AccountOpened, Credential, Digest, Fact, Movement, MovementKind, Origin, Role,
    UserCreated,
};
use gerbang::ledger::id::{AccountId, Principal, UserId};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::text::{Email, Line, Reference, Username};
use tokio::task::JoinSet;

use crate::Failure;
use crate::pick::Random;

#[derive(clap::Args)]
pub struct Arguments {
    /// The demo's directory; must be new.
    #[arg(long)]
    data: PathBuf,
    /// Half of them merchants.
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u32,
    #[arg(long, default_value_t = 5_000_000)]
    payments: u64,
    /// Stops as by a power cut: without the checkpoint of an orderly end.
    #[arg(long)]
    no_checkpoint: bool,
}

/// Commands given to the engine at once.
const BATCH: usize = 4_096;
/// Such batches under way.
const UNDER_WAY: usize = 4;

/// The name of the merchant with this number.
pub fn merchant(number: usize) -> String {
    format!("g{number:09}")
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = Config {
        data: arguments.data.clone(),
        policies: gerbang::ledger::policy::Policies::default(),
        ..Config::standard()
    };
    std::fs::create_dir(&arguments.data)?;
    std::fs::write(arguments.data.join("demo"), "passwords here are known to everybody\n")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let entered = runtime.enter();
    let app = App::start(&config, &Clock::system(), &mut |_| {})
        .map_err(|error| Failure(error.to_string()))?;
    let engine = app.gateway.engine().clone();
    let first = runtime.block_on(sign_up(&engine, arguments.accounts))?;
    println!("{} accounts", arguments.accounts);
    runtime.block_on(pay(&engine, arguments, first))?;
    println!("{} payments", arguments.payments);
    drop(entered);
    drop(engine);
    app.finish(runtime);
    if arguments.no_checkpoint {
        for entry in std::fs::read_dir(&arguments.data)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|it| it.to_string_lossy().starts_with("checkpoint")) {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

fn text<T, E: std::fmt::Display>(made: Result<T, E>) -> Result<T, Failure> {
    made.map_err(|error| Failure(error.to_string()))
}

/// Buyers and merchants, half of each, in the order in which the engine takes them. Their numbers,
/// as users and as accounts, follow those returned.
async fn sign_up(engine: &Engine, accounts: u32) -> Result<(UserId, AccountId), Failure> {
    let mut first = None;
    for start in (0..accounts).step_by(BATCH) {
        let mut tasks = JoinSet::new();
        for number in start..accounts.min(start + BATCH as u32) {
            let (engine, fact) = (engine.clone(), user(number)?);
            if number == 0 {
                let recorded = engine.record(fact, Vec::new()).await;
                let recorded = recorded.map_err(|error| Failure(error.to_string()))?;
                if let Fact::UserCreated(created) = recorded.event.fact {
                    first = Some((created.user, created.account.account));
                }
                continue;
            }
            tasks.spawn(async move { engine.record(fact, Vec::new()).await.map(drop) });
        }
        while let Some(done) = tasks.join_next().await {
            done?.map_err(|error| Failure(error.to_string()))?;
        }
    }
    first.ok_or_else(|| Failure("no account was made".to_owned()))
}

fn user(number: u32) -> Result<Fact, Failure> {
    let index = number as usize / 2;
    let is_merchant = number % 2 == 1;
    let name = if is_merchant { merchant(index) } else { format!("p{index:09}") };
    let role = if is_merchant { Role::Merchant } else { Role::Buyer };
    Ok(Fact::UserCreated(Box::new(UserCreated {
        user: UserId(0),
        username: text(Username::parse(&name))?,
        email: text(Email::parse(&format!("{name}@contoh.id")))?,
        name: text(Line::parse(&name, 100))?,
        phone: None,
        role,
        credential: Credential([7; PasswordHash::BYTES].into()),
        must_change_password: false,
        account: AccountOpened {
            account: AccountId(0),
            kind: if is_merchant { AccountKind::Merchant } else { AccountKind::Wallet },
            currency: Currency::IDR,
            owner: None,
            floor: -1_000_000_000_000,
            by: Principal::System,
        },
    })))
}

async fn pay(
    engine: &Engine,
    arguments: &Arguments,
    first: (UserId, AccountId),
) -> Result<(), Failure> {
    let mut random = Random::new(7);
    let mut tasks = JoinSet::new();
    let mut left = arguments.payments;
    while left > 0 || !tasks.is_empty() {
        while tasks.len() < UNDER_WAY && left > 0 {
            let count = usize::try_from(left)?.min(BATCH);
            left -= count as u64;
            let commands = (0..count).map(|_| payment(&mut random, arguments.accounts, first));
            let asked = commands.map(|command| command.map(Asked::Decide));
            let asked: Vec<_> = asked.collect::<Result<_, Failure>>()?;
            let engine = engine.clone();
            tasks.spawn(async move { engine.submit_many(asked).await });
        }
        for outcome in tasks.join_next().await.transpose()?.into_iter().flatten() {
            outcome.map_err(|error| Failure(error.to_string()))?;
        }
    }
    Ok(())
}

/// From anybody at an even place to anybody at an odd one, so that nobody pays themselves.
fn payment(
    random: &mut Random,
    accounts: u32,
    (user, account): (UserId, AccountId),
) -> Result<Command, Failure> {
    let pairs = (accounts / 2).max(1) as usize;
    let payer = 2 * u32::try_from(random.below(pairs))?;
    let payee = 2 * u32::try_from(random.below(pairs))? + 1;
    let (debit, credit) = (AccountId(account.0 + payer), AccountId(account.0 + payee));
    let mut digest = [0; 16];
    digest[..8].copy_from_slice(&random.next().to_le_bytes());
    digest[8..].copy_from_slice(&random.next().to_le_bytes());
    let reference = format!("FDP{:016x}", random.next());
    let amount = 1_000 + random.next() % 1_000_000;
    Ok(Command::Move(Movement {
        origin: Origin {
            principal: Principal::User(UserId(user.0 + payer)),
            reference: text(Reference::parse(&reference))?,
            digest: Digest(digest),
        },
        kind: MovementKind::Payment,
        debit,
        credit,
        amount: Amount::new(amount).ok_or_else(|| Failure("an amount".to_owned()))?,
        currency: Currency::IDR,
        fee: None,
        note: text(Line::parse("Nasi goreng", 255))?,
    }))
}
