//! Listening until a signal says stop: what `serve` and `demo` share.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

use super::Failure;
use super::output::complain;
use crate::app::App;
use crate::config::{Config, Sender};
use crate::http::api::{self, Api};
use crate::http::server;
use crate::http::tls::{Oldest, Reloadable};
use crate::journal::store::OpenReport;
use crate::limits;

/// What differs between commands.
pub(super) struct Options {
    /// Whether the API's own listener answers `/metrics` too.
    pub(super) metrics_on_api: bool,
    /// The file whose screening rules are read again at SIGHUP.
    pub(super) config: Option<PathBuf>,
}

/// A runtime with a thread for every core.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::failed)
}

/// Says what opening the journal found that a person should know.
pub(super) fn report(report: &OpenReport) {
    if let Some(torn) = &report.torn {
        complain(&format!(
            "a batch that was never acknowledged was cut from the journal: {torn:?}"
        ));
    }
}

/// What about a configuration is right only if something else stands in front of it. Not refused:
/// there may be a proxy that speaks TLS, or a firewall.
pub(super) fn exposures(config: &Config) -> Vec<String> {
    let mut exposures = Vec::new();
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        exposures.push(format!(
            "server.listen is {} without TLS: passwords and tokens cross the network readable \
             unless a proxy on this machine or a private network speaks TLS in front",
            config.listen
        ));
    }
    if let Some(address) = config.operations_listen.filter(|address| !address.ip().is_loopback()) {
        exposures.push(format!(
            "server.operations_listen is {address}: metrics and health are for whoever reaches it"
        ));
    }
    if matches!(config.codes.sender, Sender::Console) {
        exposures.push(
            "codes.sender is console: whoever reads the log can use everybody's one-time codes"
                .to_owned(),
        );
    }
    exposures
}

/// Sockets that are bound and a certificate that is read: what can be wrong about them is said
/// before anything else opens.
pub(super) struct Sockets {
    main: TcpListener,
    operations: Option<TcpListener>,
    tls: Option<Reloadable>,
}

impl Sockets {
    /// Binds what `config` names.
    pub(super) async fn bind(config: &Config) -> Result<Self, Failure> {
        let tls = config.tls.as_ref().map(|files| {
            Reloadable::load(&files.certificate, &files.key, Oldest::Tls12).map_err(Failure::usage)
        });
        let tls = tls.transpose()?;
        let main = bind("server.listen", config.listen).await?;
        let operations = match config.operations_listen {
            None => None,
            Some(address) => Some(bind("server.operations_listen", address).await?),
        };
        Ok(Self { main, operations, tls })
    }

    /// Where the API is going to listen.
    pub(super) fn address(&self) -> Result<SocketAddr, Failure> {
        self.main.local_addr().map_err(Failure::failed)
    }
}

/// Serves `app` until SIGTERM or SIGINT; every request in flight is answered. `ready` is told the
/// URL once connections are accepted.
pub(super) async fn run(
    app: &App,
    config: &Config,
    sockets: Sockets,
    options: Options,
    ready: impl FnOnce(&str),
) -> Result<(), Failure> {
    let Sockets { main, operations, tls } = sockets;
    let mut signals = Signals::new(Ending::default())?;
    let address = main.local_addr().map_err(Failure::failed)?;
    let shown = api::Options {
        offset_seconds: config.offset_seconds,
        public_url: config.public_url.clone(),
        metrics: options.metrics_on_api,
        api: true,
        proxies: config.proxies.clone(),
        origins: config.origins.clone(),
    };
    let connections_max = connections_max();
    let bounds = server::Options {
        connections_max,
        connections_per_address_max: server::per_address(connections_max),
        ..server::Options::standard()
    };
    let beside = api::Options { metrics: true, api: false, ..shown.clone() };
    let api = Arc::new(Api::new(Arc::clone(&app.gateway), Arc::clone(&app.metrics), shown));
    // The operations listener goes on while the other drains, so that its probes see why.
    let (operations_stop, stopped) = watch::channel(false);
    let operations = operations.map(|listener| {
        let service = Arc::new(api.beside(beside));
        tokio::spawn(server::serve(listener, None, service, stopped, bounds))
    });
    let serve = server::serve(main, tls.clone(), Arc::clone(&api), app.stopping(), bounds);
    let main = tokio::spawn(serve);
    let scheme = if tls.is_some() { "https" } else { "http" };
    ready(&format!("{scheme}://{address}"));
    let show_end = |tls: &Reloadable| tls.ends().map(|end| app.metrics.certificate_ends(end));
    tls.as_ref().and_then(show_end);
    let reload = || {
        tls.iter().for_each(reload_certificate);
        tls.as_ref().and_then(show_end);
        options.config.iter().for_each(|path| reload_screening(app, path));
        reload_banks(app);
    };
    signals.wait_for_stop(reload).await;
    tracing::info!("stopping: requests in flight are answered");
    api.drain();
    app.stop();
    main.await.map_err(Failure::failed)?;
    operations_stop.send_replace(true);
    match operations {
        None => Ok(()),
        Some(operations) => operations.await.map_err(Failure::failed),
    }
}

/// How many connections the process has descriptors for, some kept back for files.
pub(super) fn connections_max() -> usize {
    let room = std::fs::read_to_string("/proc/self/limits").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_whitespace().next()?.parse::<usize>().ok()
    });
    // Where the limit is not told, or there is none, ours holds.
    let room = room.map_or(limits::CONNECTIONS_MAX, |room| room - limits::FILES_KEPT.min(room / 2));
    let connections = room.clamp(1, limits::CONNECTIONS_MAX);
    if connections < limits::CONNECTIONS_MAX {
        tracing::warn!(connections, "the limit of open files allows no more connections");
    }
    connections
}

/// Binds the address of a key.
pub(super) async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::usage(format!("{key}: cannot listen on {address}: {error}")))
}

/// When a part ends beside the signals.
#[derive(clap::Args, Clone, Copy, Default)]
pub(super) struct Ending {
    /// Stops when standard input ends too: as it does when whoever started this is gone.
    #[arg(long)]
    stop_at_eof: bool,
}

/// The signals that are listened to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Gives way when standard input ends, if that counts.
    eof: Option<oneshot::Receiver<()>>,
}

impl Signals {
    /// From here on the signals no longer end the process.
    pub(super) fn new(ending: Ending) -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(Failure::failed);
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
            eof: if ending.stop_at_eof { Some(end_of_input()?) } else { None },
        })
    }

    /// Returns at SIGTERM or SIGINT, or at the end of input; `reload` is called at SIGHUP.
    pub(super) async fn wait_for_stop(&mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                biased;
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                () = gone(&mut self.eof) => return,
                _ = self.hang_up.recv() => reload(),
            }
        }
    }
}

pub(super) fn reload_certificate(tls: &Reloadable) {
    match tls.reload() {
        Ok(()) => tracing::info!("the certificate was loaded again"),
        Err(error) => tracing::error!(%error, "the old certificate stays"),
    }
}

/// Only the rules for screening change while the process runs; what they have counted stays.
fn reload_screening(app: &App, path: &Path) {
    match Config::read(path) {
        Ok(config) => {
            app.gateway.follow_rules(config.screening);
            tracing::info!("the screening rules were loaded again");
        }
        Err(error) => tracing::error!(%error, "the old screening rules stay"),
    }
}

/// The certificate and roots towards bank services, from the files the configuration named.
fn reload_banks(app: &App) {
    match app.gateway.reload_banks() {
        Ok(()) => tracing::info!("the certificates towards banks were loaded again"),
        Err(error) => tracing::error!(%error, "the old certificates towards banks stay"),
    }
}

/// Reads standard input to its end, on a thread of its own since nothing else can wait for it.
fn end_of_input() -> Result<oneshot::Receiver<()>, Failure> {
    let (sender, receiver) = oneshot::channel();
    let read = move || {
        // However it ends, nobody is left to write to it.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop(sender);
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(read).map_err(Failure::failed)?;
    Ok(receiver)
}

async fn gone(eof: &mut Option<oneshot::Receiver<()>>) {
    match eof {
        None => std::future::pending().await,
        Some(eof) => drop(eof.await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Codes, TlsFiles};

    #[test]
    fn what_is_open_to_the_network_is_said() {
        let standard = Config::standard();
        assert_eq!(exposures(&standard), Vec::<String>::new());
        let open: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        let said = |config: Config| exposures(&config).join("\n");
        let listens = Config { listen: open, ..standard.clone() };
        assert!(said(listens.clone()).starts_with("server.listen is 0.0.0.0:8080 without TLS"));
        let tls = TlsFiles { certificate: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(said(Config { tls: Some(tls), ..listens }), "");
        let operations = Config { operations_listen: Some(open), ..standard.clone() };
        assert!(said(operations).starts_with("server.operations_listen is 0.0.0.0:8080"));
        let codes = Codes { sender: Sender::Console, ..standard.codes };
        assert!(said(Config { codes, ..standard }).starts_with("codes.sender is console"));
    }
}
