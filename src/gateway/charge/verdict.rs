//! What follows from the provider's word about a charge: one table, and nothing else decides.
//!
//! | the provider says | asked, unknown | pending | paid here | ended here |
//! |---|---|---|---|---|
//! | pending | open | – | – | – |
//! | paid | pay | pay | – | pay: it is late |
//! | denied, cancelled, expired, failed | end | end | odd | – |
//! | all went back | end | end | – by our refunds, else odd | – |
//! | some went back | odd | odd | – by our refunds, else odd | odd |
//! | another amount or currency, unless it failed | odd | odd | odd | odd |
//! | never heard of it, long enough | end | – | – | – |
//! | never heard of it; no answer | unknown | – | – | – |
//!
//! To pay is to try: the ledger decides whether the money is awaited, and what it does not take goes
//! to suspense. What is odd moves nothing; a person looks at it.

use crate::connector::midtrans::status::{Meaning, Status};
use crate::connector::midtrans::transaction::Transaction;
use crate::connector::outcome::Reason;
use crate::connector::provider::Known;
use crate::ledger::charge::{ChargeEnd, ChargeState};
use crate::ledger::money::Amount;
use crate::ledger::odd::Odd;

/// How far a charge is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It is open.
    Open(ChargeState),
    /// It was credited, and so much of it was given back, or is on its way back.
    Paid { given: u128 },
    /// It has ended otherwise.
    Ended,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing new.
    Nothing,
    /// It can be paid from now on.
    Open,
    /// The money is there.
    Pay,
    /// It ends unpaid.
    End(ChargeEnd, Reason),
    /// Nobody can say.
    Unknown(Reason),
    /// What is said cannot be.
    Odd(Odd),
}

/// What follows for a charge of `amount` rupiah. `not_found_is_final`: whatever was on its way to
/// the provider has arrived or never will.
pub(super) fn of(stage: Stage, amount: Amount, known: &Known, not_found_is_final: bool) -> Verdict {
    let unsure = matches!(stage, Stage::Open(ChargeState::Asked | ChargeState::Unknown));
    match known {
        Known::Found(transaction) => found(stage, amount, transaction),
        Known::NotFound(reason) if unsure && not_found_is_final => {
            Verdict::End(ChargeEnd::Failed, reason.clone())
        }
        Known::NotFound(reason) | Known::Unanswered(reason) => match stage {
            Stage::Open(ChargeState::Asked) => Verdict::Unknown(reason.clone()),
            Stage::Open(ChargeState::Unknown | ChargeState::Pending)
            | Stage::Paid { .. }
            | Stage::Ended => Verdict::Nothing,
        },
    }
}

/// Whether what went back, as the provider says, is what we gave: all of it if it does not say how
/// much. What the payer's bank took is not.
fn is_ours(transaction: &Transaction, given: u128) -> bool {
    let back = transaction.refunded.amount.unwrap_or_else(|| transaction.amount.get());
    matches!(transaction.status, Status::Refund | Status::PartialRefund)
        && u128::from(back) <= given
}

fn found(stage: Stage, amount: Amount, transaction: &Transaction) -> Verdict {
    let meaning = transaction.meaning();
    let same_money = transaction.amount == amount && transaction.currency() == "IDR";
    if !same_money && meaning != Meaning::Failed {
        return Verdict::Odd(Odd::Money);
    }
    match (meaning, stage) {
        (Meaning::Pending, Stage::Open(ChargeState::Asked | ChargeState::Unknown)) => Verdict::Open,
        (Meaning::Paid, Stage::Open(_) | Stage::Ended) => Verdict::Pay,
        (Meaning::Failed | Meaning::Refunded, Stage::Open(_)) => {
            let status = transaction.status;
            let reason = Reason::new(status.name(), &*transaction.message);
            Verdict::End(end_of(status), reason)
        }
        (Meaning::Refunded | Meaning::PartlyRefunded, Stage::Paid { given })
            if is_ours(transaction, given) =>
        {
            Verdict::Nothing
        }
        (Meaning::Failed | Meaning::Refunded | Meaning::PartlyRefunded, Stage::Paid { .. }) => {
            Verdict::Odd(Odd::TakenBack)
        }
        (Meaning::PartlyRefunded, Stage::Open(_) | Stage::Ended) => {
            Verdict::Odd(Odd::PartlyRefunded)
        }
        (
            Meaning::Pending,
            Stage::Open(ChargeState::Pending) | Stage::Paid { .. } | Stage::Ended,
        )
        | (Meaning::Paid, Stage::Paid { .. })
        | (Meaning::Failed | Meaning::Refunded, Stage::Ended) => Verdict::Nothing,
    }
}

const fn end_of(status: Status) -> ChargeEnd {
    match status {
        Status::Deny | Status::Capture | Status::Settlement => ChargeEnd::Denied,
        Status::Expire => ChargeEnd::Expired,
        Status::Failure => ChargeEnd::Failed,
        Status::Cancel
        | Status::Pending
        | Status::Authorize
        | Status::Refund
        | Status::PartialRefund
        | Status::Chargeback
        | Status::PartialChargeback => ChargeEnd::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::midtrans::transaction::Answer;

    const ASKED: Stage = Stage::Open(ChargeState::Asked);
    const PENDING: Stage = Stage::Open(ChargeState::Pending);
    const UNKNOWN: Stage = Stage::Open(ChargeState::Unknown);
    const PAID: Stage = Stage::Paid { given: 0 };
    const ALL: [Stage; 5] = [ASKED, UNKNOWN, PENDING, PAID, Stage::Ended];

    fn amount() -> Amount {
        Amount::new(10_000).unwrap()
    }

    fn said(status: &str, fraud: &str, gross: &str, currency: &str) -> Known {
        let body = format!(
            r#"{{"status_code":"200","transaction_id":"t","order_id":"o","gross_amount":"{gross}","currency":"{currency}","payment_type":"echannel","transaction_status":"{status}","fraud_status":"{fraud}"}}"#
        );
        match Answer::read(body.as_bytes()) {
            Some(Answer::Transaction(transaction)) => Known::Found(transaction),
            other => panic!("{other:?}"),
        }
    }

    fn names(known: &Known, is_final: bool) -> [String; 5] {
        ALL.map(|stage| match of(stage, amount(), known, is_final) {
            Verdict::Nothing => "-".to_owned(),
            Verdict::Open => "open".to_owned(),
            Verdict::Pay => "pay".to_owned(),
            Verdict::End(end, _) => end.name().to_owned(),
            Verdict::Unknown(_) => "unknown".to_owned(),
            Verdict::Odd(odd) => odd.name().to_owned(),
        })
    }

    #[test]
    fn every_status_has_its_row() {
        let taken = "taken_back";
        let part = "partly_refunded";
        let table = [
            ("pending", "accept", ["open", "open", "-", "-", "-"]),
            ("authorize", "accept", ["open", "open", "-", "-", "-"]),
            ("capture", "challenge", ["open", "open", "-", "-", "-"]),
            ("capture", "accept", ["pay", "pay", "pay", "-", "pay"]),
            ("capture", "deny", ["denied", "denied", "denied", taken, "-"]),
            ("settlement", "accept", ["pay", "pay", "pay", "-", "pay"]),
            ("settlement", "challenge", ["open", "open", "-", "-", "-"]),
            ("settlement", "deny", ["denied", "denied", "denied", taken, "-"]),
            ("deny", "accept", ["denied", "denied", "denied", taken, "-"]),
            ("cancel", "accept", ["cancelled", "cancelled", "cancelled", taken, "-"]),
            ("expire", "accept", ["expired", "expired", "expired", taken, "-"]),
            ("failure", "accept", ["failed", "failed", "failed", taken, "-"]),
            ("refund", "accept", ["cancelled", "cancelled", "cancelled", taken, "-"]),
            ("chargeback", "accept", ["cancelled", "cancelled", "cancelled", taken, "-"]),
            ("partial_refund", "accept", [part, part, part, taken, part]),
            ("partial_chargeback", "accept", [part, part, part, taken, part]),
        ];
        for (status, fraud, row) in table {
            let known = said(status, fraud, "10000.00", "IDR");
            assert_eq!(names(&known, false), row, "{status} {fraud}");
            assert_eq!(names(&known, true), row, "{status} {fraud}");
        }
    }

    #[test]
    fn what_we_gave_back_is_not_taken_back() {
        for (status, told, given, word) in [
            ("partial_refund", Some(4_000), 4_000, "-"),
            ("partial_refund", Some(4_000), 5_000, "-"),
            ("partial_refund", Some(4_001), 4_000, "taken_back"),
            ("refund", None, 10_000, "-"),
            ("refund", None, 9_999, "taken_back"),
            ("chargeback", None, 10_000, "taken_back"),
            ("deny", None, 10_000, "taken_back"),
        ] {
            let Known::Found(mut transaction) = said(status, "accept", "10000.00", "IDR") else {
                unreachable!("it was found");
            };
            transaction.refunded.amount = told;
            let known = Known::Found(transaction);
            let said = match of(Stage::Paid { given }, amount(), &known, false) {
                Verdict::Nothing => "-",
                Verdict::Odd(odd) => odd.name(),
                other => panic!("{other:?}"),
            };
            assert_eq!(said, word, "{status} of {told:?}, {given} given");
        }
    }

    #[test]
    fn other_money_moves_nothing() {
        for (gross, currency) in [("9999.00", "IDR"), ("10001.00", "IDR"), ("10000.00", "USD")] {
            for status in ["pending", "capture", "settlement", "refund", "partial_refund"] {
                let known = said(status, "accept", gross, currency);
                assert_eq!(names(&known, true), ["other_amount"; 5], "{status} {gross} {currency}");
            }
            let known = said("expire", "accept", gross, currency);
            assert_eq!(names(&known, true), ["expired", "expired", "expired", "taken_back", "-"]);
        }
    }

    #[test]
    fn silence_ends_nothing_and_not_found_only_with_time() {
        let reason = || Reason::new("404", "Transaction doesn't exist.");
        let (lost, silent) = (Known::NotFound(reason()), Known::Unanswered(reason()));
        assert_eq!(names(&lost, false), ["unknown", "-", "-", "-", "-"]);
        assert_eq!(names(&lost, true), ["failed", "failed", "-", "-", "-"]);
        for is_final in [true, false] {
            assert_eq!(names(&silent, is_final), ["unknown", "-", "-", "-", "-"]);
        }
    }
}
