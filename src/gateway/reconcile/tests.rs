//! Tables: how a reference compares, and what a report says.

use super::*;

fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

fn ours(reference: &str, units: u64, state: State) -> Ours {
    let (currency, date) = (Currency::IDR, jiff::civil::date(2026, 11, 21));
    Ours { reference: reference.to_owned(), amount: amount(units), currency, state, date }
}

fn statement(lines: &[(&str, &str, u64)]) -> Vec<Line> {
    let mut text =
        "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n".to_owned();
    for (entry, reference, units) in lines {
        text += &format!("2026-11-22,{reference},009,0115471119,{units},IDR,{entry}\n");
    }
    parse(text.as_bytes()).unwrap()
}

#[test]
fn one_reference() {
    use State::{Failed, Open, Paid};
    use Verdict::{Different, Matched, OnlyOurs};
    type Lines<'a> = &'a [(&'a str, u64)];
    let cases: [(State, Lines<'_>, Verdict, &str); 17] = [
        (Paid, &[("DEBIT", 5)], Matched, ""),
        (Paid, &[], OnlyOurs, "the bank has not paid it"),
        (Paid, &[("DEBIT", 6)], Different, "the amounts differ"),
        (Paid, &[("DEBIT", 5), ("DEBIT", 5)], Different, "the bank paid it more than once"),
        (Paid, &[("DEBIT", 5), ("CREDIT", 5)], Different, "the bank says returned and we say paid"),
        (Paid, &[("CREDIT", 5)], Different, "the bank gave back what it never took"),
        (
            Paid,
            &[("DEBIT", 5), ("CREDIT", 4)],
            Different,
            "the bank gave back another amount than it took",
        ),
        (
            Paid,
            &[("DEBIT", 5), ("DEBIT", 5), ("CREDIT", 5)],
            Different,
            "the bank gave back another amount than it took",
        ),
        (Failed, &[], Matched, ""),
        (Failed, &[("DEBIT", 5), ("CREDIT", 5)], Matched, ""),
        (Failed, &[("CREDIT", 5), ("DEBIT", 5)], Matched, ""),
        (Failed, &[("DEBIT", 5)], Different, "the bank says paid and we say failed"),
        (Failed, &[("DEBIT", 6)], Different, "the amounts differ"),
        (Open, &[], OnlyOurs, "it is open, and not on the statement"),
        (Open, &[("DEBIT", 5)], Different, "the bank says paid and it is open here"),
        (
            Open,
            &[("DEBIT", 5), ("CREDIT", 5)],
            Different,
            "the bank says returned and it is open here",
        ),
        (Open, &[("DEBIT", 4)], Different, "the amounts differ"),
    ];
    for (state, lines, verdict, note) in cases {
        let named: Vec<_> = lines.iter().map(|(entry, units)| (*entry, "R", *units)).collect();
        let report = reconcile(statement(&named), [ours("R", 5, state)]);
        let found: Vec<_> = report.rows.iter().map(|row| (row.verdict, row.note)).collect();
        assert_eq!(found, [(verdict, note)], "{state:?} {lines:?}");
        assert_eq!(report.agrees(), verdict == Matched);
    }
}

#[test]
fn currencies_and_doubles_of_ours_are_seen() {
    let dollars = Ours { currency: Currency::parse("USD").unwrap(), ..ours("R", 5, State::Paid) };
    let report = reconcile(statement(&[("DEBIT", "R", 5)]), [dollars]);
    assert_eq!((report.rows.len(), report.rows[0].note), (1, "the currencies differ"));
    let twins = [ours("R", 5, State::Paid), ours("R", 5, State::Failed)];
    let report = reconcile(statement(&[("DEBIT", "R", 5)]), twins);
    assert_eq!(report.count(Verdict::Different), 2);
    assert!(!report.agrees());
    assert!(reconcile(Vec::new(), []).agrees(), "nothing is what nothing says");
}

/// Every payout and every line is in the report once, whatever it says of them.
#[test]
fn nothing_is_lost_and_totals_are_those_of_the_sides() {
    let all = [
        ours("A", 100, State::Paid),
        ours("B", 200, State::Paid),
        ours("C", 300, State::Failed),
        ours("D", 400, State::Open),
        ours("E", 500, State::Paid),
    ];
    let lines = statement(&[
        ("DEBIT", "E", 501),
        ("DEBIT", "A", 100),
        ("DEBIT", "", 2_500),
        ("DEBIT", "F", 600),
        ("DEBIT", "C", 300),
        ("CREDIT", "C", 300),
    ]);
    let report = reconcile(lines.clone(), all.clone());
    let kept = |report: &Report| {
        let ours = report.rows.iter().filter(|row| row.ours.is_some()).count();
        (ours, report.rows.iter().map(|row| row.theirs.len()).sum::<usize>())
    };
    assert_eq!(kept(&report), (all.len(), lines.len()));
    let counts = [Verdict::Matched, Verdict::OnlyOurs, Verdict::OnlyTheirs, Verdict::Different]
        .map(|verdict| report.count(verdict));
    assert_eq!(counts, [2, 2, 2, 1]);
    let Totals { ours_paid, theirs_debited, theirs_credited } = report.totals[&Currency::IDR];
    let units = [ours_paid, theirs_debited, theirs_credited].map(Total::units);
    assert_eq!(units, [800, 4_001, 300]);
}

#[test]
fn a_report_is_text_and_csv() {
    let all =
        [ours("A", 100, State::Paid), ours("-B", 200, State::Failed), ours("D", 400, State::Open)];
    let lines = statement(&[("DEBIT", "A", 100), ("DEBIT", "-B", 200), ("DEBIT", "", 2_500)]);
    let report = reconcile(lines, all.clone());
    let expected = "\
The sides do not agree.
matched: 1
only_ours: 1
only_theirs: 1
different: 1
IDR: paid by us 100; by the bank taken 2800, given back 0
different -B: the bank says paid and we say failed
  ours: failed 200 IDR, 2026-11-21
  line 3: DEBIT 200 IDR, 2026-11-22, to 009 ...1119
only_ours D: it is open, and not on the statement
  ours: open 400 IDR, 2026-11-21
only_theirs (none): no payout of ours has this reference
  line 4: DEBIT 2500 IDR, 2026-11-22, to 009 ...1119
";
    assert_eq!(report.text(), expected);
    let mut out = Vec::new();
    report.csv(&mut out).unwrap();
    let expected = "\
verdict,reference,currency,our_date,our_state,our_amount,bank_line,bank_date,bank_type,bank_amount,note
different,'-B,IDR,2026-11-21,failed,200,3,2026-11-22,DEBIT,200,the bank says paid and we say failed
matched,A,IDR,2026-11-21,paid,100,2,2026-11-22,DEBIT,100,
only_ours,D,IDR,2026-11-21,open,400,,,,,\"it is open, and not on the statement\"
only_theirs,,IDR,,,,4,2026-11-22,DEBIT,2500,no payout of ours has this reference
";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let agreed = reconcile(statement(&[("DEBIT", "A", 100)]), [all[0].clone()]);
    assert!(agreed.text().starts_with("Both sides agree.\nmatched: 1\n"), "{}", agreed.text());
}
