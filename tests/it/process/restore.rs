//! A backup put back: refused without a word of ours, and whole with it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::checker::Asked;
use super::demo::{Demo, gerbang};
use super::kills::verify;

fn asked(reference: &str) -> Asked {
    Asked { by: "ani".into(), reference: reference.into(), amount: 1_000 }
}

fn stop(demo: Demo) {
    demo.terminate();
    assert_eq!(demo.ended().0.code(), Some(0));
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

fn serve(config: &Path, stderr: &Path, flags: &[&str]) -> Child {
    let mut command = gerbang();
    command.args(["serve", "--config"]).arg(config).args(flags).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(File::create(stderr).unwrap()).spawn().unwrap()
}

/// The drill of docs/operations.md.
#[test]
fn a_backup_is_put_back() {
    let home = tempfile::tempdir().unwrap();
    let (data, backup) = (home.path().join("data"), home.path().join("backup"));
    let start = || Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    let demo = start();
    let mut client = demo.client("ani").unwrap();
    let before: Vec<_> = ["1", "2", "3"].map(|n| client.pay(&asked(n)).unwrap()).into();
    drop(client);
    stop(demo);
    copy(&data, &backup);
    let demo = start();
    let later = demo.client("ani").unwrap().pay(&asked("later")).unwrap();
    stop(demo);
    assert_eq!(later.status, 201);

    // The volume is lost, and the backup takes its place.
    std::fs::rename(&data, home.path().join("lost")).unwrap();
    copy(&backup, &data);
    verify(&data);
    // What is left of the demo is a store like any other.
    std::fs::remove_file(data.join("demo")).unwrap();
    let config = home.path().join("gerbang.toml");
    let text = "[server]\nlisten = '127.0.0.1:0'\noperations_listen = ''";
    std::fs::write(&config, format!("{text}\n[store]\ndata = {data:?}\n")).unwrap();
    let stderr = home.path().join("stderr");
    let refused = Demo::ready(serve(&config, &stderr, &[]), stderr.clone()).err().unwrap();
    assert_eq!(refused.0.code(), Some(1), "{}", refused.1);
    assert!(refused.1.contains("is a copy") && refused.1.contains("--restored"), "{}", refused.1);
    let frozen = ["admin", "freeze", "ani", "--reason", "x", "--config"];
    let output = gerbang().args(frozen).arg(&config).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("--restored"), "{output:?}");

    for (flags, word) in
        [(&["--restored"][..], "goes on from here"), (&["--restored"], "is no copy"), (&[], "")]
    {
        let child = serve(&config, &stderr, flags);
        let served = Demo::ready(child, stderr.clone()).map_err(|e| format!("{e:?}")).unwrap();
        let mut client = served.client("ani").unwrap();
        for (number, before) in ["1", "2", "3"].iter().zip(&before) {
            let after = client.pay(&asked(number)).unwrap();
            assert!(after.replayed, "{number} was acknowledged before the backup");
            assert_eq!(after.body, before.body);
        }
        drop(client);
        served.terminate();
        let (status, log) = served.ended();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains(word), "{log}");
    }
}
