//! `transaction_status` and `fraud_status`: how a transaction goes, and what it means for us.
//!
//! ```text
//!            ┌────────▶ deny, cancel, expire, failure
//!  pending ──┤                ▲
//!            └─▶ settlement ──┴ deny: the bank took it back within minutes
//!                  │  └─▶ refund, partial_refund ─▶ refund
//!                  └────▶ chargeback, partial_chargeback ─▶ chargeback
//!  cards:  pending, authorize ─▶ capture ─▶ settlement
//! ```
//!
//! Notifications come late, twice and in any order, so that what is heard may be several steps
//! ahead of what is known ([`Status::may_come_after`]), and what is behind it is not heard.

use super::error::Code;

/// Where a transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// It waits for the payer.
    Pending,
    /// A card's money is reserved.
    Authorize,
    /// A card's money is taken.
    Capture,
    /// It is paid.
    Settlement,
    /// The bank or the screening refused it; or took a settlement back.
    Deny,
    /// It was cancelled.
    Cancel,
    /// The payer was too late.
    Expire,
    /// Something went wrong.
    Failure,
    /// All of it was given back.
    Refund,
    /// Some of it was.
    PartialRefund,
    /// The payer's bank took all of it back.
    Chargeback,
    /// It took some of it back.
    PartialChargeback,
}

/// What the provider's screening says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fraud {
    /// It is good.
    Accept,
    /// It is not.
    Deny,
    /// A person has to look at it.
    Challenge,
}

/// What a status means for whoever waits for the money (KOST-6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Nothing is decided.
    Pending,
    /// The money is there.
    Paid,
    /// There is no money, and none will come.
    Failed,
    /// The money was there, and all of it went back.
    Refunded,
    /// The money was there, and some of it went back.
    PartlyRefunded,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Authorize,
        Self::Capture,
        Self::Settlement,
        Self::Deny,
        Self::Cancel,
        Self::Expire,
        Self::Failure,
        Self::Refund,
        Self::PartialRefund,
        Self::Chargeback,
        Self::PartialChargeback,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Settlement => "settlement",
            Self::Deny => "deny",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
            Self::Failure => "failure",
            Self::Refund => "refund",
            Self::PartialRefund => "partial_refund",
            Self::Chargeback => "chargeback",
            Self::PartialChargeback => "partial_chargeback",
        }
    }

    /// From its word; one method writes it in capitals.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text))
    }

    /// Whether a transaction may begin with it.
    pub const fn may_begin(self) -> bool {
        matches!(self, Self::Pending | Self::Capture | Self::Authorize | Self::Deny | Self::Failure)
    }

    /// What may come next. A refund in parts may go on, and a challenged capture is captured once
    /// more when it is approved.
    pub const fn next(self) -> &'static [Self] {
        match self {
            // What fails has failed while it was pending: the documentation names no origin.
            Self::Pending => &[
                Self::Settlement,
                Self::Deny,
                Self::Cancel,
                Self::Expire,
                Self::Failure,
                Self::Capture,
                Self::Authorize,
            ],
            Self::Authorize => &[Self::Capture, Self::Cancel, Self::Deny, Self::Expire],
            Self::Capture => &[Self::Capture, Self::Settlement, Self::Cancel, Self::Deny],
            Self::Settlement => &[
                Self::Refund,
                Self::PartialRefund,
                Self::Chargeback,
                Self::PartialChargeback,
                Self::Deny,
            ],
            Self::PartialRefund => &[Self::PartialRefund, Self::Refund],
            Self::PartialChargeback => &[Self::Chargeback],
            Self::Deny
            | Self::Cancel
            | Self::Expire
            | Self::Failure
            | Self::Refund
            | Self::Chargeback => &[],
        }
    }

    /// Whether this may be the very next after `earlier`.
    pub fn may_follow(self, earlier: Self) -> bool {
        earlier.next().contains(&self)
    }

    /// Whether this may be what has become of `earlier`, however many steps were not heard of.
    pub fn may_come_after(self, earlier: Self) -> bool {
        let mut reached: Vec<Self> = earlier.next().to_vec();
        let mut place = 0;
        while let Some(status) = reached.get(place).copied() {
            for next in status.next() {
                if !reached.contains(next) {
                    reached.push(*next);
                }
            }
            place += 1;
        }
        reached.contains(&self)
    }

    /// Whether nothing follows.
    pub const fn is_final(self) -> bool {
        self.next().is_empty()
    }

    /// What it means. Only what the provider calls good is paid: a capture that is not accepted
    /// waits, and a settlement that the screening denies has failed.
    pub const fn meaning(self, fraud: Option<Fraud>) -> Meaning {
        match self {
            Self::Pending | Self::Authorize => Meaning::Pending,
            Self::Capture => match fraud {
                Some(Fraud::Accept) => Meaning::Paid,
                Some(Fraud::Deny) => Meaning::Failed,
                Some(Fraud::Challenge) | None => Meaning::Pending,
            },
            Self::Settlement => match fraud {
                // One kind of shop tells nothing of screening.
                Some(Fraud::Accept) | None => Meaning::Paid,
                Some(Fraud::Challenge) => Meaning::Pending,
                Some(Fraud::Deny) => Meaning::Failed,
            },
            Self::Deny | Self::Cancel | Self::Expire | Self::Failure => Meaning::Failed,
            Self::Refund | Self::Chargeback => Meaning::Refunded,
            Self::PartialRefund | Self::PartialChargeback => Meaning::PartlyRefunded,
        }
    }

    /// The `status_code` that a notification of it has.
    pub const fn notified_code(self, fraud: Option<Fraud>) -> Code {
        match self {
            Self::Pending | Self::Authorize => Code::PENDING,
            Self::Capture if matches!(fraud, Some(Fraud::Challenge)) => Code::PENDING,
            Self::Capture
            | Self::Settlement
            | Self::Refund
            | Self::PartialRefund
            | Self::Chargeback
            | Self::PartialChargeback => Code::OK,
            Self::Deny | Self::Cancel | Self::Expire | Self::Failure => Code::DENIED,
        }
    }

    /// The `status_code` with which a question about it is answered: that of its notification, but
    /// for what was cancelled (200) and what has expired (407).
    pub const fn told_code(self, fraud: Option<Fraud>) -> Code {
        match self {
            Self::Expire => Code::EXPIRED,
            Self::Cancel => Code::OK,
            _ => self.notified_code(fraud),
        }
    }
}

impl Fraud {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Deny => "deny",
            Self::Challenge => "challenge",
        }
    }

    /// From its word.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Accept, Self::Deny, Self::Challenge];
        all.into_iter().find(|fraud| fraud.name().eq_ignore_ascii_case(text))
    }
}

#[cfg(test)]
mod tests {
    use super::Status::*;
    use super::*;

    #[test]
    fn every_transition_is_in_the_table_or_not_allowed() {
        let table: [(Status, &[Status]); 12] = [
            (Pending, &[Settlement, Deny, Cancel, Expire, Failure, Capture, Authorize]),
            (Authorize, &[Capture, Cancel, Deny, Expire]),
            (Capture, &[Capture, Settlement, Cancel, Deny]),
            (Settlement, &[Refund, PartialRefund, Chargeback, PartialChargeback, Deny]),
            (PartialRefund, &[PartialRefund, Refund]),
            (PartialChargeback, &[Chargeback]),
            (Deny, &[]),
            (Cancel, &[]),
            (Expire, &[]),
            (Failure, &[]),
            (Refund, &[]),
            (Chargeback, &[]),
        ];
        for (earlier, allowed) in table {
            assert_eq!(earlier.is_final(), allowed.is_empty());
            for later in Status::ALL {
                let expected = allowed.contains(&later);
                assert_eq!(later.may_follow(earlier), expected, "{earlier:?} to {later:?}");
            }
        }
        let begins: Vec<Status> = Status::ALL.into_iter().filter(|s| s.may_begin()).collect();
        assert_eq!(begins, [Pending, Authorize, Capture, Deny, Failure]);
    }

    #[test]
    fn steps_may_be_missed_and_never_undone() {
        for later in [Refund, PartialRefund, Chargeback, Deny, Settlement] {
            assert!(later.may_come_after(Pending), "{later:?}");
        }
        assert!(Refund.may_come_after(Settlement));
        assert!(Deny.may_come_after(Settlement), "taken back by the bank");
        for (earlier, later) in [
            (Settlement, Pending),
            (Expire, Settlement),
            (Cancel, Settlement),
            (Refund, Settlement),
        ] {
            assert!(!later.may_come_after(earlier), "{earlier:?} to {later:?}");
        }
        for status in Status::ALL {
            let again = status.may_come_after(status);
            assert_eq!(again, matches!(status, Capture | PartialRefund), "{status:?}");
        }
    }

    #[test]
    fn words_are_read_in_any_case() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.name()), Some(status));
            assert_eq!(Status::parse(&status.name().to_ascii_uppercase()), Some(status));
        }
        for bad in ["", "paid", "pending ", "settled"] {
            assert_eq!(Status::parse(bad), None, "{bad}");
        }
        assert_eq!(Fraud::parse("ACCEPT"), Some(Fraud::Accept));
        assert_eq!(Fraud::parse("maybe"), None);
    }

    #[test]
    fn every_status_has_its_meaning_and_codes() {
        let good = Some(Fraud::Accept);
        let table = [
            (Pending, good, Meaning::Pending, "201", "201"),
            (Pending, None, Meaning::Pending, "201", "201"),
            (Authorize, good, Meaning::Pending, "201", "201"),
            (Capture, good, Meaning::Paid, "200", "200"),
            (Capture, None, Meaning::Pending, "200", "200"),
            (Capture, Some(Fraud::Challenge), Meaning::Pending, "201", "201"),
            (Capture, Some(Fraud::Deny), Meaning::Failed, "200", "200"),
            (Settlement, good, Meaning::Paid, "200", "200"),
            (Settlement, None, Meaning::Paid, "200", "200"),
            (Settlement, Some(Fraud::Challenge), Meaning::Pending, "200", "200"),
            (Settlement, Some(Fraud::Deny), Meaning::Failed, "200", "200"),
            (Deny, good, Meaning::Failed, "202", "202"),
            (Cancel, good, Meaning::Failed, "202", "200"),
            (Expire, good, Meaning::Failed, "202", "407"),
            (Failure, good, Meaning::Failed, "202", "202"),
            (Refund, good, Meaning::Refunded, "200", "200"),
            (PartialRefund, good, Meaning::PartlyRefunded, "200", "200"),
            (Chargeback, good, Meaning::Refunded, "200", "200"),
            (PartialChargeback, good, Meaning::PartlyRefunded, "200", "200"),
        ];
        for (status, fraud, meaning, notified, told) in table {
            assert_eq!(status.meaning(fraud), meaning, "{status:?} {fraud:?}");
            assert_eq!(status.notified_code(fraud).to_string(), notified, "{status:?}");
            assert_eq!(status.told_code(fraud).to_string(), told, "{status:?}");
        }
    }
}
