//! What differs from bank to bank, as data and pure functions.
//!
//! Paths and lengths are from the banks' own papers where nothing else is said beside them.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::code::Service;
use super::fields::Names;
use super::{bca, bni, mandiri};
use crate::connector::banks;
use crate::connector::standard::{InquiryRequest, TransferRequest};
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};

/// How one bank speaks SNAP.
#[derive(Debug)]
pub struct Dialect {
    /// Its three-digit code.
    pub bank: &'static str,
    /// Where its services are.
    pub paths: Paths,
    /// Longest `X-PARTNER-ID`.
    pub partner_id_max: usize,
    /// Most digits of an `X-EXTERNAL-ID`.
    pub external_id_max: usize,
    /// How many digits a `CHANNEL-ID` has.
    pub channel_id: RangeInclusive<usize>,
    /// How it writes moments.
    pub timestamps: TimestampStyle,
    /// How it names other banks.
    pub bank_codes: BankCodes,
    /// How its answers spell the names of fields.
    pub names: Names,
    /// Fields that its answers begin with a capital.
    pub capitalised: &'static [&'static str],
    /// Whether `accountInfos` is a list.
    pub balances: Balances,
    /// Whether a balance inquiry carries a reference of ours.
    pub balance_reference: bool,
    /// How its answers write amounts.
    pub amounts: Amounts,
    /// `additionalInfo` of an inquiry at another bank.
    pub inquiry_info: fn(&InquiryRequest) -> Value,
    /// `additionalInfo` of a transfer to another bank.
    pub transfer_info: fn(&TransferRequest) -> Value,
}

/// Every bank that can be spoken to.
pub const ALL: [&Dialect; 3] = [&mandiri::DIALECT, &bni::DIALECT, &bca::DIALECT];

/// The dialect of a bank, by its three-digit code.
pub fn of(bank: &str) -> Option<&'static Dialect> {
    ALL.into_iter().find(|dialect| dialect.bank == bank)
}

/// The path of each service, as the bank sees it and as it is signed.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is the path of the service of its name")]
pub struct Paths {
    pub token: &'static str,
    pub balance_inquiry: &'static str,
    pub bank_statement: &'static str,
    pub inquiry_internal: &'static str,
    pub inquiry_external: &'static str,
    pub transfer_intrabank: &'static str,
    pub transfer_interbank: &'static str,
    pub transfer_status: &'static str,
}

/// The form of a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampStyle {
    /// `2026-10-15T00:46:40+07:00`
    Seconds,
    /// `2026-10-15T00:46:40.123+07:00`
    Milliseconds,
}

/// The form of a bank's name in a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BankCodes {
    /// Three digits of the central bank.
    ThreeDigits,
    /// A SWIFT code.
    Bic,
}

/// The form of `accountInfos`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Balances {
    /// A list of objects, as in the standard.
    List,
    /// The object itself.
    Single,
}

/// The form of an amount in an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amounts {
    /// `10000.00`
    TwoDecimals,
    /// `10000`
    Whole,
}

impl Dialect {
    /// The path of a service.
    pub const fn path(&self, service: Service) -> &'static str {
        match service {
            Service::Token => self.paths.token,
            Service::BalanceInquiry => self.paths.balance_inquiry,
            Service::BankStatement => self.paths.bank_statement,
            Service::InquiryInternal => self.paths.inquiry_internal,
            Service::InquiryExternal => self.paths.inquiry_external,
            Service::TransferIntrabank => self.paths.transfer_intrabank,
            Service::TransferInterbank => self.paths.transfer_interbank,
            Service::TransferStatus => self.paths.transfer_status,
        }
    }

    /// A moment as the bank writes it, in Jakarta's time.
    pub fn timestamp(&self, time: Timestamp) -> String {
        let text = time.to_rfc3339(BOOK_OFFSET_SECONDS);
        let (seconds, rest) = text.split_once('.').expect("microseconds are written");
        let (micros, offset) = rest.split_at(6);
        match self.timestamps {
            TimestampStyle::Seconds => format!("{seconds}{offset}"),
            TimestampStyle::Milliseconds => format!("{seconds}.{}{offset}", &micros[..3]),
        }
    }

    /// Another bank's code as this bank wants it; `None` if it is not known in that form.
    pub fn bank_code(&self, three_digits: &str) -> Option<&'static str> {
        let bank = banks::find(three_digits)?;
        match self.bank_codes {
            BankCodes::ThreeDigits => Some(bank.code),
            BankCodes::Bic => bank.bic,
        }
    }

    /// The three digits behind a bank code as this bank writes it.
    pub fn three_digits(&self, code: &str) -> Option<&'static str> {
        let bank = match self.bank_codes {
            BankCodes::ThreeDigits => banks::find(code),
            BankCodes::Bic => banks::find_bic(code),
        };
        bank.map(|bank| bank.code)
    }

    /// An `X-EXTERNAL-ID`: the second and nine digits of `random`, or the last of these where the
    /// bank takes fewer. Two are the same by chance once in a billion within a second.
    pub fn external_id(&self, now: Timestamp, random: u64) -> String {
        let mut id = format!("{:010}{:09}", now.seconds().max(0), random % 1_000_000_000);
        let over = id.len().saturating_sub(self.external_id_max);
        id.drain(..over);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bank_is_found_and_fits_the_standard() {
        for dialect in ALL {
            assert_eq!(of(dialect.bank).unwrap().paths.token, dialect.paths.token);
            assert!(banks::find(dialect.bank).is_some());
            assert!(dialect.partner_id_max <= 36 && dialect.external_id_max <= 36);
            assert!(*dialect.channel_id.end() <= 5);
            let paths = Service::ALL.map(|service| dialect.path(service));
            assert!(paths.iter().all(|path| path.starts_with('/') && !path.ends_with('/')));
            let other: std::collections::HashSet<_> = paths.iter().collect();
            assert_eq!(other.len(), paths.len());
        }
        assert!(of("999").is_none());
    }

    #[test]
    fn moments_are_written_in_jakarta() {
        let time = Timestamp::parse_rfc3339("2026-10-14T17:46:40.123456Z").unwrap();
        assert_eq!(bni::DIALECT.timestamp(time), "2026-10-15T00:46:40+07:00");
        let finer = Dialect { timestamps: TimestampStyle::Milliseconds, ..bni::DIALECT };
        assert_eq!(finer.timestamp(time), "2026-10-15T00:46:40.123+07:00");
    }

    #[test]
    fn banks_are_named_in_the_bank_s_own_way() {
        assert_eq!(bni::DIALECT.bank_code("014"), Some("014"));
        assert_eq!(mandiri::DIALECT.bank_code("014"), Some("CENAIDJA"));
        assert_eq!(mandiri::DIALECT.three_digits("CENAIDJA"), Some("014"));
        // Known, but by no BIC.
        assert_eq!(
            (bni::DIALECT.bank_code("111"), mandiri::DIALECT.bank_code("111")),
            (Some("111"), None)
        );
        assert_eq!(bni::DIALECT.bank_code("999"), None);
    }

    #[test]
    fn external_ids_are_digits_of_a_length_each_bank_takes() {
        let now = Timestamp::from_seconds(1_792_000_000);
        assert_eq!(mandiri::DIALECT.external_id(now, 7), "1792000000000000007");
        assert_eq!(mandiri::DIALECT.external_id(now, u64::MAX), "1792000000709551615");
        let short = Dialect { external_id_max: 9, ..bni::DIALECT };
        assert_eq!(short.external_id(now, 12_345_678_901), "345678901");
    }
}
