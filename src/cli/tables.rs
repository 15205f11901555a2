//! `gerbang admin partner|route|client ...` and the previews.

use clap::Subcommand;

use super::Failure;
use super::admin::named;
use crate::app::App;
use crate::gateway::preview::Supposed;
use crate::gateway::routing;
use crate::gateway::tables::{ClientRow, Holder, Issued, PartnerRow};
use crate::ledger::id::Principal;
use crate::ledger::money::{Amount, BasisPoints};
use crate::ledger::registry::{BankCode, Partner, RegistryChange, Route, Usage, Window};
use crate::ledger::text::{ClientId, Line, Username};
use crate::limits;

#[derive(Subcommand)]
pub(super) enum Partners {
    /// Shows all partners.
    List,
    /// Adds a partner and shows its key token once, or changes one and leaves its keys.
    Set {
        /// The bank's three digits.
        code: String,
        /// For display.
        #[arg(long)]
        name: String,
        /// The smallest goes first where any partner would do.
        #[arg(long)]
        priority: u16,
        /// Where its bank service listens, like https://10.10.1.3:2002 (http only on this machine, or with banks.plain_http)
        #[arg(long)]
        base_url: String,
        /// When it is not asked, every day at +07:00, like 23:30-04:00; "none" for never. Stays as
        /// it is if not given.
        #[arg(long, value_name = "FROM-UNTIL")]
        maintenance: Option<String>,
        /// Passes it over until further notice.
        #[arg(long)]
        disabled: bool,
    },
    /// Removes a partner that has no routes.
    Remove { code: String },
    /// Makes a new key token and shows it once; the one before stays good.
    RotateKey { code: String },
}

#[derive(Subcommand)]
pub(super) enum Routes {
    /// Shows all routes.
    List,
    /// Adds or changes a route.
    Set {
        /// The partner's three digits.
        bank: String,
        /// To accounts at any bank, not only the partner's own.
        #[arg(long)]
        interbank: bool,
        /// The path at the bank service, like /api/bni/transfer
        #[arg(long)]
        local: String,
        /// The bank's own endpoint behind it.
        #[arg(long)]
        external: String,
        /// What an interbank transfer costs.
        #[arg(long, default_value_t = 0)]
        fee: u64,
        /// What it costs beside that, by amount.
        #[arg(long, default_value_t = 0)]
        fee_basis_points: u16,
    },
    /// Removes a route.
    Remove {
        bank: String,
        #[arg(long)]
        interbank: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum Clients {
    /// Shows all clients.
    List,
    /// Adds a client and shows its key token once, or changes one and leaves its keys and user.
    Set {
        id: String,
        /// For display.
        #[arg(long)]
        name: String,
        /// The escrow account's number as the application knows it.
        #[arg(long)]
        account_number: String,
        /// The name that goes with it.
        #[arg(long)]
        account_name: String,
        /// An address or range it may come from; may be given several times.
        #[arg(long, required = true)]
        allow: Vec<String>,
        /// The user it acts as, made if there is none; app-ID if not given.
        #[arg(long)]
        user: Option<String>,
        /// The largest single transfer.
        #[arg(long)]
        per_transfer_max: Option<u64>,
        /// The most in a day.
        #[arg(long)]
        per_day_max: Option<u64>,
        #[arg(long)]
        requests_per_second: Option<u32>,
        /// Its transfers wait for the beneficiary's own bank: none goes through another, for a fee.
        #[arg(long, conflicts_with = "fallback")]
        no_fallback: bool,
        /// Its transfers may go through another bank again. Without either it stays as it is; a new
        /// client's may.
        #[arg(long)]
        fallback: bool,
        /// Turns it away until further notice.
        #[arg(long)]
        disabled: bool,
    },
    /// Removes a client; its user and the money stay.
    Remove { id: String },
    /// Makes a new key token and shows it once; the one before stays good.
    RotateKey { id: String },
}

const BY: Principal = Principal::Operator;

pub(super) async fn partners(app: &App, action: Partners) -> Result<String, Failure> {
    let gateway = &app.gateway;
    match action {
        Partners::List => {
            let registry = gateway.view().registry();
            let rows = registry.partners.values().map(|row| {
                let off = if row.disabled { ", switched off" } else { "" };
                let closed = row.maintenance.map(|window| format!(", closed {window}"));
                let closed = closed.unwrap_or_default();
                let Partner { code, name, priority, base_url, .. } = row;
                format!("{code} {name}: priority {priority}, {base_url}{closed}{off}")
            });
            Ok(lines(rows))
        }
        Partners::Set { code, name, priority, base_url, maintenance, disabled } => {
            let code = bank(&code)?;
            let known = gateway.view().registry().partners.get(&code).cloned();
            let row = PartnerRow {
                code,
                name: line("--name", &name)?,
                priority,
                base_url: line("--base-url", &base_url)?,
                maintenance: match maintenance {
                    None => known.as_ref().and_then(|row| row.maintenance),
                    Some(text) => window(&text)?,
                },
                disabled,
            };
            match known {
                None => issued("partner", gateway.add_partner(BY, row).await),
                Some(_) => done(gateway.change_partner(BY, row).await.map(|it| it.position.get())),
            }
        }
        Partners::Remove { code } => {
            change(app, RegistryChange::PartnerRemoved(bank(&code)?)).await
        }
        Partners::RotateKey { code } => {
            issued("partner", gateway.rotate_key(BY, Holder::Partner(bank(&code)?)).await)
        }
    }
}

pub(super) async fn routes(app: &App, action: Routes) -> Result<String, Failure> {
    let usage = |interbank| if interbank { Usage::Interbank } else { Usage::Transfer };
    match action {
        Routes::List => {
            let registry = app.gateway.view().registry();
            let rows = registry.routes.values().map(|row| {
                let fee = format!("fee {} and {} bp", row.fee_fixed, row.fee_basis_points.get());
                format!(
                    "{} {}: POST {}, {}, {fee}",
                    row.bank,
                    row.usage.name(),
                    row.local,
                    row.external
                )
            });
            Ok(lines(rows))
        }
        Routes::Set { bank: code, interbank, local, external, fee, fee_basis_points } => {
            let route = Route {
                bank: bank(&code)?,
                usage: usage(interbank),
                local: line("--local", &local)?,
                external: line("--external", &external)?,
                fee_fixed: fee,
                fee_basis_points: BasisPoints::new(fee_basis_points)
                    .ok_or_else(|| named("--fee-basis-points", "is above 10000"))?,
            };
            change(app, RegistryChange::RouteSet(route)).await
        }
        Routes::Remove { bank: code, interbank } => {
            change(app, RegistryChange::RouteRemoved(bank(&code)?, usage(interbank))).await
        }
    }
}

pub(super) async fn clients(app: &App, action: Clients) -> Result<String, Failure> {
    match action {
        Clients::List => {
            let registry = app.gateway.view().registry();
            let rows = registry.clients.values().map(|row| {
                let allow: Vec<&str> = row.allow.iter().map(Line::as_str).collect();
                let off = if row.disabled { ", switched off" } else { "" };
                let own = if row.allow_interbank_fallback { "" } else { ", own banks only" };
                format!("{} {}: from {}{own}{off}", row.id.as_str(), row.name, allow.join(", "))
            });
            Ok(lines(rows))
        }
        Clients::Remove { id } => change(app, RegistryChange::ClientRemoved(client_id(&id)?)).await,
        Clients::RotateKey { id } => {
            let holder = Holder::Client(client_id(&id)?);
            issued("client", app.gateway.rotate_key(BY, holder).await)
        }
        set @ Clients::Set { .. } => set_client(app, set).await,
    }
}

async fn set_client(app: &App, set: Clients) -> Result<String, Failure> {
    let Clients::Set { id, name, account_number, account_name, allow, user, .. } = &set else {
        return Err(Failure::usage("nothing is to be set"));
    };
    let Clients::Set { per_transfer_max, per_day_max, requests_per_second, disabled, .. } = &set
    else {
        return Err(Failure::usage("nothing is to be set"));
    };
    let Clients::Set { fallback, no_fallback, .. } = &set else {
        return Err(Failure::usage("nothing is to be set"));
    };
    let id = client_id(id)?;
    let known = app.gateway.view().registry().clients.get(&id).cloned();
    let most = |option, units: &Option<u64>| {
        let amount = |units| Amount::new(units).ok_or_else(|| named(option, "is no amount"));
        units.map(amount).transpose()
    };
    let row = ClientRow {
        name: line("--name", name)?,
        account_number: line("--account-number", account_number)?,
        account_name: line("--account-name", account_name)?,
        allow: allow.iter().map(|entry| line("--allow", entry)).collect::<Result<_, _>>()?,
        per_transfer_max: most("--per-transfer-max", per_transfer_max)?,
        per_day_max: most("--per-day-max", per_day_max)?,
        requests_per_second: *requests_per_second,
        allow_interbank_fallback: match (*fallback, *no_fallback) {
            (false, false) => known.as_ref().is_none_or(|row| row.allow_interbank_fallback),
            (fallback, _) => fallback,
        },
        disabled: *disabled,
        id,
    };
    if known.is_some() {
        return done(app.gateway.change_client(BY, row).await.map(|it| it.position.get()));
    }
    let user = user.clone().unwrap_or_else(|| format!("app-{}", row.id.as_str()));
    let user = Username::parse(&user.to_ascii_lowercase()).map_err(|e| named("--user", e))?;
    issued("client", app.gateway.add_client(BY, row, user).await)
}

#[derive(clap::Args)]
pub(super) struct RoutePreview {
    /// The beneficiary's bank, three digits.
    #[arg(long)]
    bank: String,
    #[arg(long)]
    amount: u64,
}

#[derive(clap::Args)]
pub(super) struct ScreenPreview {
    /// Who pays: a client's id or a username.
    #[arg(long)]
    payer: String,
    /// The beneficiary's bank, three digits.
    #[arg(long)]
    bank: String,
    /// The beneficiary's account.
    #[arg(long)]
    account: String,
    #[arg(long)]
    amount: u64,
}

pub(super) fn route_preview(app: &App, asked: &RoutePreview) -> Result<String, Failure> {
    let plan = app.gateway.preview_route(bank(&asked.bank)?, amount(asked.amount)?, true);
    Ok(plan.explain().trim_end().to_owned())
}

pub(super) fn screen_preview(app: &App, asked: &ScreenPreview) -> Result<String, Failure> {
    let supposed = Supposed {
        bank: bank(&asked.bank)?,
        number: line("--account", &asked.account)?,
        amount: amount(asked.amount)?,
    };
    let payer = app.gateway.payer(&asked.payer);
    let payer = payer.map_err(|_| named("--payer", "is no client and no user"))?;
    let (_, explanation) = app.gateway.preview_screening(payer, &supposed);
    Ok(explanation.trim_end().to_owned())
}

async fn change(app: &App, change: RegistryChange) -> Result<String, Failure> {
    done(app.gateway.change_registry(BY, change).await.map(|recorded| recorded.position.get()))
}

fn done(position: Result<u64, crate::gateway::Error>) -> Result<String, Failure> {
    let position = position.map_err(Failure::failed)?;
    Ok(format!("changed at position {position}"))
}

fn issued(what: &str, issued: Result<Issued, crate::gateway::Error>) -> Result<String, Failure> {
    let Issued { recorded, token } = issued.map_err(Failure::failed)?;
    Ok(format!(
        "changed at position {}; the {what}'s key token, shown only now:\n{}",
        recorded.position,
        token.expose()
    ))
}

fn lines(rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() { "none".to_owned() } else { rows.join("\n") }
}

fn bank(code: &str) -> Result<BankCode, Failure> {
    routing::bank_code("bank", code).map_err(Failure::usage)
}

/// A maintenance window, or none.
fn window(text: &str) -> Result<Option<Window>, Failure> {
    match text {
        "none" => Ok(None),
        text => match Window::parse(text) {
            Some(window) => Ok(Some(window)),
            None => Err(named("--maintenance", "must look like 23:30-04:00, or be none")),
        },
    }
}

fn client_id(text: &str) -> Result<ClientId, Failure> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    let id = ClientId::parse(text).ok().filter(|_| text.bytes().all(plain));
    id.ok_or_else(|| named("id", "must be 1 to 36 letters, digits, or - _ ."))
}

fn amount(units: u64) -> Result<Amount, Failure> {
    Amount::new(units).ok_or_else(|| named("--amount", "is no amount"))
}

fn line(field: &str, text: &str) -> Result<Line, Failure> {
    if text.trim().is_empty() {
        return Err(named(field, "must not be empty"));
    }
    Line::parse(text, limits::ADDRESS_MAX).map_err(|error| named(field, error))
}
