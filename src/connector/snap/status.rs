//! `latestTransactionStatus`: what a bank says has become of a transfer.

use serde_json::Value;

use crate::connector::outcome::{Outcome, Reason, Standing, Transferred};

/// Where a transfer stands at the bank: the standard's 00 to 07, and two that some add.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Latest {
    /// 00
    Success,
    /// 01
    Initiated,
    /// 02
    Paying,
    /// 03
    Pending,
    /// 04
    Refunded,
    /// 05
    Cancelled,
    /// 06
    Failed,
    /// 07
    NotFound,
    /// 08
    Expired,
    /// 09
    Rejected,
}

impl Latest {
    const ALL: [Self; 10] = [
        Self::Success,
        Self::Initiated,
        Self::Paying,
        Self::Pending,
        Self::Refunded,
        Self::Cancelled,
        Self::Failed,
        Self::NotFound,
        Self::Expired,
        Self::Rejected,
    ];

    /// The two digits.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Success => "00",
            Self::Initiated => "01",
            Self::Paying => "02",
            Self::Pending => "03",
            Self::Refunded => "04",
            Self::Cancelled => "05",
            Self::Failed => "06",
            Self::NotFound => "07",
            Self::Expired => "08",
            Self::Rejected => "09",
        }
    }

    /// From JSON: two digits. A number is not taken: it would be said by no bank we know.
    pub fn of_json(value: &Value) -> Option<Self> {
        let text = value.as_str()?.trim();
        Self::ALL.into_iter().find(|latest| latest.code() == text)
    }

    /// What follows for the transfer. What came back or was cancelled counts as refused: the money
    /// is not with the beneficiary and will not be under this reference.
    pub fn standing(self, transferred: Transferred, message: &str) -> Standing {
        let reason = || Reason::new(self.code(), message);
        match self {
            Self::Success => Standing::Found(Outcome::Succeeded(transferred)),
            Self::Initiated | Self::Paying | Self::Pending => {
                Standing::Found(Outcome::Unknown(reason()))
            }
            Self::Refunded | Self::Cancelled | Self::Failed | Self::Expired | Self::Rejected => {
                Standing::Found(Outcome::Refused(reason()))
            }
            Self::NotFound => Standing::NotFound(reason()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_standing() {
        let names = Latest::ALL.map(|latest| {
            let transferred = Transferred { bank_reference: "1".to_owned() };
            match latest.standing(transferred, "why") {
                Standing::Found(outcome) => outcome.name(),
                Standing::NotFound(reason) => {
                    assert_eq!(reason, Reason::new("07", "why"));
                    "not_found"
                }
            }
        });
        assert_eq!(
            names,
            [
                "succeeded",
                "unknown",
                "unknown",
                "unknown",
                "refused",
                "refused",
                "refused",
                "not_found",
                "refused",
                "refused"
            ]
        );
    }

    #[test]
    fn only_the_known_digits_are_read() {
        for (number, latest) in Latest::ALL.into_iter().enumerate() {
            assert_eq!(Latest::of_json(&format!("{number:02}").into()), Some(latest));
        }
        for bad in ["", "0", "10", "000", "ok"] {
            assert_eq!(Latest::of_json(&bad.into()), None);
        }
        assert_eq!(Latest::of_json(&0.into()), None);
    }
}
