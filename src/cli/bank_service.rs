//! `gerbang bank-service`: the process between the gateway and one bank.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::Failure;
use super::listen::{self, Ending, Signals};
use super::output::say;
use crate::bank_service::config::{self, Certificate, Settings};
use crate::bank_service::server::BankService;
use crate::clock::Clock;
use crate::http::server;
use crate::http::tls::{Oldest, Reloadable};
use crate::outbound::System;
use crate::telemetry;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The bank, by its three-digit code.
    #[arg(long, value_name = "CODE")]
    bank: String,
    /// The configuration, TOML.
    #[arg(long, value_name = "FILE", required_unless_present = "print_config")]
    config: Option<PathBuf>,
    /// Where to listen, instead of where the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Prints a configuration to begin with, and ends.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    ending: Ending,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let dialect = config::dialect(&arguments.bank).map_err(Failure::usage)?;
    let path = match &arguments.config {
        Some(path) if !arguments.print_config => path,
        _ => {
            say(config::example(dialect).trim_end());
            return Ok(());
        }
    };
    let mut settings = Settings::read(&arguments.bank, path).map_err(Failure::usage)?;
    settings.listen = arguments.listen.unwrap_or(settings.listen);
    let named = |key: &str, error: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {key}: {error}", path.display()))
    };
    let tls = settings.certificate.as_ref().map(load).transpose();
    let tls = tls.map_err(|error| named("service.tls_certificate", &error))?;
    if tls.is_none() && !settings.listen.ip().is_loopback() && !settings.plain_http {
        let reason =
            "outside this machine it takes service.tls_certificate, or service.plain_http = true";
        return Err(named("service.listen", &reason));
    }
    let _logs = telemetry::init_logs(&settings.log);
    let runtime = listen::runtime()?;
    runtime.block_on(serve(settings, tls, arguments.ending))
}

fn load(certificate: &Certificate) -> Result<Reloadable, crate::http::tls::Error> {
    let Certificate { chain, key, clients } = certificate;
    match clients {
        None => Reloadable::load(chain, key, Oldest::Tls12),
        Some(clients) => Reloadable::load_mutual(chain, key, Oldest::Tls12, clients),
    }
}

/// Serves until SIGTERM or SIGINT; every request in flight is answered.
async fn serve(settings: Settings, tls: Option<Reloadable>, ending: Ending) -> Result<(), Failure> {
    let mut signals = Signals::new(ending)?;
    let listener = listen::bind("service.listen", settings.listen).await?;
    let address = listener.local_addr().map_err(Failure::failed)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    if tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!("service.tls_certificate: tokens of the gateway travel in clear text");
    }
    let name = settings.name.clone();
    let service = Arc::new(BankService::new(settings, Arc::new(System), Clock::system()));
    let (stop, stopped) = watch::channel(false);
    let connections_max = listen::connections_max();
    let options = server::Options {
        connections_max,
        // There is one client, the gateway.
        connections_per_address_max: connections_max,
        ..server::Options::standard()
    };
    let serving = tokio::spawn(server::serve(listener, tls.clone(), service, stopped, options));
    say(&format!("gerbang bank-service is ready on {scheme}://{address}/api/{name}"));
    signals.wait_for_stop(|| tls.iter().for_each(listen::reload_certificate)).await;
    tracing::info!("stopping: requests in flight are answered");
    stop.send_replace(true);
    serving.await.map_err(Failure::failed)
}
