//! The walls of the architecture, as a test: who may know whom, and how large things may be.

use std::path::{Path, PathBuf};

/// A file of tests may have a few lines more than one of the product.
const TEST_LINES_MAX: usize = 450;
/// Most lines of a file, without its tests, comments and blank lines.
const FILE_LINES_MAX: usize = 400;
/// Longest function, from its first line to its last.
const FUNCTION_LINES_MAX: usize = 70;
/// Longest `mod.rs`.
const MOD_LINES_MAX: usize = 150;

/// A source file as the compiler sees it: without comments, and where its tests begin.
struct Source {
    path: String,
    text: String,
    /// Without comments and without what stands behind `#[cfg(test)]`.
    production: String,
}

fn sources(roots: &[&str]) -> Vec<Source> {
    let mut files = Vec::new();
    for root in roots {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root), &mut files);
    }
    assert!(!files.is_empty());
    files.into_iter().map(|path| source(&path)).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    let name = name.to_string_lossy().into_owned();
    let tested = name.contains("/tests/") || name.ends_with("/tests.rs");
    let production = if tested { String::new() } else { production_of(&text) };
    Source { path: name, text, production }
}

/// The lines before the tests, without comments.
fn production_of(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]").next().unwrap();
    let kept = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// Every place in production code below `under` where one of `words` stands.
fn found(under: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources(&["src"]) {
        if source.path.starts_with(under) {
            let has = words.iter().filter(|word| source.production.contains(**word));
            found.extend(has.map(|word| format!("{}: {word}", source.path)));
        }
    }
    found
}

const NOTHING: [String; 0] = [];

#[test]
fn the_ledger_is_pure() {
    let words = [
        "tokio",
        "serde",
        "sled",
        "hyper",
        "tracing",
        "dashmap",
        "crossbeam",
        "std::fs",
        "std::net",
        "std::io",
        "SystemTime",
        "Instant",
        "std::thread",
        "std::env",
        "Mutex",
        "Atomic",
        "HashMap",
        "f64",
        "f32",
    ];
    assert_eq!(found("src/ledger/", &words), NOTHING);
}

#[test]
fn the_wire_formats_of_banks_codes_and_provider_are_pure() {
    let words = [
        "tokio",
        "hyper",
        "tracing",
        "std::fs",
        "std::net",
        "std::io",
        "Instant",
        "Clock",
        "random::",
        "getrandom",
        "Mutex",
        "Atomic",
        "crate::http",
        "f64",
        "f32",
    ];
    for format in ["src/connector/snap/", "src/connector/midtrans/", "src/connector/qris/"] {
        assert_eq!(found(format, &words), NOTHING);
    }
}

#[test]
fn knowledge_goes_one_way() {
    let walls: [(&str, &[&str]); 11] = [
        (
            "src/ledger/",
            &[
                "journal",
                "engine",
                "gateway",
                "http",
                "identity",
                "app",
                "cli",
                "clock",
                "config",
                "telemetry",
            ],
        ),
        ("src/identity/", &["journal", "engine", "gateway", "http", "app", "cli", "config"]),
        ("src/connector/", &["journal", "engine", "gateway", "http", "app", "cli", "config"]),
        ("src/bank_service/", &["journal", "engine", "gateway", "app", "cli"]),
        ("src/journal/", &["engine", "gateway", "http", "identity", "app", "cli", "config"]),
        ("src/engine/", &["gateway", "http", "identity", "app", "cli", "config"]),
        ("src/gateway/", &["http", "app", "cli", "config"]),
        ("src/http/", &["app", "cli", "config"]),
        // One API over two backends: it knows neither.
        ("src/http/midtrans/", &["journal", "engine", "gateway"]),
        ("src/app.rs", &["cli", "http"]),
        ("src/simulator/", &["journal", "engine", "gateway", "app", "cli", "config"]),
    ];
    for under in ["ledger", "journal", "engine", "gateway", "http", "identity", "connector"] {
        assert_eq!(found(&format!("src/{under}/"), &["crate::simulator"]), NOTHING);
    }
    for (under, beyond) in walls {
        let words: Vec<String> = beyond.iter().map(|module| format!("crate::{module}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(found(under, &words), NOTHING);
    }
}

#[test]
fn one_module_each_knows_sled_statuses_and_the_clock() {
    let elsewhere = |words: &[&str], home: &str| -> Vec<String> {
        found("src/", words).into_iter().filter(|place| !place.starts_with(home)).collect()
    };
    assert_eq!(elsewhere(&["sled::", "use sled"], "src/journal/"), NOTHING);
    assert_eq!(
        elsewhere(&["= ::sled::", "sled::Db", "sled::Config"], "src/journal/sled.rs"),
        NOTHING
    );
    assert_eq!(elsewhere(&["StatusCode"], "src/http/"), NOTHING);
    assert_eq!(elsewhere(&["SystemTime"], "src/clock.rs"), NOTHING);
    assert_eq!(elsewhere(&["jsonwebtoken"], "src/identity/"), NOTHING);
    assert_eq!(elsewhere(&["argon2"], "src/identity/"), NOTHING);
    assert_eq!(elsewhere(&["println!", "print!(", "dbg!"], "src/none"), NOTHING);
    let unsafe_code =
        [concat!("un", "safe {"), concat!("un", "safe fn"), concat!("un", "safe impl")];
    assert_eq!(found("src/", &unsafe_code), NOTHING);
}

#[test]
fn every_file_says_what_it_is_for() {
    for source in sources(&["src", "tests", "benches", "loadtest"]) {
        assert!(source.text.starts_with("//! "), "{} does not begin with //!", source.path);
    }
}

#[test]
fn nothing_is_left_to_be_done_or_looked_away_from() {
    let words = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("#[ig", "nore"),
        concat!("#[should", "_panic"),
        concat!("#[al", "low("),
        concat!("#![al", "low("),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("ha", "ck"),
    ];
    for source in sources(&["src", "tests", "benches"]) {
        for word in words {
            assert!(!source.text.contains(word), "{}: {word}", source.path);
        }
    }
    for source in sources(&["tests"]) {
        let sleep = concat!("thread::sl", "eep");
        assert!(!source.text.contains(sleep), "{}: {sleep}", source.path);
    }
}

#[test]
fn files_and_functions_stay_small() {
    let mut large = Vec::new();
    for source in sources(&["src", "tests"]) {
        let production =
            if source.path.starts_with("src/") { &source.production } else { &source.text };
        let lines = production.lines().filter(|line| !line.trim().is_empty()).count();
        let is_mod = source.path.ends_with("/mod.rs") && source.path.starts_with("src/");
        let module_only = is_mod && !production.contains("\nimpl ");
        let max = match module_only {
            true => MOD_LINES_MAX,
            false if source.path.starts_with("src/") => FILE_LINES_MAX,
            false => TEST_LINES_MAX,
        };
        if lines > max {
            large.push(format!("{}: {lines} lines", source.path));
        }
        for (name, lines) in functions(&source.text) {
            if lines > FUNCTION_LINES_MAX {
                large.push(format!("{}: fn {name} has {lines} lines", source.path));
            }
        }
    }
    assert_eq!(large, NOTHING);
}

/// Name and length of every function, by the indentation that rustfmt gives.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut functions = Vec::new();
    for (begin, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        let starts = ["fn ", "pub fn ", "const fn ", "async fn ", "pub const fn ", "pub async fn "];
        let visible =
            code.split_once(") ").filter(|_| code.starts_with("pub(")).map_or(code, |s| s.1);
        if !starts.iter().any(|start| visible.starts_with(start)) {
            continue;
        }
        let name = visible.split("fn ").nth(1).unwrap_or_default();
        let name = name.split(['(', '<']).next().unwrap_or_default();
        let close = format!("{indent}}}");
        let end = lines[begin..].iter().position(|line| *line == close).unwrap_or(0);
        functions.push((name.to_owned(), end + 1));
    }
    functions
}

#[test]
fn the_measures_measure() {
    let text = "//! A.\nfn short() {\n}\n\nimpl X {\n    pub(super) async fn long(\n        a: A,\n    ) {\n        b\n    }\n}\n";
    assert_eq!(functions(text), [("short".to_owned(), 2), ("long".to_owned(), 5)]);
    let text = "a\n// b\nc\n#[cfg(test)]\nmod tests {}\n";
    assert_eq!(production_of(text), "a\nc\n");
}
