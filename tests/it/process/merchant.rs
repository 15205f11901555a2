//! A merchant, as an SDK of Midtrans would: a payment page that is paid from a wallet with a one-time
//! code, an order that goes onward to the provider, and what the merchant is told. The gateway is
//! killed in between, and what was told is told again in the same words.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gerbang::connector::midtrans::key::ServerKey;
use gerbang::connector::midtrans::notification::Notification;
use serde_json::{Value, json};

use super::demo::{Demo, gerbang};
use super::kills::verify;
use super::paying::{Counter, Person, exported, movements, until};
use super::town::Running;
use crate::client::{Connection, Received};

const PASSWORD: &str = "kata-sandi-panjang";
const JSON: (&str, &str) = ("Content-Type", "application/json");
/// What the page asks for, and what the virtual account does.
const BY_PAGE: u64 = 250_000;
const BY_BANK: u64 = 44_000;
/// 70 basis points and Rp100 of each.
const FEES: u64 = 1_850 + 408;

/// Where the merchant is told.
struct Shop {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    bodies: Vec<String>,
    /// Whether nothing is answered, and who waits for it.
    is_deaf: bool,
    waiting: Vec<TcpStream>,
}

impl Shop {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let kept = Arc::clone(&heard);
        // Until the test ends.
        std::thread::spawn(move || listener.incoming().for_each(|it| hear(it.unwrap(), &kept)));
        Self { address, heard }
    }

    /// From here on nothing is answered, or all is.
    fn deaf(&self, is_deaf: bool) {
        let mut heard = self.heard.lock().unwrap();
        heard.is_deaf = is_deaf;
        heard.waiting.clear();
    }

    /// What was told of an order with this status, once it was told so often.
    fn told(&self, order: &str, status: &str, count: usize) -> Vec<String> {
        until(&format!("{status} of {order}"), || {
            let bodies = self.heard.lock().unwrap().bodies.clone();
            let of_it = |body: &String| {
                let told: Value = serde_json::from_str(body).unwrap();
                told["order_id"] == order && told["transaction_status"] == status
            };
            let told: Vec<String> = bodies.into_iter().filter(of_it).collect();
            (told.len() >= count).then_some(told)
        })
    }
}

fn hear(stream: TcpStream, heard: &Mutex<Heard>) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    // Who was killed in the middle has said nothing.
    if length == 0 || reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut heard = heard.lock().unwrap();
    heard.bodies.push(String::from_utf8(body).unwrap());
    let mut stream = reader.into_inner();
    if heard.is_deaf {
        heard.waiting.push(stream);
    } else {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        drop(stream.write_all(answer.as_bytes()));
    }
}

/// A gateway that asks for codes from Rp100.000 on, and a provider that tells nothing.
struct Stage {
    home: PathBuf,
    provider: Running,
    /// Any free port at first.
    gateway: SocketAddr,
}

impl Stage {
    fn new(home: &Path) -> Self {
        let key = secret(home, "server.key", "SB-Mid-server-of-a-test\n");
        let mut command = gerbang();
        command.args(["simulate", "midtrans", "--listen", "127.0.0.1:0", "--mute"]);
        command.arg("--server-key-file").arg(&key).arg("--book").arg(home.join("provider.book"));
        let provider = Running::start(command, &home.join("provider.stderr"));
        let gateway = "127.0.0.1:0".parse().unwrap();
        let stage = Self { home: home.to_owned(), provider, gateway };
        let password = secret(home, "password", PASSWORD);
        let made = gerbang()
            .args(["admin", "create-user", "bos", "--role", "admin", "--name", "Bos"])
            .args(["--email", "bos@contoh.id", "--data"])
            .arg(stage.data())
            .stdin(File::open(password).unwrap())
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        stage
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Starts the gateway: where it was, with what it knew.
    fn open(&mut self) -> Demo {
        let (data, key) = (self.data(), self.home.join("server.key"));
        let text = format!(
            "[server]\nlisten = '{}'\noperations_listen = ''\n[store]\ndata = {data:?}\n\
             [midtrans]\nbase_url = 'http://{}'\nserver_key_file = {key:?}\n\
             ask_within_seconds = 1\n[callbacks]\nhttp = true\n\
             private_networks = ['127.0.0.0/8']\n[codes]\nsender = 'console'\n\
             payments_from = 100000\n[books]\ntables_alone = true\n[log]\nfilter = 'error'\n",
            self.gateway, self.provider.address
        );
        let config = self.home.join("gerbang.toml");
        std::fs::write(&config, text).unwrap();
        let child = gerbang()
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(self.stderr()).unwrap())
            .spawn()
            .unwrap();
        let gateway = Demo::ready(child, self.stderr());
        let gateway = gateway.map_err(|ended| format!("{ended:?}")).unwrap();
        self.gateway = gateway.address;
        gateway
    }

    fn stderr(&self) -> PathBuf {
        self.home.join("gateway.stderr")
    }

    fn person(&self, login: &str) -> Person {
        Person::log_in(self.gateway, login, PASSWORD)
    }

    /// A call that is no user's: a merchant's with its key, or a browser's.
    fn call(&self, call: (&str, &str), key: &str, body: &Value) -> Received {
        let basic = format!("Basic {}", STANDARD.encode(format!("{key}:")));
        let basic = [JSON, ("Authorization", basic.as_str())];
        let headers = if key.is_empty() { &basic[..1] } else { &basic[..] };
        let text = if call.0 == "GET" { String::new() } else { body.to_string() };
        let mut connection = Connection::open(self.gateway).unwrap();
        connection.send(call, "", headers, &text).unwrap()
    }

    /// Ani with Rp1.000.000, and the warung as a merchant that is told at `shop`; its server key.
    fn populate(&self, shop: &Shop) -> String {
        for (username, role) in [("ani", "buyer"), ("warung", "merchant")] {
            let body = json!({"username": username, "name": username, "role": role,
                "email": format!("{username}@contoh.id"), "password": PASSWORD});
            let signed = self.call(("POST", "/api/v1/auth/signup"), "", &body);
            assert_eq!(signed.status, 201, "{}", signed.body);
        }
        let mut admin = self.person("bos");
        let funds = json!({"to": "ani", "amount": 1_000_000});
        assert_eq!(admin.post("/api/v1/admin/topups", "funds", &funds).status, 201);
        let row = json!({"methods": ["wallet", "bank_transfer/bca"], "fee_basis_points": 70,
            "fee_fixed": 100, "urls": {"notification_url": format!("http://{}/told", shop.address)}});
        let mut connection = Connection::open(self.gateway).unwrap();
        let path = "/api/v1/admin/merchants/warung";
        let set = connection.send(("PUT", path), &admin.token, &[JSON], &row.to_string()).unwrap();
        assert_eq!(set.status, 200, "{}", set.body);
        set.json()["server_key"].as_str().unwrap().to_owned()
    }

    /// The digits that ani was sent last.
    fn digits(&self) -> String {
        until("a code", || {
            let told = std::fs::read_to_string(self.stderr()).unwrap();
            let line = told.lines().rev().find(|line| line.starts_with("to ani: "))?;
            line.strip_prefix("to ani: Gerbang: ")?.get(..6).map(ToOwned::to_owned)
        })
    }

    fn settled(&self, order: &str, key: &str) {
        until("settlement", || {
            let status = self.call(("GET", &format!("/v2/{order}/status")), key, &Value::Null);
            (status.json()["transaction_status"] == "settlement").then_some(())
        });
    }
}

fn secret(home: &Path, name: &str, text: &str) -> PathBuf {
    let path = home.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A page for an order, and the charge that a payer sees on it, by the gateway of before and after.
fn paged(stage: &mut Stage, gateway: Demo, key: &str) -> (Demo, String) {
    let asked = json!({"transaction_details": {"order_id": "order-1", "gross_amount": BY_PAGE}});
    let opened = stage.call(("POST", "/snap/v1/transactions"), key, &asked);
    assert_eq!(opened.status, 201, "{}", opened.body);
    let path = format!("/pay/{}", opened.json()["token"].as_str().unwrap());
    assert!(opened.json()["redirect_url"].as_str().unwrap().ends_with(&path));
    gateway.kill();
    let gateway = stage.open();
    let page = stage.call(("GET", &path), "", &Value::Null);
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("Rp 250.000"), "{}", page.body);
    let (_, rest) = page.body.split_once("<code>chg_").unwrap();
    (gateway, format!("chg_{}", rest.split('<').next().unwrap()))
}

/// Ani pays what she saw, with a code, and again under the same key.
fn pay(stage: &Stage, charge: &str) {
    let mut ani = stage.person("ani");
    let path = format!("/api/v1/charges/{charge}/pay");
    let without = ani.post(&path, "kopi-1", &json!({}));
    assert_eq!(without.json()["code"], "otp_required");
    let asked =
        ani.post("/api/v1/auth/otp", "none", &json!({"operation": "charge", "charge": charge}));
    assert_eq!(asked.status, 202, "{}", asked.body);
    let paid = ani.post(&path, "kopi-1", &json!({"otp": stage.digits()}));
    assert_eq!(paid.status, 201, "{}", paid.body);
    assert_eq!(paid.json()["status"], "paid");
}

#[test]
fn a_merchant_is_paid_once_and_told_the_same_again_though_the_gateway_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let (shop, mut stage) = (Shop::open(), Stage::new(home.path()));
    let gateway = stage.open();
    let key = stage.populate(&shop);
    let (gateway, charge) = paged(&mut stage, gateway, &key);

    // It is paid, the merchant is being told, and nobody will ever know whether it heard.
    shop.deaf(true);
    pay(&stage, &charge);
    shop.told("order-1", "settlement", 1);
    gateway.kill();
    shop.deaf(false);
    let gateway = stage.open();
    shop.told("order-1", "settlement", 2);
    let again =
        stage.person("ani").post(&format!("/api/v1/charges/{charge}/pay"), "kopi-1", &json!({}));
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{}", again.body);
    stage.settled("order-1", &key);

    // Onward to the provider, which tells nothing.
    let asked = json!({"payment_type": "bank_transfer", "bank_transfer": {"bank": "bca"},
        "transaction_details": {"order_id": "order-2", "gross_amount": BY_BANK}});
    let charged = stage.call(("POST", "/v2/charge"), &key, &asked).json();
    assert_eq!(charged["status_code"], "201", "{charged}");
    gateway.kill();
    let gateway = stage.open();
    let again = stage.call(("POST", "/v2/charge"), &key, &asked).json();
    assert_eq!(again["status_code"], "406", "{again}");
    let number = json!({"va_number": charged["va_numbers"][0]["va_number"]});
    Counter(stage.provider.address).act("pay", &number);
    gateway.kill();
    let gateway = stage.open();
    stage.settled("order-2", &key);
    shop.told("order-2", "settlement", 1);

    let gone = 1_000_000 - BY_PAGE;
    let got = BY_PAGE + BY_BANK - FEES;
    assert_eq!((stage.person("ani").balance(), stage.person("warung").balance()), (gone, got));
    gateway.terminate();
    let (status, complaints) = gateway.ended();
    assert_eq!(status.code(), Some(0), "{complaints}");
    verify(&stage.data());
    assert_eq!(movements(&exported(&stage.data()), "charge_paid"), 2);
    agree(&shop, &key);
}

/// Whatever was told is signed, and of one step of one order always the same was told.
fn agree(shop: &Shop, key: &str) {
    let key = ServerKey::new(key.to_owned()).unwrap();
    let mut steps: BTreeMap<(String, &str), String> = BTreeMap::new();
    for body in shop.heard.lock().unwrap().bodies.clone() {
        let told = Notification::read(body.as_bytes()).unwrap();
        assert!(told.is_signed_with(&key), "{body}");
        let step = (told.transaction.order_id.clone(), told.transaction.status.name());
        let before = steps.insert(step, body.clone());
        assert!(before.is_none_or(|before| before == body), "{body}");
    }
    let told: Vec<_> = steps.keys().map(|(order, status)| (order.as_str(), *status)).collect();
    let all = [("order-1", "settlement"), ("order-2", "pending"), ("order-2", "settlement")];
    assert_eq!(told, all);
}
