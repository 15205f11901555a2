//! Midtrans' wire: what was read and written again reads the same.

#![no_main]

use gerbang::connector::midtrans::charge::Charge;
use gerbang::connector::midtrans::notification::Notification;
use gerbang::connector::midtrans::refund::RefundRequest;
use gerbang::connector::midtrans::transaction::Answer;
use gerbang::ledger::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::from_seconds(1_790_000_000);
    if let Ok(charge) = Charge::read(bytes, now) {
        let again = Charge::read(charge.to_json().to_string().as_bytes(), now);
        assert_eq!(again.as_ref(), Ok(&charge));
    }
    if let Ok(refund) = RefundRequest::read(bytes) {
        let again = RefundRequest::read(refund.to_json().to_string().as_bytes());
        assert_eq!(again.as_ref(), Ok(&refund));
    }
    if let Some(Answer::Transaction(transaction)) = Answer::read(bytes) {
        let again = Answer::read(transaction.to_json().to_string().as_bytes());
        assert_eq!(again, Some(Answer::Transaction(transaction)));
    }
    if let Ok(told) = Notification::read(bytes) {
        assert_eq!(told.transaction.order_id.is_empty(), false);
    }
});
