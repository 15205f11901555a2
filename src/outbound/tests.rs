//! Hosts that a callback must not lead to, one line each.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Knows a few names, and gives one of them another address each time it is asked.
#[derive(Default)]
struct Names(AtomicUsize);

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a Host, port: u16) -> Resolving<'a> {
        let asked = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let addresses: &[&str] = match host {
                Host::Address(address) => return Ok(vec![SocketAddr::new(*address, port)]),
                Host::Name(name) => match name.as_str() {
                    "toko.example" => &["8.8.4.4", "2a00:1450::1"],
                    "loopback.example" | "localhost" => &["127.0.0.1"],
                    "mixed.example" => &["8.8.4.4", "10.0.0.1"],
                    "mapped.example" => &["::ffff:127.0.0.1"],
                    "six.example" => &["fd00::1"],
                    "metadata.google.internal" => &["169.254.169.254"],
                    "rebinding.example" if asked == 0 => &["8.8.4.4"],
                    "rebinding.example" => &["127.0.0.1"],
                    _ => return Err(Unresolved::NotFound),
                },
            };
            Ok(addresses.iter().map(|a| SocketAddr::new(a.parse().unwrap(), port)).collect())
        })
    }
}

fn guard() -> Guard {
    Guard::new(Arc::new(Names::default()), Arc::new(|_| false))
}

/// Whether a URL leads anywhere: parsed strictly, then resolved behind the guard.
async fn leads(url: &str) -> Result<Vec<SocketAddr>, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    guard().resolve(&url.host, url.port).await.map_err(|error| error.to_string())
}

/// Hosts that lead inside, or that another reader might take for one that does.
const INSIDE: [&str; 72] = [
    // Loopback and its spellings.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "0x7f.1",
    "0x7f000001",
    "0X7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "127.0.0.01",
    "127.0.0.1.",
    "127.0.0.0x1",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[::1%25lo]",
    "[::1%lo]",
    "[fe80::1%25eth0]",
    // Private, shared and local.
    "10.0.0.1",
    "10.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.257",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "169.254.43518",
    "2852039166",
    "0xa9fea9fe",
    "[fe80::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fec0::1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:10.0.0.1]",
    "[::ffff:8.8.8.8]",
    // Reserved, documentation, multicast, broadcast.
    "192.0.0.170",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[ff02::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    // Names that lead there.
    "loopback.example",
    "mixed.example",
    "mapped.example",
    "six.example",
    "metadata.google.internal",
    "unknown.example",
];

#[tokio::test]
async fn no_url_leads_inside() {
    for host in INSIDE {
        for url in [format!("https://{host}/hook"), format!("https://{host}:8443/hook")] {
            assert!(leads(&url).await.is_err(), "{url}");
        }
    }
}

#[test]
fn urls_with_two_readings_are_none() {
    let table = [
        ("https://user@toko.example/", NotAUrl::UserInfo),
        ("https://toko.example@127.0.0.1/", NotAUrl::UserInfo),
        ("https://user:pass@toko.example/", NotAUrl::UserInfo),
        ("https://toko.example\\@127.0.0.1/", NotAUrl::Malformed),
        ("https://127.0.0.1#@toko.example/", NotAUrl::Malformed),
        ("https://toko.example/#fragment", NotAUrl::Malformed),
        ("https://toko.example /", NotAUrl::Malformed),
        ("https://toko\u{3002}example/", NotAUrl::Malformed),
        ("https://\u{2460}27.0.0.1/", NotAUrl::Malformed),
        ("https://toko.example/\r\nX: y", NotAUrl::Malformed),
        ("https://toko.example/\0", NotAUrl::Malformed),
        ("https:///toko.example/", NotAUrl::Host),
        ("https://", NotAUrl::Host),
        ("https:toko.example", NotAUrl::Malformed),
        ("//toko.example/", NotAUrl::Malformed),
        ("/hook", NotAUrl::Malformed),
        ("file:///etc/passwd", NotAUrl::Scheme),
        ("gopher://toko.example/", NotAUrl::Scheme),
        ("HTTPS://toko.example/", NotAUrl::Scheme),
        ("ftp://toko.example/", NotAUrl::Scheme),
        ("https://toko.example:0/", NotAUrl::Malformed),
        ("https://toko.example:/", NotAUrl::Malformed),
        ("https://toko.example:+443/", NotAUrl::Malformed),
        ("https://toko.example:65536/", NotAUrl::Malformed),
        ("https://toko.example:80:80/", NotAUrl::Malformed),
        ("https://[::1/", NotAUrl::Host),
        ("https://[::1]x/", NotAUrl::Malformed),
        ("https://[127.0.0.1]/", NotAUrl::Host),
        ("https://toko..example/", NotAUrl::Host),
        ("https://.toko.example/", NotAUrl::Host),
        ("https://-toko.example/", NotAUrl::Host),
        ("https://toko_example/", NotAUrl::Host),
        ("https://%6cocalhost/", NotAUrl::Host),
        ("https://toko.example,evil/", NotAUrl::Host),
        ("https://*.example/", NotAUrl::Host),
    ];
    for (url, expected) in table {
        assert_eq!(Url::parse(url), Err(expected), "{url:?}");
    }
    let long = format!("https://toko.example/{}", "a".repeat(URL_MAX));
    assert_eq!(Url::parse(&long), Err(NotAUrl::TooLong));
}

#[tokio::test]
async fn public_hosts_are_reached_at_the_addresses_that_were_checked() {
    let found = leads("https://Toko.Example/hook").await.unwrap();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["8.8.4.4:443", "[2a00:1450::1]:443"]);
    for public in ["8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "[2606:4700::1111]"] {
        assert!(leads(&format!("https://{public}/")).await.is_ok(), "{public}");
    }
    // A name that leads elsewhere when asked again: what was checked is what is given out.
    let guard = guard();
    let url = Url::parse("https://rebinding.example/").unwrap();
    assert_eq!(guard.resolve(&url.host, url.port).await, Ok(vec!["8.8.4.4:443".parse().unwrap()]));
    assert_eq!(guard.resolve(&url.host, url.port).await, Err(Unresolved::Forbidden));
}

#[tokio::test]
async fn private_hosts_are_reached_where_configuration_allows_it() {
    let own: IpAddr = "10.0.0.1".parse().unwrap();
    let guard = Guard::new(Arc::new(Names::default()), Arc::new(move |address| address == own));
    let resolve = async |host: &str| {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        guard.resolve(&url.host, url.port).await
    };
    assert!(resolve("10.0.0.1").await.is_ok());
    assert!(resolve("mixed.example").await.is_ok());
    assert_eq!(resolve("10.0.0.2").await, Err(Unresolved::Forbidden));
    assert_eq!(resolve("127.0.0.1").await, Err(Unresolved::Forbidden));
}

#[test]
fn a_url_falls_into_its_parts() {
    let url = Url::parse("https://toko.example/a/b?c=d&e=f").unwrap();
    assert!(url.secure);
    assert_eq!((url.port, url.target.as_str()), (443, "/a/b?c=d&e=f"));
    assert_eq!(url.authority(), "toko.example");
    assert_eq!(Url::parse("http://toko.example?a").unwrap().target, "/?a");
    assert_eq!(Url::parse("http://[2A00::5]:8080").unwrap().authority(), "[2a00::5]:8080");
    assert_eq!(Url::parse_secure("http://toko.example/"), Err(NotAUrl::Scheme));
    assert!(Url::parse_secure("https://toko.example/").is_ok());
    assert_eq!(Url::parse("http://toko.example:80").unwrap().authority(), "toko.example");
    let secret = Url::parse("https://toko.example/hook?key=s3cret").unwrap();
    assert!(!format!("{secret:?}").contains("s3cret"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String, tail in "[0-9a-fx.:/@\\[\\]-]{0,24}") {
        let _ = Url::parse(&text);
        let _ = Url::parse(&format!("https://{tail}"));
    }

    #[test]
    fn every_address_inside_a_special_range_is_refused(low: u32) {
        let ranges =
            [(0x0a00_0000_u32, 8), (0x7f00_0000, 8), (0xac10_0000, 12), (0xc0a8_0000, 16)];
        for (base, prefix) in ranges {
            let address = Ipv4Addr::from_bits(base | (low >> prefix));
            proptest::prop_assert!(!is_public(IpAddr::V4(address)));
        }
    }
}
