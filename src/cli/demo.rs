//! `gerbang demo`: everything on this machine, with a few users, and what to try.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hyper::http;
use serde_json::{Value, json};

use super::output::{Bar, say};
use super::{Failure, listen};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::identity::SignUp;
use crate::http::api::{self, Api};
use crate::http::request::Request;
use crate::http::server::Service;
use crate::identity::random;
use crate::identity::secret::Secret;
use crate::ledger::event::Role;
use crate::ledger::text::{Email, Line, Username};
use crate::{limits, telemetry};

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
    let config =
        Config { listen: arguments.listen, operations_listen: None, data, ..Config::standard() };
    let _logs = telemetry::init_logs("warn");
    let runtime = listen::runtime()?;
    let entered = runtime.enter();
    let sockets = runtime.block_on(listen::Sockets::bind(&config))?;
    let bar = Bar::new("opening the journal");
    let app = App::start(&config, &Clock::system(), &mut |progress| bar.show(progress))
        .map_err(Failure::failed)?;
    drop(bar);
    listen::report(&app.report);
    let prepared = runtime.block_on(prepare(&app, &config));
    let result = match prepared {
        Err(failure) => Err(failure),
        Ok(()) => {
            let options = listen::Options { metrics_on_api: true, config: None };
            runtime.block_on(listen::run(&app, &config, sockets, options, |url| {
                walk_through(url, &config.data);
            }))
        }
    };
    drop(entered);
    app.finish(runtime);
    drop(fresh);
    result
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

/// Makes the users that are not there yet, through the API, and the administrator before them.
async fn prepare(app: &App, config: &Config) -> Result<(), Failure> {
    let shown = api::Options {
        offset_seconds: config.offset_seconds,
        metrics: false,
        api: true,
        proxies: Vec::new(),
        origins: Vec::new(),
    };
    let api = Api::new(Arc::clone(&app.gateway), Arc::clone(&app.metrics), shown);
    if app.gateway.look_up("admin").is_err() {
        operator_user(app, "admin", Role::Admin).await?;
    }
    if app.gateway.look_up("kasir").is_err() {
        operator_user(app, "kasir", Role::Client).await?;
    }
    if BUYERS.iter().all(|(username, _)| has_opened(app, username)) {
        // Somebody may have locked the administrator out in the meantime: nothing is needed of them.
        return sign_up(app, &api, "warung", "Warung Bu Sri", "merchant").await;
    }
    let admin = log_in(&api, "admin").await?;
    for (username, name) in BUYERS {
        sign_up(app, &api, username, name, "buyer").await?;
        let body = json!({
            "to": username, "amount": OPENING_BALANCE, "note": "saldo awal",
            "reference": format!("demo-{username}"),
        });
        post(&api, "/api/v1/admin/topups", Some(&admin), &body).await?;
    }
    sign_up(app, &api, "warung", "Warung Bu Sri", "merchant").await
}

/// Whether a buyer is there and was given what they begin with.
fn has_opened(app: &App, username: &str) -> bool {
    let view = app.gateway.view();
    let account = app.gateway.look_up(username).ok().and_then(|user| view.account(user.account));
    account.is_some_and(|account| account.credits.units() > 0)
}

/// Makes a user of a role that nobody can sign up for.
async fn operator_user(app: &App, username: &str, role: Role) -> Result<(), Failure> {
    let wanted = SignUp {
        username: Username::parse(username).map_err(Failure::failed)?,
        name: Line::parse(username, limits::NAME_MAX).map_err(Failure::failed)?,
        email: Email::parse(&format!("{username}@contoh.id")).map_err(Failure::failed)?,
        phone: None,
        password: Secret::new(PASSWORD.to_owned()),
        role,
    };
    app.gateway.sign_up(wanted).await.map(drop).map_err(Failure::failed)
}

async fn sign_up(
    app: &App,
    api: &Api,
    username: &str,
    name: &str,
    role: &str,
) -> Result<(), Failure> {
    if app.gateway.look_up(username).is_ok() {
        return Ok(());
    }
    let body = json!({
        "username": username, "name": name, "email": format!("{username}@contoh.id"),
        "password": PASSWORD, "role": role,
    });
    post(api, "/api/v1/auth/signup", None, &body).await.map(drop)
}

async fn log_in(api: &Api, login: &str) -> Result<String, Failure> {
    let body = json!({"login": login, "password": PASSWORD});
    let answer = post(api, "/api/v1/auth/login", None, &body).await?;
    let token = answer.get("token").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| Failure::failed("the login carries no token"))
}

/// One call of the API, in process.
async fn post(api: &Api, path: &str, token: Option<&str>, body: &Value) -> Result<Value, Failure> {
    let mut request = http::Request::post(path).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Bytes::from(body.to_string())).map_err(Failure::failed)?;
    let peer = SocketAddr::from(([127, 0, 0, 1], 0));
    let request =
        Request::in_process(request, peer).map_err(|error| Failure::failed(error.detail()))?;
    let reply = api.call(request).await;
    if !reply.status().is_success() {
        return Err(Failure::failed(format!("the demo's {path} failed: {}", reply.body_text())));
    }
    serde_json::from_str(reply.body_text()).map_err(Failure::failed)
}

fn walk_through(url: &str, data: &Path) {
    say(&format!(
        "Gerbang demo on {url}, data in {data}

  logins   admin, ani, budi, citra, warung, kasir (batches); password: {PASSWORD}
  balances ani, budi and citra began with Rp1.000.000

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
Stop with Ctrl-C.
",
        data = data.display(),
    ));
    say(&format!("gerbang is ready on {url}"));
}
