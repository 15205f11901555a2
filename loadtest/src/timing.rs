//! Whether the time of a refused login tells if somebody goes by that name (assurance: 600 of each,
//! |t| below 4.5).
//!
//! Wrong passwords for names that exist and for names that do not, one after the other in turns, each
//! from an address of its own, so that no limit on guessing is met. Welch's t over what is left when
//! the slowest twentieth of both is taken away: a shared machine stalls either now and then.

use std::path::PathBuf;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Failure;
use crate::figures::{Millis, spread_of};
use crate::process::default_binary;
use crate::stage::Stage;
use crate::wire::{self, JSON, Wire};
use crate::world::{HASHES, sign_up};

#[derive(clap::Args)]
pub struct Arguments {
    /// The product's binary.
    #[arg(long, default_value_os_t = default_binary())]
    gerbang: PathBuf,
    /// Names that exist; each is tried eight times, which locks nobody out.
    #[arg(long, default_value_t = 100)]
    users: usize,
}

/// Fewer than lock a login.
const TRIES: usize = 8;

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let home = tempfile::tempdir()?;
    let keys = "trusted_proxies = ['127.0.0.1']\n";
    let stage = Stage::open(&arguments.gerbang, home.path(), keys).await?;
    let mut tasks = JoinSet::new();
    for number in 0..arguments.users {
        if tasks.len() >= HASHES
            && let Some(done) = tasks.join_next().await
        {
            done??;
        }
        let address = stage.address;
        tasks.spawn(async move { sign_up(address, &format!("ada{number:04}"), "buyer").await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let mut wire = Wire::connect(stage.address).await?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..arguments.users * TRIES {
        let user = number % arguments.users;
        // Who goes first changes, so that neither is always behind the other.
        let mut both = [("ada", &mut known), ("tak", &mut unknown)];
        if number % 2 == 1 {
            both.reverse();
        }
        for (place, (name, times)) in both.into_iter().enumerate() {
            times.push(refused(&mut wire, &format!("{name}{user:04}"), 2 * number + place).await?);
        }
    }
    let score = welch(&trimmed(&known), &trimmed(&unknown));
    for (name, times) in [("known", &known), ("unknown", &unknown)] {
        let (median, least, greatest) = spread_of(times);
        let (median, least, greatest) = (Millis(median), Millis(least), Millis(greatest));
        println!("{name:<8} {} logins: {median} ({least} to {greatest})", times.len());
    }
    println!("t = {score:.2}");
    Ok(())
}

/// Microseconds until a wrong password is refused; each is from another network.
async fn refused(wire: &mut Wire, name: &str, number: usize) -> Result<u64, Failure> {
    let from = format!("10.{}.{}.1", number / 256, number % 256);
    let headers = format!("{JSON}x-forwarded-for: {from}\r\n");
    let body = json!({"login": name, "password": "bukan-kata-sandinya"}).to_string();
    let request = wire::request("POST /api/v1/auth/login", None, &headers, body.as_bytes());
    let sent = Instant::now();
    let answer = wire.exchange(&request).await?;
    let took = sent.elapsed();
    if answer.status != 401 {
        return Err(Failure(format!("a wrong password for {name}: {}", answer.status)));
    }
    Ok(u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
}

/// All but the slowest twentieth.
fn trimmed(times: &[u64]) -> Vec<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.truncate(times.len() - times.len() / 20);
    sorted.into_iter().map(|micros| micros as f64).collect()
}

/// Welch's t of two samples of unlike variance.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let ((a, b), (c, d)) = (moments(one), moments(other));
    (a - c) / (b / one.len() as f64 + d / other.len() as f64).sqrt()
}

/// Mean, and variance of a sample.
fn moments(sample: &[f64]) -> (f64, f64) {
    let count = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / count;
    let squares: f64 = sample.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (count - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_differ_score_high_and_others_do_not() {
        let one: Vec<f64> = (0..600).map(|n| 20_000.0 + f64::from(n % 100)).collect();
        let late: Vec<f64> = one.iter().map(|micros| micros + 20.0).collect();
        assert!(welch(&one, &one).abs() < 1e-9);
        assert!(welch(&late, &one) > 4.5);
        // By hand: means 2 and 4, variances 1 and 4.
        let score = welch(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]);
        assert!((score + 1.549_193).abs() < 1e-6, "{score}");
    }
}
