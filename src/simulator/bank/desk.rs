//! The services behind the door: what the bank does with a request that was let in.

use serde_json::{Value, json};

use super::Options;
use super::answer::{Answer, money};
use super::book::{Book, Entry};
use super::world::{holder, is_inactive};
use crate::connector::banks;
use crate::connector::snap::code::{ResponseCode, Service};
use crate::connector::snap::dialect::Balances;
use crate::connector::snap::fields::{Fields, Names};
use crate::connector::snap::money::Money;
use crate::connector::snap::status::Latest;
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use crate::limits;

/// Status, case and words of a no.
pub(super) type No = (u16, &'static str, &'static str);

/// One request at the desk.
pub(super) struct Desk<'a> {
    pub(super) options: &'a Options,
    pub(super) book: &'a mut Book,
    pub(super) now: Timestamp,
    /// Its `X-EXTERNAL-ID`.
    pub(super) external_id: &'a str,
    /// What is said in place of a yes.
    pub(super) refusal: Option<No>,
}

impl Desk<'_> {
    /// Answers a request for a service other than the token.
    pub(super) fn answer(mut self, service: Service, body: &[u8]) -> Answer {
        let Some(fields) = Fields::parse(body, Names::Exact) else {
            return Answer::case(service, (400, "00"), "Bad Request");
        };
        let answer = match service {
            Service::TransferIntrabank | Service::TransferInterbank => {
                self.transfer(service, &fields)
            }
            _ if self.refusal.is_some() => Err(refused(service, self.refusal)),
            Service::InquiryInternal | Service::InquiryExternal => self.inquiry(service, &fields),
            Service::TransferStatus => self.status(&fields),
            Service::BalanceInquiry => self.balance(&fields),
            Service::BankStatement => self.statement(&fields),
            Service::Token => Err(Answer::case(service, (405, "00"), "Not Supported")),
        };
        answer.unwrap_or_else(|answer| answer)
    }

    fn inquiry(&self, service: Service, fields: &Fields) -> Result<Answer, Answer> {
        let account = text(service, fields, "beneficiaryAccountNo")?;
        let reference = fields.text("partnerReferenceNo").unwrap_or_default();
        let bank =
            self.beneficiary_bank(service, fields)?.map_err(|no| refused(service, Some(no)))?;
        let name = holder(bank, account).ok_or_else(|| refused(service, Some(NO_ACCOUNT)))?;
        let mut told = json!({
            "referenceNo": self.bank_reference(),
            "partnerReferenceNo": reference,
            "beneficiaryAccountName": name,
            "beneficiaryAccountNo": account,
            "currency": "IDR",
            "additionalInfo": {},
        });
        if service == Service::InquiryExternal {
            told["beneficiaryBankCode"] = fields.text("beneficiaryBankCode").into();
            told["beneficiaryBankName"] = banks::find(bank).map(|bank| bank.name).into();
        } else {
            let status =
                if is_inactive(account) { "Rekening tidak aktif" } else { "Rekening aktif" };
            told["beneficiaryAccountStatus"] = status.into();
            told["beneficiaryAccountType"] = "S".into();
        }
        Ok(Answer::done(self.options.dialect, service, told))
    }

    /// The bank a request speaks of: a form that is wrong, or a bank that cannot be reached.
    fn beneficiary_bank(
        &self,
        service: Service,
        fields: &Fields,
    ) -> Result<Result<&'static str, No>, Answer> {
        let dialect = self.options.dialect;
        if matches!(service, Service::InquiryInternal | Service::TransferIntrabank) {
            return Ok(Ok(dialect.bank));
        }
        let code = text(service, fields, "beneficiaryBankCode")?;
        Ok(match dialect.three_digits(code) {
            None => Err((404, "03", "Bank Not Supported By Switch")),
            Some(own) if own == dialect.bank => Err((404, "02", "Invalid Routing")),
            Some(bank) => Ok(bank),
        })
    }

    fn transfer(&mut self, service: Service, fields: &Fields) -> Result<Answer, Answer> {
        let reference = text(service, fields, "partnerReferenceNo")?;
        let account = text(service, fields, "beneficiaryAccountNo")?;
        let source = text(service, fields, "sourceAccountNo")?;
        let date = text(service, fields, "transactionDate")?;
        let amount = amount(service, fields)?;
        if Timestamp::parse_rfc3339(date).is_none() {
            return Err(Answer::malformed(service, "transactionDate"));
        }
        if service == Service::TransferInterbank {
            text(service, fields, "beneficiaryAccountName")?;
        }
        let bank = self.beneficiary_bank(service, fields)?;
        if self.book.find(reference).is_some() {
            return Err(Answer::case(service, (409, "01"), "Duplicate partnerReferenceNo"));
        }
        if let Some((429, _, _)) = self.refusal {
            return Err(refused(service, self.refusal));
        }
        let decision = bank
            .and_then(|bank| self.decide(service, (bank, account), source, amount).map(|()| bank));
        let (code, answered) = match decision {
            Ok(_) => ((200, "00"), Ok(self.transferred(service, fields, amount))),
            Err(no) => ((no.0, no.1), Err(refused(service, Some(no)))),
        };
        let entry = Entry {
            at_micros: self.now.micros(),
            partner_reference: reference.to_owned(),
            bank_reference: self.bank_reference(),
            external_id: self.external_id.to_owned(),
            service: service.code().to_owned(),
            source_account: source.to_owned(),
            beneficiary_bank: bank.unwrap_or_default().to_owned(),
            beneficiary_account: account.to_owned(),
            amount,
            code: ResponseCode::new(code.0, service, code.1).to_string(),
        };
        match self.book.enter(entry) {
            Ok(()) => answered,
            // Not entered, so not moved.
            Err(_) => Err(Answer::case(service, (500, "00"), "General Error")),
        }
    }

    /// Whether money may move.
    fn decide(
        &self,
        service: Service,
        (bank, account): (&str, &str),
        source: &str,
        amount: u64,
    ) -> Result<(), No> {
        if source != self.options.source_account {
            return Err((404, "11", "Invalid Account [sourceAccountNo]"));
        }
        if holder(bank, account).is_none() {
            return Err(NO_ACCOUNT);
        }
        if is_inactive(account) {
            return Err((403, "18", "Inactive Account"));
        }
        let interbank = service == Service::TransferInterbank;
        if interbank && amount > limits::SIMULATED_INTERBANK_MAX {
            return Err((403, "02", "Exceeds Transaction Amount Limit"));
        }
        if i128::from(amount) > self.holding() {
            return Err((403, "14", "Insufficient Funds"));
        }
        self.refusal.map_or(Ok(()), Err)
    }

    fn transferred(&self, service: Service, fields: &Fields, amount: u64) -> Answer {
        let dialect = self.options.dialect;
        let hundredths = i64::try_from(amount).unwrap_or_default().saturating_mul(100);
        let mut told = json!({
            "referenceNo": self.bank_reference(),
            "amount": money(dialect, hundredths),
            "additionalInfo": {},
        });
        for name in [
            "partnerReferenceNo",
            "beneficiaryAccountNo",
            "beneficiaryBankCode",
            "currency",
            "customerReference",
            "sourceAccountNo",
            "transactionDate",
        ] {
            if let Some(value) = fields.get(name) {
                told[name] = value.clone();
            }
        }
        if service == Service::TransferInterbank {
            told["traceNo"] = format!("{:012}", self.book.entries().len() + 1).into();
        }
        Answer::done(dialect, service, told)
    }

    fn status(&self, fields: &Fields) -> Result<Answer, Answer> {
        let service = Service::TransferStatus;
        let reference = text(service, fields, "originalPartnerReferenceNo")?;
        let code = text(service, fields, "serviceCode")?;
        let entry = self.book.find(reference).filter(|entry| entry.service == code);
        let entry =
            entry.ok_or_else(|| Answer::case(service, (404, "01"), "Transaction Not Found"))?;
        let (latest, told) = match entry.executed() {
            true => (Latest::Success, "Success"),
            false => (Latest::Failed, "Failed"),
        };
        let hundredths = i64::try_from(entry.amount).unwrap_or_default().saturating_mul(100);
        let dialect = self.options.dialect;
        let told = json!({
            "originalPartnerReferenceNo": entry.partner_reference,
            "originalReferenceNo": entry.bank_reference,
            "originalExternalId": entry.external_id,
            "serviceCode": entry.service,
            "transactionDate": dialect.timestamp(entry.at()),
            "amount": money(dialect, hundredths),
            "beneficiaryAccountNo": entry.beneficiary_account,
            "sourceAccountNo": entry.source_account,
            "latestTransactionStatus": latest.code(),
            "transactionStatusDesc": told,
            "previousResponseCode": entry.code,
        });
        Ok(Answer::done(dialect, service, told))
    }

    fn balance(&self, fields: &Fields) -> Result<Answer, Answer> {
        let service = Service::BalanceInquiry;
        self.check_own_account(service, fields)?;
        let dialect = self.options.dialect;
        let held = i64::try_from(self.holding()).unwrap_or(i64::MAX / 100).saturating_mul(100);
        let info = json!({
            "balanceType": "Cash",
            "amount": money(dialect, held),
            "floatAmount": money(dialect, 0),
            "holdAmount": money(dialect, 0),
            "availableBalance": money(dialect, held),
            "ledgerBalance": money(dialect, held),
            "status": "0001",
        });
        let told = json!({
            "referenceNo": self.bank_reference(),
            "partnerReferenceNo": fields.text("partnerReferenceNo").unwrap_or_default(),
            "accountNo": self.options.source_account,
            "name": "GERBANG",
            "accountInfos": match dialect.balances {
                Balances::List => json!([info]),
                Balances::Single => info,
            },
        });
        Ok(Answer::done(dialect, service, told))
    }

    fn statement(&self, fields: &Fields) -> Result<Answer, Answer> {
        let service = Service::BankStatement;
        self.check_own_account(service, fields)?;
        let moment = |name| {
            let time = Timestamp::parse_rfc3339(text(service, fields, name)?);
            time.ok_or_else(|| Answer::malformed(service, name))
        };
        let (from, to) = (moment("fromDateTime")?, moment("toDateTime")?);
        if to < from || to > from.plus_seconds(limits::SIMULATED_STATEMENT_SECONDS_MAX) {
            return Err(Answer::malformed(service, "toDateTime"));
        }
        // To the end of the last second, as banks count them.
        let period = from..to.plus_seconds(1);
        let dialect = self.options.dialect;
        let mut total: i64 = 0;
        let rows: Vec<Value> = self
            .book
            .entries()
            .iter()
            .filter(|entry| entry.executed() && period.contains(&entry.at()))
            .map(|entry| {
                let hundredths =
                    i64::try_from(entry.amount).unwrap_or_default().saturating_mul(100);
                total = total.saturating_add(hundredths);
                json!({
                    "amount": money(dialect, hundredths),
                    "transactionDate": dialect.timestamp(entry.at()),
                    "remark": format!("{} {}", entry.partner_reference, entry.beneficiary_account),
                    "type": "DEBIT",
                })
            })
            .collect();
        let told = json!({
            "referenceNo": self.bank_reference(),
            "partnerReferenceNo": fields.text("partnerReferenceNo").unwrap_or_default(),
            "totalDebitEntries": {
                "numberOfEntries": rows.len().to_string(),
                "amount": money(dialect, total),
            },
            "detailData": rows,
        });
        Ok(Answer::done(dialect, service, told))
    }

    fn check_own_account(&self, service: Service, fields: &Fields) -> Result<(), Answer> {
        let account = text(service, fields, "accountNo")?;
        if account == self.options.source_account {
            Ok(())
        } else {
            Err(refused(service, Some(NO_ACCOUNT)))
        }
    }

    /// What the partner's account holds, in rupiah.
    fn holding(&self) -> i128 {
        let opening = i128::from(self.options.opening_balance);
        opening + self.book.change(&self.options.source_account)
    }

    /// The bank's name for what it does next: the day, itself, and a number.
    fn bank_reference(&self) -> String {
        let day = self.now.date(BOOK_OFFSET_SECONDS).strftime("%Y%m%d");
        let number = self.book.entries().len() + 1;
        format!("{day}{}{number:011}", self.options.dialect.bank)
    }
}

const NO_ACCOUNT: No = (404, "11", "Invalid Account");

fn refused(service: Service, no: Option<No>) -> Answer {
    let (status, case, message) = no.unwrap_or((403, "05", "Do Not Honor"));
    Answer::case(service, (status, case), message)
}

fn text<'a>(service: Service, fields: &'a Fields, name: &str) -> Result<&'a str, Answer> {
    match fields.get(name) {
        None => Err(Answer::missing(service, name)),
        Some(value) if !value.is_string() => Err(Answer::malformed(service, name)),
        Some(_) => fields.text(name).ok_or_else(|| Answer::missing(service, name)),
    }
}

/// Whole rupiah, at least one.
fn amount(service: Service, fields: &Fields) -> Result<u64, Answer> {
    let object = fields.object("amount").ok_or_else(|| Answer::missing(service, "amount"))?;
    let money = Money::read(&object).filter(|money| money.currency == "IDR");
    let units = money.and_then(|money| money.units()).filter(|units| *units > 0);
    units.ok_or_else(|| Answer::malformed(service, "amount"))
}
