//! `responseCode`: its three parts, and what each one allows to be concluded.
//!
//! Seven characters: the HTTP status, the service, the case (`4041711` is case 11 of a 404 by
//! service 17). The table of cases is the standard's; what may be concluded is ours, by these rules:
//!
//! - *refused*: the bank looked at the transfer and says no.
//! - *not sent*: the bank turned us away before it looked, or cannot do it from where we stand:
//!   our access, our account there, its reach.
//! - *unknown*: all the rest. That is every code that may speak of a transfer under way or of an
//!   earlier one, every code that is not in the table, and every answer that contradicts itself.

use std::fmt;

use serde_json::Value;

use crate::connector::outcome::Reason;

/// A service of the standard, by its two-digit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// 73: an access token for us.
    Token,
    /// 11: what our account holds.
    BalanceInquiry,
    /// 14: what happened on our account.
    BankStatement,
    /// 15: whose account it is, at the bank itself.
    InquiryInternal,
    /// 16: whose account it is, at another bank.
    InquiryExternal,
    /// 17: a transfer within the bank.
    TransferIntrabank,
    /// 18: a transfer to another bank.
    TransferInterbank,
    /// 36: what became of a transfer.
    TransferStatus,
}

impl Service {
    /// Every service that is used here.
    pub const ALL: [Self; 8] = [
        Self::Token,
        Self::BalanceInquiry,
        Self::BankStatement,
        Self::InquiryInternal,
        Self::InquiryExternal,
        Self::TransferIntrabank,
        Self::TransferInterbank,
        Self::TransferStatus,
    ];

    /// The two digits.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "73",
            Self::BalanceInquiry => "11",
            Self::BankStatement => "14",
            Self::InquiryInternal => "15",
            Self::InquiryExternal => "16",
            Self::TransferIntrabank => "17",
            Self::TransferInterbank => "18",
            Self::TransferStatus => "36",
        }
    }
}

/// A `responseCode`: three digits and four letters or digits. (Some banks name services of their
/// own by letters.)
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResponseCode([u8; 7]);

impl ResponseCode {
    /// `None` for what has not that form.
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 7] = text.as_bytes().try_into().ok()?;
        let fits = code.iter().enumerate().all(|(place, byte)| match place {
            0..3 => byte.is_ascii_digit(),
            _ => byte.is_ascii_alphanumeric(),
        });
        fits.then_some(Self(code))
    }

    /// From JSON: a string, or a number as some banks print it.
    pub fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text.trim()),
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The code of a case of a service.
    ///
    /// # Panics
    ///
    /// If `status` has not three digits or `case` not two characters: both are literals.
    pub fn new(status: u16, service: Service, case: &str) -> Self {
        Self::parse(&format!("{status}{}{case}", service.code())).expect("three, two and two")
    }

    /// The HTTP status that it carries.
    pub fn status(self) -> u16 {
        self.0[..3].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
    }

    /// The two characters of the service.
    pub fn service(&self) -> &str {
        &self.as_str()[3..5]
    }

    /// The two characters of the case.
    pub fn case(&self) -> &str {
        &self.as_str()[5..]
    }

    /// All seven.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("only ASCII was let in")
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a code allows to be concluded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The bank did what was asked.
    Done,
    /// It has not and will not.
    Refused,
    /// It could not have acted on it.
    NotSent,
    /// It does not know the transfer that was asked about; only of [`Service::TransferStatus`].
    NotFound,
    /// None of these for certain.
    Unknown,
}

use Verdict::{Done, NotFound, NotSent, Refused, Unknown};

/// Status and case, for whatever a bank may be asked to do; what is not here is unknown.
const CASES: [(u16, &str, Verdict); 63] = [
    (200, "00", Done),
    (202, "00", Unknown), // under way: it may yet be done
    // The request could not be read; it is checked before anything moves. (One bank swaps 01 and
    // 02, which makes no difference.)
    (400, "00", NotSent),
    (400, "01", NotSent),
    (400, "02", NotSent),
    // Turned away at the door. 01 and 03 are cured by a new token: see `wants_new_token`.
    (401, "00", NotSent),
    (401, "01", NotSent),
    (401, "02", NotSent),
    (401, "03", NotSent),
    (401, "04", NotSent),
    (403, "00", Refused), // expired: too late to be done
    (403, "01", NotSent), // we may not use the service at all
    (403, "02", Refused), // the amount is beyond what it takes
    (403, "03", Refused), // suspected fraud: not to be tried elsewhere
    (403, "04", Refused), // too many transfers: whose account it means is not said
    (403, "05", Refused), // do not honor: a no without a reason
    (403, "06", NotSent), // the service is closed at this hour
    (403, "07", Refused), // card blocked
    (403, "08", Refused), // card expired
    (403, "09", Refused), // dormant account
    (403, "10", Refused), // a limit has to be set first
    (403, "11", Refused), // one-time codes blocked
    (403, "12", Refused), // one-time code too old
    (403, "13", Unknown), // a code was sent: whoever enters it lets the transfer go on
    (403, "14", NotSent), // our account there holds too little: nothing could move
    (403, "15", Refused), // not permitted
    (403, "16", Unknown), // suspended: what is suspended may be resumed
    (403, "17", Refused), // limit of a token
    (403, "18", Refused), // inactive account
    (403, "19", Refused), // blacklisted: not to be tried elsewhere
    (403, "20", NotSent), // our own limit at this bank is used up
    (403, "21", Refused), // a limit cannot be set
    (403, "22", Refused), // a limit is not valid
    (403, "23", Refused), // an account's limit: whose is not said
    (404, "00", Unknown), // speaks of the state of a transfer it has
    (404, "01", Unknown), // speaks of a transfer it looked for; a new one is not looked for
    (404, "02", NotSent), // no way from this bank to that one
    (404, "03", NotSent), // its switch does not reach that bank
    (404, "04", Refused), // cancelled
    (404, "05", NotSent), // we are not registered for it
    (404, "06", NotSent), // wants a one-time code first
    (404, "07", Refused), // no such journey
    (404, "08", NotSent), // it does not know us
    (404, "09", Refused), // nobody issues that account
    (404, "10", Unknown), // out of order for a state we do not see
    (404, "11", Refused), // no such account
    (404, "12", Refused), // no such bill
    (404, "13", Refused), // the amount does not fit
    (404, "14", Unknown), // paid already: perhaps by this very transfer
    (404, "15", Refused), // wrong one-time code
    (404, "16", NotSent), // it does not know us
    (404, "17", NotSent), // it does not know our terminal
    (404, "18", Unknown), // not the same as an earlier request, which may have been ours
    (404, "19", Refused), // the bill has expired
    // The service does not exist there, or not for us.
    (405, "00", NotSent),
    (405, "01", NotSent),
    (409, "00", Unknown), // an external id seen today: the request that bore it may be this one
    (409, "01", Unknown), // a reference seen before: the same
    (429, "00", NotSent), // not looked at
    // It broke, or waited for somebody who broke, before or after the money moved.
    (500, "00", Unknown),
    (500, "01", Unknown),
    (500, "02", Unknown),
    (504, "00", Unknown),
];

/// What an answer by `service` with this HTTP status and code allows to be concluded. `code` is
/// `None` if there was none that could be read.
pub fn judge(service: Service, http_status: u16, code: Option<ResponseCode>) -> Verdict {
    let by_table = code.map_or(Unknown, |code| {
        let contradicts = code.status() != http_status || code.service() != service.code();
        let row = CASES.iter().find(|row| row.0 == code.status() && row.1 == code.case());
        row.filter(|_| !contradicts).map_or(Unknown, |row| row.2)
    });
    match service {
        Service::BalanceInquiry
        | Service::BankStatement
        | Service::InquiryInternal
        | Service::InquiryExternal
        | Service::TransferIntrabank
        | Service::TransferInterbank => by_table,
        // A refusal to tell says nothing of the transfer.
        Service::TransferStatus => match (by_table, code) {
            (Done, _) => Done,
            (_, Some(code)) if is_not_found(http_status, code) => NotFound,
            _ => Unknown,
        },
        // Without a token nothing that matters has left.
        Service::Token if by_table == Done => Done,
        Service::Token => NotSent,
    }
}

fn is_not_found(http_status: u16, code: ResponseCode) -> bool {
    http_status == 404 && code == ResponseCode::new(404, Service::TransferStatus, "01")
}

/// Whether a call that was *not sent* for this reason may succeed with a new token. The same
/// reference may then be sent to the same bank once more: it was turned away at the door.
pub fn wants_new_token(reason: &Reason) -> bool {
    let code = ResponseCode::parse(&reason.code);
    code.is_some_and(|code| code.status() == 401 && matches!(code.case(), "01" | "03"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSFERS: [Service; 2] = [Service::TransferIntrabank, Service::TransferInterbank];

    fn judged(service: Service, status: u16, case: &str) -> Verdict {
        judge(service, status, Some(ResponseCode::new(status, service, case)))
    }

    /// The verdicts of a class, case by case from 00 on: D, R, N or U.
    fn row(service: Service, status: u16, cases: u16) -> String {
        (0..cases)
            .map(|case| match judged(service, status, &format!("{case:02}")) {
                Done => 'D',
                Refused => 'R',
                NotSent => 'N',
                NotFound => 'F',
                Unknown => 'U',
            })
            .collect()
    }

    #[test]
    fn every_case_of_the_standard_has_its_verdict_for_a_transfer() {
        let table = [
            (200, "D"),
            (202, "U"),
            (400, "NNN"),
            (401, "NNNNN"),
            (403, "RNRRRRNRRRRRRUNRURRRNRRR"),
            (404, "UUNNRNNRNRURRRURNNUR"),
            (405, "NN"),
            (409, "UU"),
            (429, "N"),
            (500, "UUU"),
            (504, "U"),
        ];
        for service in TRANSFERS {
            for (status, verdicts) in table {
                let cases = u16::try_from(verdicts.len()).unwrap();
                assert_eq!(row(service, status, cases), verdicts, "{status}");
                // Beyond the table nothing is certain.
                assert_eq!(row(service, status, 100)[verdicts.len()..].trim_matches('U'), "");
            }
        }
    }

    #[test]
    fn no_other_status_says_anything() {
        let table = [200, 202, 400, 401, 403, 404, 405, 409, 429, 500, 503, 504];
        for service in TRANSFERS {
            for status in (100..600).filter(|status| !table.contains(status)) {
                assert_eq!(judged(service, status, "00"), Unknown, "{status}");
            }
        }
    }

    #[test]
    fn what_contradicts_itself_is_unknown() {
        let code = |text: &str| ResponseCode::parse(text);
        let transfer = |status, text| judge(Service::TransferIntrabank, status, code(text));
        assert_eq!(transfer(200, "2001700"), Done);
        assert_eq!(transfer(404, "4041711"), Refused);
        for (status, text) in [
            (500, "2001700"),
            (200, "4041711"),
            (404, "4031711"),
            (200, "2001800"),
            (404, "4041811"),
            (401, "4017301"),
            (200, "200SL00"),
            (404, "404RP01"),
            (200, "2001701"),
            (200, ""),
        ] {
            assert_eq!(transfer(status, text), Unknown, "{status} {text}");
        }
        assert_eq!(judge(Service::TransferIntrabank, 401, None), Unknown);
    }

    #[test]
    fn a_question_about_a_transfer_ends_in_done_not_found_or_unknown() {
        for status in [200, 202, 400, 401, 403, 404, 405, 409, 429, 500, 503, 504] {
            for case in 0..100 {
                let case = format!("{case:02}");
                let wanted = match (status, &*case) {
                    (200, "00") => Done,
                    (404, "01") => NotFound,
                    _ => Unknown,
                };
                assert_eq!(judged(Service::TransferStatus, status, &case), wanted);
            }
        }
        // Said by another service, or under another status, it is not about the transfer.
        let code = ResponseCode::parse;
        assert_eq!(judge(Service::TransferStatus, 404, code("4041701")), Unknown);
        assert_eq!(judge(Service::TransferStatus, 200, code("4043601")), Unknown);
    }

    #[test]
    fn without_a_token_nothing_was_sent() {
        assert_eq!(judged(Service::Token, 200, "00"), Done);
        for (status, case) in [(400, "01"), (401, "00"), (500, "00"), (504, "00"), (999, "99")] {
            assert_eq!(judged(Service::Token, status, case), NotSent);
        }
        assert_eq!(judge(Service::Token, 200, None), NotSent);
    }

    #[test]
    fn a_new_token_helps_against_an_old_one_only() {
        let wants = |code: &str| wants_new_token(&Reason::new(code, ""));
        assert!(wants("4011701") && wants("4011803"));
        for code in ["4011700", "4011702", "4011704", "4031701", "timeout", ""] {
            assert!(!wants(code), "{code}");
        }
    }

    #[test]
    fn codes_are_read_leniently_and_have_one_form() {
        let read = |json: &str| ResponseCode::of_json(&serde_json::from_str(json).unwrap());
        let code = read("\"4041711\"").unwrap();
        assert_eq!((code.status(), code.service(), code.case()), (404, "17", "11"));
        assert_eq!(read("4041711"), Some(code));
        assert_eq!(read("\" 4041711 \""), Some(code));
        assert_eq!(read("\"404RP01\"").unwrap().service(), "RP");
        for bad in ["\"\"", "\"404171\"", "\"40417111\"", "\"4O41711\"", "\"404-711\"", "null"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in ["4041711.0", "-404171", "[\"4041711\"]", "404171", "\"404\u{e9}11\""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
