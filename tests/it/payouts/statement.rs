//! Statements of honest banks agree with the journal, whatever happened on the way; a line left out,
//! doubled or changed does not.

use std::collections::BTreeMap;

use gerbang::gateway::reconcile::Report;
use gerbang::gateway::reconciliation::reconcile;
use gerbang::journal::History;
use gerbang::ledger::registry::BankCode;

use super::bank::Entry;
use super::life::{self, Ended, ROUGH};

const COLUMNS: &str = "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n";

/// What each bank would write on its statement of the simulation's day.
fn statements(ended: &Ended) -> BTreeMap<BankCode, Vec<String>> {
    let mut statements: BTreeMap<BankCode, Vec<String>> = BTreeMap::new();
    for (reference, (bank, amount, entry)) in ended.banks.entries() {
        if let Entry::Paid(times) = entry {
            let line = format!("2026-11-02,{reference},{bank},1,{amount},IDR,DEBIT\n");
            let lines = statements.entry(bank).or_default();
            lines.extend(std::iter::repeat_n(line, times as usize));
        }
    }
    statements
}

fn compare(history: &History, bank: BankCode, lines: &[String]) -> Report {
    reconcile(history, bank, format!("{COLUMNS}{}", lines.concat()).as_bytes()).unwrap()
}

#[test]
fn honest_banks_agree_after_every_crash() {
    let (mut banks, mut failed) = (0, 0);
    for seed in 0..8 {
        let ended = life::run(seed, ROUGH);
        let history = History::new();
        ended.batches.iter().for_each(|batch| history.push(batch.clone()));
        for (bank, lines) in statements(&ended) {
            let report = compare(&history, bank, &lines);
            assert!(report.agrees(), "seed {seed}, bank {bank}:\n{}", report.text());
            failed += report.rows.len() - lines.len();
            banks += 1;
            if lines.len() > 1 {
                assert!(!compare(&history, bank, &lines[1..]).agrees(), "seed {seed}: a line less");
            }
            let twice = [&lines[..], &lines[..1]].concat();
            assert!(!compare(&history, bank, &twice).agrees(), "seed {seed}: a line twice");
            let mut other = lines.clone();
            other[0] = other[0].replace(",IDR,", "0,IDR,");
            assert!(!compare(&history, bank, &other).agrees(), "seed {seed}: another amount");
        }
    }
    assert!(banks > 10 && failed > 10, "too narrow: {banks} statements, {failed} failed tries");
}
