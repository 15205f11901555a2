//! What an operator may get wrong, one line each.

use std::fs;
use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// A key of ours, made once.
static PRIVATE_PEM: LazyLock<String> = LazyLock::new(|| {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
});

/// A directory with every file a bank service of BNI needs, and its configuration.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.secret("token", "kunci-mitra-yang-cukup-panjang-012345\n");
        place.secret("secret", "rahasia\n");
        place.secret("private.pem", &PRIVATE_PEM);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn secret(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn text(&self) -> String {
        let [token, secret, private] =
            ["token", "secret", "private.pem"].map(|name| self.path(name));
        format!(
            "[service]\nlisten = '127.0.0.1:9009'\nkey_token_file = {token:?}\n[bank]\n\
             base_url = 'http://127.0.0.1:9100'\nclient_id = 'gerbang-client'\n\
             client_secret_file = {secret:?}\nprivate_key_file = {private:?}\n\
             partner_id = 'GERBANG'\nchannel_id = '95051'\nsource_account = '115471000'\n"
        )
    }

    fn read(&self, text: &str) -> Result<Settings, String> {
        let path = self.path("bni.toml");
        fs::write(&path, text).unwrap();
        Settings::read("009", &path).map_err(|error| {
            let error = error.to_string();
            assert!(error.contains("bni.toml"), "{error}");
            error
        })
    }

    fn error(&self, text: &str) -> String {
        self.read(text).err().unwrap()
    }
}

#[test]
fn a_whole_configuration_is_read() {
    let place = Place::new();
    let settings = place.read(&place.text()).unwrap();
    assert_eq!(settings.name, "bni");
    assert_eq!(settings.keys.len(), 1);
    assert_eq!(settings.keys[0].expose(), b"kunci-mitra-yang-cukup-panjang-012345");
    assert_eq!(settings.partner.client_secret.expose(), "rahasia");
    assert_eq!(settings.dialect.bank, "009");
    assert!(settings.tls.is_none() && settings.certificate.is_none());
}

#[test]
fn mistakes_name_file_and_key() {
    let place = Place::new();
    let good = place.text();
    let table = [
        ("listen = '127.0.0.1:9009'", "listen = '9009'", "service.listen"),
        ("listen =", "lissten =", "lissten"),
        ("partner_id = 'GERBANG'\n", "", "partner_id"),
        ("[service]\n", "[service]\nname = 'a/b'\n", "service.name"),
        ("[service]\n", "[service]\ntls_key = 'k.pem'\n", "service.tls_key"),
        ("[service]\n", "[service]\ntls_client_roots = 'r'\n", "service.tls_client_roots"),
        ("http://127.0.0.1:9100", "http://api.bni.co.id", "bank.base_url: must be https"),
        ("http://127.0.0.1:9100", "https://api.bni.co.id/snap", "bank.base_url: must have no path"),
        ("http://127.0.0.1:9100", "api.bni.co.id", "bank.base_url"),
        ("channel_id = '95051'", "channel_id = '9'", "bank: the channel id"),
        ("source_account = '115471000'", "source_account = 'x'", "bank: the source account"),
        ("[bank]\n", "[bank]\nanswer_seconds = 0\n", "bank.answer_seconds"),
        ("[bank]\n", "[bank]\nanswer_seconds = 60\n", "bank.answer_seconds"),
        ("[bank]\n", "[bank]\nin_flight_max = 0\n", "bank.in_flight_max"),
        ("[service]\n", "[log]\nfilter = 'a=loud'\n[service]\n", "log.filter"),
    ];
    for (from, to, key) in table {
        let text = good.replace(from, to);
        assert_ne!(text, good, "{from}");
        let error = place.error(&text);
        assert!(error.contains(key), "{key}: {error}");
    }
    let https = good.replace("http://127.0.0.1:9100", "https://api.bni.co.id");
    for (line, key) in [
        ("tls_oldest = '1.1'", "bank.tls_oldest"),
        ("tls_key = 'k.pem'", "bank.tls_key"),
        ("tls_roots = '/nowhere/roots.pem'", "bank.tls_roots: cannot read /nowhere/roots.pem"),
        ("tls_certificate = '/nowhere/c'\ntls_key = '/nowhere/k'", "bank.tls_key: cannot read"),
    ] {
        let error = place.error(&https.replace("[bank]\n", &format!("[bank]\n{line}\n")));
        assert!(error.contains(key), "{key}: {error}");
    }
}

#[test]
fn secrets_are_for_their_owner_only_and_never_repeated() {
    let files = [
        ("token", "service.key_token_file"),
        ("secret", "bank.client_secret_file"),
        ("private.pem", "bank.private_key_file"),
    ];
    for (file, key) in files {
        let place = Place::new();
        let text = place.text();
        for mode in [0o644, 0o640, 0o660, 0o604] {
            fs::set_permissions(place.path(file), fs::Permissions::from_mode(mode)).unwrap();
            let error = place.error(&text);
            let mode = format!("{mode:04o}");
            assert!(error.contains(key) && error.contains(&mode), "{error}");
        }
        fs::remove_file(place.path(file)).unwrap();
        let error = place.error(&text);
        assert!(error.contains(key) && error.contains(file), "{error}");
    }
    let place = Place::new();
    place.secret("token", "kenari-pendek");
    let error = place.error(&place.text());
    assert!(error.contains("service.key_token_file") && !error.contains("kenari"), "{error}");
    let place = Place::new();
    place.secret("private.pem", "kenari");
    let error = place.error(&place.text());
    assert!(error.contains("bank.private_key_file") && !error.contains("kenari"), "{error}");
}

#[test]
fn an_unknown_bank_is_told_which_there_are() {
    let error = Settings::read("999", Path::new("x.toml")).err().unwrap().to_string();
    assert!(error.contains("999") && error.contains("009 (bni)"), "{error}");
    let error = Settings::read("009", Path::new("/nowhere/x.toml")).err().unwrap().to_string();
    assert!(error.contains("/nowhere/x.toml"), "{error}");
}

#[test]
fn the_example_of_every_bank_has_the_known_shape() {
    for dialect in dialect::ALL {
        let text = example(dialect);
        let raw: Raw = toml::from_str(&text).unwrap();
        assert!(raw.service.listen.parse::<SocketAddr>().is_ok(), "{text}");
        // With every comment that is a setting, too.
        let all: String = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert!(toml::from_str::<Raw>(&all).is_ok(), "{all}");
    }
}
