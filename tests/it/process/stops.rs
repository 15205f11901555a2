//! SIGTERM, a second instance, a demo's directory elsewhere.

use std::process::{Command, Stdio};
use std::sync::mpsc;

use super::checker::Asked;
use super::demo::{Demo, OPENING, gerbang};
use super::kills::verify;
use crate::client::Connection;
use crate::not_run::not_run;

#[test]
fn a_stop_under_load_answers_what_is_in_flight_and_ends_well() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    let (sender, answers) = mpsc::channel();
    let mut paid = 0;
    std::thread::scope(|scope| {
        for place in 0..4 {
            let (sender, mut client) = (sender.clone(), demo.client("ani").unwrap());
            scope.spawn(move || {
                for number in 0_u64.. {
                    let reference = format!("{place}-{number}");
                    let asked = Asked { by: "ani".into(), reference, amount: 1 };
                    let told = client.pay(&asked);
                    let cut = told.is_none();
                    if let Some(told) = told {
                        assert_eq!(told.status, 201, "{}", told.body);
                        sender.send(()).unwrap();
                    }
                    if cut {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for _ in 0..100 {
            answers.recv().unwrap();
        }
        paid += 100;
        demo.terminate();
        paid += answers.iter().count() as u64;
    });
    let (status, complaints) = demo.ended();
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
    verify(&data);
    // Whatever was done was answered: a request that found the door closed was not done.
    let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    assert_eq!(demo.balance("ani"), OPENING - paid);
    demo.kill();
}

#[test]
fn a_process_with_few_descriptors_takes_few_connections_and_goes_on() {
    if Command::new("prlimit").arg("--version").stdout(Stdio::null()).status().is_err() {
        not_run("prlimit is not installed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut limited = Command::new("prlimit");
    limited.args(["--nofile=64", env!("CARGO_BIN_EXE_gerbang")]);
    let demo = Demo::start_under(limited, &home.path().join("data"));
    let demo = demo.map_err(|ended| format!("{ended:?}")).unwrap();
    let mut connections: Vec<Connection> =
        (0..120).map(|_| Connection::open(demo.address).unwrap()).collect();
    for _ in 0..50 {
        let served = connections[0].send(("GET", "/health/live"), "", &[], "").unwrap();
        assert_eq!(served.status, 200, "whoever is in is served");
    }
    drop(connections);
    assert_eq!(demo.balance("ani"), OPENING);
    demo.terminate();
    let (status, log) = demo.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("the limit of open files allows no more connections"), "{log}");
    assert!(log.lines().count() < 20, "{log}");
}

#[test]
fn a_second_instance_is_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let first = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    let (status, complaint) = Demo::start(&data).err().unwrap();
    assert_eq!(status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("data") && complaint.contains("in use"), "{complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
    for command in ["verify", "export"] {
        let output = gerbang().arg(command).arg("--data").arg(&data).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {complaint}");
        assert!(complaint.contains("in use"), "{command}: {complaint}");
    }
    assert_eq!(first.balance("ani"), OPENING, "the first goes on");
    first.kill();
}

#[test]
fn a_demo_whose_administrator_is_locked_out_starts_again() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    for _ in 0..10 {
        assert_eq!(demo.guess("admin"), 401);
    }
    demo.kill();
    let demo = Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap();
    assert_eq!(demo.balance("ani"), OPENING);
    demo.kill();
}

#[test]
fn a_demos_directory_is_not_served() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    Demo::start(&data).map_err(|ended| format!("{ended:?}")).unwrap().kill();
    let config = home.path().join("gerbang.toml");
    std::fs::write(&config, format!("[store]\ndata = {data:?}\n")).unwrap();
    let output = gerbang().args(["serve", "--config"]).arg(&config).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("demo"), "{complaint}");
    // And a demo takes nobody's real data.
    let real = home.path().join("real");
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("store"), "x").unwrap();
    let (status, complaint) = Demo::start(&real).err().unwrap();
    assert_eq!(status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("--data"), "{complaint}");
    let open = gerbang().args(["demo", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(open.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&open.stderr).contains("--listen"));
}
