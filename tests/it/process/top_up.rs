//! Top-ups by virtual account: a gateway and a provider that tells nothing, each killed; what is paid
//! is credited all the same, once, and seen live; what is paid late finds its wallet.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gerbang::clock::Clock;
use serde_json::{Value, json};

use super::demo::{Demo, gerbang};
use super::kills::verify;
use super::paying::{Counter, Person, exported, movements, taken, until};
use super::town::Running;
use crate::client::Connection;
use crate::routes::stream;

const PASSWORD: &str = "kata-sandi-panjang";
const TOP_UP: &str = "/api/v1/topups/virtual-account";

/// What both processes are started with.
struct Shop {
    home: PathBuf,
    /// Where the provider listens; any free port at first.
    provider: SocketAddr,
    /// Where the gateway does.
    gateway: SocketAddr,
}

impl Shop {
    fn new(home: &Path) -> Self {
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let shop = Self { home: home.to_owned(), provider: anywhere, gateway: anywhere };
        let key = home.join("server.key");
        std::fs::write(&key, "SB-Mid-server-of-a-test\n").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        shop
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Starts the provider: where it was, with what it knew.
    fn open_provider(&mut self, telling: bool) -> Running {
        let mut command = gerbang();
        command.args(["simulate", "midtrans", "--listen", &self.provider.to_string()]);
        command.arg("--server-key-file").arg(self.home.join("server.key"));
        command.arg("--book").arg(self.home.join("provider.book"));
        let notify = format!("http://{}/api/v1/notifications/midtrans", self.gateway);
        if telling {
            command.args(["--notify", &notify]);
        } else {
            command.arg("--mute");
        }
        let running = Running::start(command, &self.home.join("provider.stderr"));
        self.provider = running.address;
        running
    }

    /// Starts the gateway: where it was, with what it knew.
    fn open_gateway(&mut self) -> Demo {
        let (data, key) = (self.data(), self.home.join("server.key"));
        let text = format!(
            "[server]\nlisten = '{}'\noperations_listen = ''\n[store]\ndata = {data:?}\n\
             [midtrans]\nbase_url = 'http://{}'\nserver_key_file = {key:?}\n\
             ask_within_seconds = 1\n[log]\nfilter = 'error'\n",
            self.gateway, self.provider
        );
        let config = self.home.join("gerbang.toml");
        std::fs::write(&config, text).unwrap();
        let stderr = self.home.join("gateway.stderr");
        let child = gerbang()
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let gateway = Demo::ready(child, stderr).map_err(|ended| format!("{ended:?}")).unwrap();
        self.gateway = gateway.address;
        gateway
    }

    fn sign_up(&self) {
        let body = json!({"username": "ani", "name": "Ani", "email": "ani@contoh.id",
            "password": PASSWORD, "role": "buyer"});
        let mut connection = Connection::open(self.gateway).unwrap();
        let headers = [("Content-Type", "application/json")];
        let signed =
            connection.send(("POST", "/api/v1/auth/signup"), "", &headers, &body.to_string());
        assert_eq!(signed.unwrap().status, 201);
    }

    fn ani(&self) -> Person {
        Person::log_in(self.gateway, "ani", PASSWORD)
    }
}

fn by(bank: &str, amount: u64) -> Value {
    json!({"amount": amount, "payment_type": "bank_transfer", "bank": bank})
}

fn number(charge: &Value) -> Value {
    json!({"va_number": charge["va_number"]})
}

/// Tops up with a listener, and says what it heard.
fn top_up_live(ani: &mut Person, counter: &Counter, gateway: SocketAddr) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let offer = format!("bearer, {}", ani.token);
    let headers = [("sec-websocket-protocol", offer.as_str())];
    let mut socket = runtime.block_on(stream::open(gateway, &headers)).unwrap();
    let charge = ani.charge(TOP_UP, "va-2", &by("bni", 20_000));
    counter.act("pay", &number(&charge));
    runtime.block_on(async {
        loop {
            let told = stream::next(&mut socket).await;
            if told["type"] == "top_up_settled" {
                return told;
            }
        }
    })
}

#[test]
fn what_is_paid_is_credited_once_though_nobody_tells_of_it_and_both_are_killed() {
    let home = tempfile::tempdir().unwrap();
    let begun = Clock::system().now();
    let mut shop = Shop::new(home.path());
    let mut provider = shop.open_provider(false);
    let gateway = shop.open_gateway();
    shop.sign_up();
    let mut ani = shop.ani();
    let charge = ani.charge(TOP_UP, "va-1", &by("bca", 75_000));
    provider.kill();
    // Nobody to ask: the charge stays as it is.
    assert_eq!(ani.get("/api/v1/topups")["data"][0]["status"], "pending");
    let mut provider = shop.open_provider(false);
    let counter = Counter(shop.provider);
    counter.act("pay", &number(&charge));
    gateway.kill();

    let gateway = shop.open_gateway();
    let mut ani = shop.ani();
    ani.sees(&charge, "paid");
    assert_eq!(ani.balance(), 75_000);
    let told = top_up_live(&mut ani, &counter, shop.gateway);
    assert_eq!(told["user"], "ani@contoh.id", "{told}");
    assert_eq!((&told["nominal"], &told["pesan"]), (&json!("20000"), &json!("settlement")));
    assert_eq!(ani.balance(), 95_000);

    // From here on it tells: of an end, and of money that comes after it.
    provider.kill();
    let _provider = shop.open_provider(true);
    let charge = ani.charge(TOP_UP, "va-3", &by("permata", 30_000));
    counter.act("expire", &number(&charge));
    ani.sees(&charge, "expired");
    counter.act("pay", &json!({"va_number": charge["va_number"], "late": true}));
    until("late money", || (ani.balance() == 125_000).then_some(()));
    let paid = counter.paid(begun);
    assert_eq!(paid.values().sum::<u64>(), 125_000, "{paid:?}");
    gateway.terminate();
    let (status, complaints) = gateway.ended();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    verify(&shop.data());
    let entries = exported(&shop.data());
    assert_eq!(taken(&entries), paid);
    let counts = ["charge_paid", "suspended", "resolved"].map(|kind| movements(&entries, kind));
    assert_eq!(counts, [2, 1, 1]);
}
