//! `gerbang admin`: what an operator does beside the API.
//!
//! These commands open the data directory themselves and so need the gateway to be stopped; while
//! it runs, administrators use the API. The first administrator can only be made here.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;

use super::output::{Bar, complain, say};
use super::{Failure, api_keys, listen, proposals, refunds, tables};
use crate::app::{self, App};
use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::identity::SignUp;
use crate::identity::keys::SigningKeys;
use crate::identity::secret::Secret;
use crate::journal::lock::Lock;
use crate::journal::store;
use crate::ledger::event::Role;
use crate::ledger::id::Principal;
use crate::ledger::text::{Email, Line, Username};
use crate::ledger::user::User;
use crate::limits;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration whose data directory is meant; the defaults if not given.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data directory, instead of the configured one.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Makes a user; the password is read from standard input, one line.
    CreateUser {
        /// a-z, 0-9, and after the first place also _ . and -
        username: String,
        /// buyer, merchant, client (may send batches) or admin
        #[arg(long)]
        role: String,
        /// For display.
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
    },
    /// Gives a user another password, read from standard input, one line. Their tokens are dead, and
    /// they have to change it before they may do anything else.
    SetPassword {
        username: String,
        /// It is their own choice, typed by themself: they need not change it.
        #[arg(long)]
        their_choice: bool,
    },
    /// Gives a user another role.
    SetRole { username: String, role: String },
    /// Refuses debits of a user's account from here on.
    Freeze {
        username: String,
        #[arg(long)]
        reason: String,
    },
    /// Ends a freeze.
    Release {
        username: String,
        #[arg(long)]
        reason: String,
    },
    /// Makes a key by which an application acts for a user, and shows it once.
    MakeApiKey(api_keys::Wanted),
    /// Puts a new signing key in use; tokens of the old one live until they end.
    RotateKeys,
    /// Banks we can reach.
    #[command(subcommand)]
    Partner(tables::Partners),
    /// Their ways.
    #[command(subcommand)]
    Route(tables::Routes),
    /// Applications that may ask for transfers.
    #[command(subcommand)]
    Client(tables::Clients),
    /// Changes of those that wait for another administrator.
    #[command(subcommand)]
    Proposal(proposals::Proposals),
    /// Refunds through the provider that nobody can say the end of.
    #[command(subcommand)]
    Refund(refunds::Refunds),
    /// Explains which way a transfer would take, and sends nothing.
    RoutePreview(tables::RoutePreview),
    /// Explains what the screening rules would say of a transfer, and records nothing.
    ScreenPreview(tables::ScreenPreview),
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut config = match &arguments.config {
        Some(path) => Config::read(path).map_err(Failure::usage)?,
        None => Config::standard(),
    };
    if let Some(data) = arguments.data {
        config.data = data;
    }
    let makes_one = matches!(arguments.action, Action::CreateUser { .. });
    if !makes_one && !store::exists(&config.data) {
        return Err(Failure::failed(format!("there is no store in {}", config.data.display())));
    }
    let clock = Clock::system();
    if matches!(arguments.action, Action::RotateKeys) {
        let _lock = Lock::acquire(&config.data).map_err(Failure::failed)?;
        let keys = SigningKeys::open(app::keys_directory(&config), clock.now());
        keys.map_err(Failure::failed)?.rotate(clock.now()).map_err(Failure::failed)?;
        say("a new signing key is in use from the next start on");
        return Ok(());
    }
    let runtime = listen::runtime()?;
    let entered = runtime.enter();
    let bar = Bar::new("opening the journal");
    let app =
        App::start(&config, &clock, &mut |progress| bar.show(progress)).map_err(Failure::failed)?;
    drop(bar);
    let result = runtime.block_on(act(&app, arguments.action));
    drop(entered);
    app.finish(runtime);
    say(&result?);
    Ok(())
}

async fn act(app: &App, action: Action) -> Result<String, Failure> {
    let gateway = &app.gateway;
    match action {
        Action::CreateUser { username, role, name, email } => {
            let wanted = SignUp {
                username: Username::parse(&username).map_err(|e| named("username", e))?,
                name: Line::parse(&name, limits::NAME_MAX).map_err(|e| named("--name", e))?,
                email: Email::parse(&email).map_err(|e| named("--email", e))?,
                phone: None,
                role: parse_role(&role)?,
                password: read_password()?,
            };
            let recorded = gateway.sign_up(wanted).await.map_err(Failure::failed)?;
            Ok(format!("{username} is a {role} from position {} on", recorded.position))
        }
        Action::SetPassword { username, their_choice } => {
            let (user, password) = (find(app, &username)?, read_password()?);
            let set = gateway.set_password(Principal::Operator, &user, password, their_choice);
            let position = set.await.map_err(Failure::failed)?.position;
            Ok(format!("{username} has another password from position {position} on"))
        }
        Action::SetRole { username, role } => {
            let (user, role) = (find(app, &username)?, parse_role(&role)?);
            let by = Principal::Operator;
            let recorded = gateway.set_role(by, &user, role).await.map_err(Failure::failed)?;
            Ok(format!("{username} is a {} from position {} on", role.name(), recorded.position))
        }
        Action::Freeze { username, reason } => freeze(app, &username, true, &reason).await,
        Action::Release { username, reason } => freeze(app, &username, false, &reason).await,
        Action::MakeApiKey(wanted) => api_keys::make(app, &wanted).await,
        Action::Partner(action) => tables::partners(app, action).await,
        Action::Route(action) => tables::routes(app, action).await,
        Action::Client(action) => tables::clients(app, action).await,
        Action::Proposal(action) => proposals::act(app, action).await,
        Action::Refund(action) => refunds::act(app, action).await,
        Action::RoutePreview(asked) => tables::route_preview(app, &asked),
        Action::ScreenPreview(asked) => tables::screen_preview(app, &asked),
        Action::RotateKeys => unreachable!("handled before the store is opened"),
    }
}

async fn freeze(app: &App, username: &str, frozen: bool, why: &str) -> Result<String, Failure> {
    let reason = Line::parse(why, limits::REASON_MAX).map_err(|e| named("--reason", e))?;
    let user = find(app, username)?;
    let outcome = app.gateway.freeze(Principal::Operator, &user, frozen, reason).await;
    let position = outcome.map_err(Failure::failed)?.recorded.position;
    let state = if frozen { "frozen" } else { "released" };
    Ok(format!("{username} is {state} from position {position} on"))
}

fn find(app: &App, username: &str) -> Result<Arc<User>, Failure> {
    app.gateway
        .look_up(username)
        .map_err(|_| Failure::failed(format!("nobody has the name {username}")))
}

fn parse_role(role: &str) -> Result<Role, Failure> {
    Role::parse(role)
        .ok_or_else(|| Failure::usage("the role must be buyer, merchant, client or admin"))
}

pub(super) fn named(field: &str, error: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{field} {error}"))
}

/// One line of standard input, so that a password is in no argument list and no environment.
fn read_password() -> Result<Secret<String>, Failure> {
    if std::io::stdin().is_terminal() {
        complain("password (shown as typed):");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Failure::failed)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
