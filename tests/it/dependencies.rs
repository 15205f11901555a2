//! What `Cargo.lock` may hold: nothing with a known hole, nothing that was kept out on purpose.
//!
//! The versions are those of the advisories that were read when each crate was taken in; a newer
//! advisory means a new row.

/// Crates and the oldest version without a known hole.
const OLDEST: [(&str, [u64; 3]); 12] = [
    ("h2", [0, 4, 16]),
    ("rustls", [0, 23, 18]),
    ("rustls-webpki", [0, 103, 13]),
    ("rkyv", [0, 8, 17]),
    ("bytes", [1, 11, 1]),
    ("tokio", [1, 44, 2]),
    ("crossbeam-channel", [0, 5, 15]),
    ("crossbeam-epoch", [0, 9, 20]),
    ("dashmap", [5, 1, 0]),
    ("tungstenite", [0, 20, 1]),
    ("aws-lc-sys", [0, 39, 0]),
    ("lettre", [0, 10, 0]),
];

/// Crates that must not come in, not even behind another.
const BANNED: [&str; 3] = ["rsa", "rustls-pemfile", "openssl"];

/// Name and version of every package.
fn packages(lock: &str) -> Vec<(&str, [u64; 3])> {
    lock.split("[[package]]")
        .skip(1)
        .map(|package| {
            let field = |name: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|rest| rest.split('"').nth(1)).unwrap_or_default()
            };
            let mut numbers = field("version = ").split(['.', '-', '+']).map(|part| part.parse());
            let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
            (field("name = "), [next(), next(), next()])
        })
        .collect()
}

#[test]
fn nothing_with_a_known_hole_is_locked() {
    let lock = include_str!("../../Cargo.lock");
    let packages = packages(lock);
    assert!(packages.len() > 100, "the lock file was not understood");
    for (name, oldest) in OLDEST {
        let found: Vec<_> = packages.iter().filter(|(locked, _)| *locked == name).collect();
        assert!(!found.is_empty(), "{name} is not locked: drop its row");
        for (_, version) in found {
            assert!(*version >= oldest, "{name} {version:?} is older than {oldest:?}");
        }
    }
    for name in BANNED {
        assert!(packages.iter().all(|(locked, _)| *locked != name), "{name} must not come in");
    }
}
