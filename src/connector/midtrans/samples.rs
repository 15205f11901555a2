//! Every whole example of the documentation is read, and written again as it was.

use serde_json::Value;

use super::charge::Charge;
use super::notification::Notification;
use super::transaction::{Answer, Transaction};
use crate::ledger::time::Timestamp;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Answers to a charge, by method.
pub(super) const CHARGED: [(&str, &str); 7] = [
    (
        "bca",
        r#"{"status_code":"201","status_message":"Success, Bank Transfer transaction is created","transaction_id":"be03df7d-2f97-4c8c-a53c-8959f1b67295","order_id":"1571823229","merchant_id":"G812785002","gross_amount":"44000.00","currency":"IDR","payment_type":"bank_transfer","transaction_time":"2019-10-23 16:33:49","transaction_status":"pending","va_numbers":[{"bank":"bca","va_number":"812785002530231"}],"fraud_status":"accept","expiry_time":"2019-10-24 16:33:49"}"#,
    ),
    (
        "permata",
        r#"{"status_code":"201","status_message":"Success, PERMATA VA transaction is successful","transaction_id":"035ca76c-b814-4264-9e63-68142351df83","order_id":"1571823410","gross_amount":"44000.00","currency":"IDR","payment_type":"bank_transfer","transaction_time":"2019-10-23 16:36:49","transaction_status":"pending","fraud_status":"accept","permata_va_number":"850003072869607","merchant_id":"G812785002"}"#,
    ),
    (
        "echannel",
        r#"{"status_code":"201","status_message":"OK, Mandiri Bill transaction is successful","transaction_id":"abb2d93f-dae3-4183-936d-4145423ad72f","order_id":"1571823332","merchant_id":"G812785002","gross_amount":"44000.00","currency":"IDR","payment_type":"echannel","transaction_time":"2019-10-23 16:35:31","transaction_status":"pending","fraud_status":"accept","bill_key":"778347787706","biller_code":"70012"}"#,
    ),
    (
        "gopay",
        r#"{"status_code":"201","status_message":"GO-PAY billing created","transaction_id":"e48447d1-cfa9-4b02-b163-2e915d4417ac","order_id":"SAMPLE-ORDER-ID-01","gross_amount":"10000.00","payment_type":"gopay","transaction_time":"2017-10-04 12:00:00","transaction_status":"pending","actions":[{"name":"generate-qr-code","method":"GET","url":"https://api.midtrans.com/v2/gopay/e48447d1/qr-code"},{"name":"generate-qr-code-v2","method":"GET","url":"https://api.midtrans.com/v4/qris/gopay/A120250818053027lQ9S1FXLIHID/qr-code"},{"name":"deeplink-redirect","method":"GET","url":"gojek://gopay/merchanttransfer?tref=1&amount=10000&activity=GP:RR&callback_url=someapps://callback?order_id=SAMPLE-ORDER-ID-01"},{"name":"get-status","method":"GET","url":"https://api.midtrans.com/v2/e48447d1/status"},{"name":"cancel","method":"POST","url":"https://api.midtrans.com/v2/e48447d1/cancel","fields":[]}],"channel_response_code":"200","channel_response_message":"Success","currency":"IDR"}"#,
    ),
    (
        "qris",
        r#"{"status_code":"201","status_message":"QRIS transaction is created","transaction_id":"30a689ba-7251-4052-b8a0-f677fd53e1be","order_id":"order-id-12312","merchant_id":"G379181825","gross_amount":"100000.00","currency":"IDR","payment_type":"qris","transaction_time":"2023-01-05 10:01:39","transaction_status":"pending","fraud_status":"accept","actions":[{"name":"generate-qr-code","method":"GET","url":"https://api.sandbox.midtrans.com/v2/qris/30a689ba/qr-code"},{"name":"generate-qr-code-v2","method":"GET","url":"https://api.midtrans.com/v4/qris/A120250718094848HaVD2xS9VKID/qr-code"}],"qr_string":"00020101021226620014COM.GO-JEK.WWW011993600914337918182570210G3791818250303UKE51440014ID.CO.QRIS.WWW0215AID7720513752290303UKE5204359353033605802ID5910PAPI LIVE26005KUKAR6105755535409100000.0062475036b1855b6c-70ab-4449-9778-61b8ffe43fd20703A016304C385","acquirer":"gopay","expire_time":"2023-01-05 11:01:39"}"#,
    ),
    (
        "shopeepay",
        r#"{"status_code":"201","status_message":"ShopeePay transaction is created","channel_response_code":"0","channel_response_message":"success","transaction_id":"bb379c3a-218b-47c7-a94a-0cdb0a8b4a8f","order_id":"test-order-shopeepay-001","merchant_id":"YYYY","gross_amount":"25000.00","currency":"IDR","payment_type":"shopeepay","transaction_time":"2020-09-29 11:16:23","transaction_status":"pending","fraud_status":"accept","actions":[{"name":"deeplink-redirect","method":"GET","url":"https://wsa.wallet.airpay.co.id/universal-link/1"}]}"#,
    ),
    (
        "cstore",
        r#"{"status_code":"201","status_message":"Success, cstore transaction is successful","transaction_id":"f1d381f8-7519-4139-b28f-81c6a3cc38ea","order_id":"order05","gross_amount":"10500.00","payment_type":"cstore","transaction_time":"2016-06-28 16:22:49","transaction_status":"pending","fraud_status":"accept","payment_code":"010811223344","store":"alfamart"}"#,
    ),
];

/// Other answers and notifications.
const TOLD: [&str; 6] = [
    // A card that was taken at once.
    r#"{"status_code":"200","status_message":"Success, Credit Card transaction is successful","transaction_id":"226f042f-020e-4829-8bd7-2de64b8673ce","order_id":"C17550","gross_amount":"145000.00","currency":"IDR","payment_type":"credit_card","transaction_time":"2014-12-05 10:00:00","transaction_status":"capture","fraud_status":"accept","masked_card":"48111111-1114","bank":"bni","approval_code":"1408869563148","channel_response_code":"00","channel_response_message":"Approved","card_type":"credit","on_us":true,"channel":"dragon","eci":"05","saved_token_id_expired_at":"2035-12-31 07:00:00"}"#,
    // A refund's own answer, and a question about what was refunded.
    r#"{"status_code":"200","status_message":"Success, refund request is approved","transaction_id":"1","order_id":"2","payment_type":"gopay","transaction_time":"2015-02-27 00:14:20","transaction_status":"partial_refund","gross_amount":"12000.00","currency":"IDR","refund_chargeback_id":1,"refund_amount":"5000.00","refund_key":"reference1"}"#,
    r#"{"status_code":"200","status_message":"Success, transaction is found","transaction_id":"1","order_id":"2","payment_type":"gopay","transaction_time":"2015-02-27 00:14:20","settlement_time":"2015-02-27 00:15:20","transaction_status":"partial_refund","gross_amount":"12000.00","currency":"IDR","signature_key":"x","refund_amount":"12000.00","refunds":[{"refund_chargeback_id":1,"refund_amount":"5000.00","created_at":"2015-02-27 00:14:20","reason":"some reason","refund_key":"reference1","refund_method":"online","bank_confirmed_at":"2015-02-27 02:30:20"},{"refund_chargeback_id":2,"refund_amount":"7000.00","created_at":"2015-02-28 00:14:20","reason":"","refund_key":"reference2"}]}"#,
    r#"{"status_code":"200","status_message":"Success, transaction is canceled","transaction_id":"1","order_id":"2","payment_type":"bank_transfer","transaction_time":"2015-02-27 00:14:20","transaction_status":"cancel","fraud_status":"accept","gross_amount":"12000.00","currency":"IDR","merchant_id":"G1"}"#,
    r#"{"status_code":"407","status_message":"Success, transaction has expired","transaction_id":"1","order_id":"2","payment_type":"bank_transfer","transaction_time":"2015-02-27 00:14:20","transaction_status":"expire","fraud_status":"accept","gross_amount":"12000.00","currency":"IDR","merchant_id":"G1"}"#,
    r#"{"status_code":"202","status_message":"Refund denied by the bank","transaction_id":"1","order_id":"2","payment_type":"gopay","transaction_time":"2015-02-27 00:14:20","transaction_status":"settlement","gross_amount":"12000.00","currency":"IDR","refund_amount":"0.00"}"#,
];

/// Notifications, the parts that the documentation leaves out filled in.
pub(super) const NOTIFIED: [(&str, &str); 9] = [
    (
        "bca",
        r#"{"va_numbers":[{"va_number":"333333333333333","bank":"bca"}],"transaction_time":"2021-06-23 11:27:20","transaction_status":"settlement","transaction_id":"9aed5972-5b6a-401e-894b-a32c91ed1a3a","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","settlement_time":"2021-06-23 11:27:50","payment_type":"bank_transfer","payment_amounts":[],"order_id":"bca-va-01","merchant_id":"G141532850","gross_amount":"100000.00","fraud_status":"accept","currency":"IDR"}"#,
    ),
    (
        "bni",
        r#"{"va_numbers":[{"va_number":"3333000000111111","bank":"bni"}],"payment_amounts":[{"paid_at":"2021-06-23 11:42:02","amount":"150000.00"}],"transaction_time":"2021-06-23 11:41:33","transaction_status":"settlement","transaction_id":"9aed5972","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","settlement_time":"2021-06-23 11:42:02","payment_type":"bank_transfer","order_id":"bni-va-01","merchant_id":"G141532850","gross_amount":"150000.00","fraud_status":"accept","currency":"IDR"}"#,
    ),
    (
        "permata",
        r#"{"permata_va_number":"8562000087926752","payment_type":"bank_transfer","transaction_time":"2021-06-23 11:53:25","transaction_status":"settlement","transaction_id":"6fd88567","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","settlement_time":"2021-06-23 11:53:34","order_id":"permata-va-01","merchant_id":"G141532850","gross_amount":"10000.00","fraud_status":"accept","currency":"IDR"}"#,
    ),
    (
        "echannel",
        r#"{"payment_type":"echannel","biller_code":"70012","bill_key":"990000000260","transaction_time":"2021-06-23 11:53:25","transaction_status":"settlement","transaction_id":"6fd88567","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","settlement_time":"2021-06-23 11:53:34","order_id":"bill-01","merchant_id":"G141532850","gross_amount":"10000.00","fraud_status":"accept","currency":"IDR"}"#,
    ),
    (
        "gopay",
        r#"{"payment_type":"gopay","transaction_time":"2021-06-23 11:53:25","transaction_status":"settlement","transaction_id":"6fd88567","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","settlement_time":"2021-06-23 11:53:34","order_id":"gopay-01","merchant_id":"G141532850","gross_amount":"10000.00","fraud_status":"accept","currency":"IDR","payment_option_type":"GOPAY_WALLET"}"#,
    ),
    (
        "qris",
        r#"{"transaction_type":"on-us","payment_type":"qris","issuer":"gopay","acquirer":"gopay","merchant_cross_reference_id":"0197e326","transaction_time":"2021-06-23 11:53:25","transaction_status":"settlement","transaction_id":"0197e326","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","settlement_time":"2021-06-23 11:53:34","order_id":"qris-01","merchant_id":"G141532850","gross_amount":"10000.00","fraud_status":"accept","currency":"IDR"}"#,
    ),
    (
        "shopeepay",
        r#"{"payment_type":"shopeepay","transaction_time":"2021-06-23 11:53:25","transaction_status":"settlement","transaction_id":"6fd88567","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","settlement_time":"2021-06-23 11:53:34","order_id":"shopee-01","merchant_id":"G141532850","gross_amount":"10000.00","fraud_status":"accept","currency":"IDR"}"#,
    ),
    (
        "indomaret",
        r#"{"store":"indomaret","payment_type":"cstore","payment_code":"300063000630006300","transaction_time":"2021-06-23 11:53:25","transaction_status":"settlement","transaction_id":"6fd88567","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","settlement_time":"2021-06-23 11:53:34","order_id":"indomaret-01","merchant_id":"G141532850","gross_amount":"10000.00","currency":"IDR","approval_code":"ABC0101BCA02"}"#,
    ),
    (
        "credit_card",
        r#"{"transaction_time":"2020-01-09 18:27:19","transaction_status":"capture","transaction_id":"57d5293c","status_message":"midtrans payment notification","status_code":"200","signature_key":"x","payment_type":"credit_card","order_id":"Postman-1578568851","merchant_id":"G141532850","masked_card":"48111111-1114","gross_amount":"10000.00","fraud_status":"accept","eci":"05","currency":"IDR","channel_response_message":"Approved","channel_response_code":"00","card_type":"credit","bank":"bni","approval_code":"1578569243927"}"#,
    ),
];

const CHARGES: [&str; 13] = [
    r#"{"payment_type":"bank_transfer","transaction_details":{"order_id":"order101","gross_amount":44000},"bank_transfer":{"bank":"bca"}}"#,
    r#"{"payment_type":"bank_transfer","transaction_details":{"order_id":"order102","gross_amount":44000},"bank_transfer":{"bank":"bca","va_number":"12345678911","free_text":{"inquiry":[{"id":"teks","en":"text"}],"payment":[{"id":"teks","en":"text"}]},"bca":{"sub_company_code":"00000"}}}"#,
    r#"{"payment_type":"bank_transfer","transaction_details":{"order_id":"order103","gross_amount":10000},"bank_transfer":{"bank":"bni","va_number":"111111"}}"#,
    r#"{"payment_type":"bank_transfer","transaction_details":{"order_id":"order104","gross_amount":10000},"bank_transfer":{"bank":"bri","va_number":"111111"}}"#,
    r#"{"payment_type":"bank_transfer","transaction_details":{"order_id":"order105","gross_amount":44000},"bank_transfer":{"bank":"cimb","va_number":"11111"}}"#,
    r#"{"payment_type":"bank_transfer","transaction_details":{"order_id":"order106","gross_amount":44000},"bank_transfer":{"bank":"permata","va_number":"1234567890","permata":{"recipient_name":"SUDARSONO"}}}"#,
    r#"{"payment_type":"echannel","transaction_details":{"order_id":"1388","gross_amount":95000},"echannel":{"bill_info1":"Payment For:","bill_info2":"debt","bill_key":"081211111111"}}"#,
    r#"{"payment_type":"gopay","transaction_details":{"order_id":"order03","gross_amount":275000},"gopay":{"enable_callback":true,"callback_url":"someapps://callback"}}"#,
    r#"{"payment_type":"gopay","transaction_details":{"order_id":"order04","gross_amount":275000},"gopay":{"account_id":"7","payment_option_token":"8","callback_url":"https://a.example","pre_auth":false,"recurring":false}}"#,
    r#"{"payment_type":"qris","transaction_details":{"order_id":"order03","gross_amount":275000},"qris":{"acquirer":"gopay"}}"#,
    r#"{"payment_type":"shopeepay","transaction_details":{"order_id":"test-order-shopeepay-001","gross_amount":25000},"shopeepay":{"callback_url":"https://midtrans.com/"}}"#,
    r#"{"payment_type":"cstore","transaction_details":{"order_id":"order05","gross_amount":162500},"cstore":{"store":"alfamart","alfamart_free_text_1":"1st row","alfamart_free_text_2":"2nd","alfamart_free_text_3":"3rd"}}"#,
    r#"{"payment_type":"cstore","transaction_details":{"order_id":"order06","gross_amount":162500},"cstore":{"store":"indomaret","message":"Message to display"}}"#,
];

#[test]
fn requests_are_written_as_they_were_read() {
    for sample in CHARGES {
        let charge = Charge::read(sample.as_bytes(), NOW).unwrap();
        assert_eq!(charge.to_json(), json(sample));
    }
}

#[test]
fn the_older_payment_type_of_permata_is_read_as_the_newer() {
    let older = r#"{"payment_type":"permata","transaction_details":{"order_id":"order107","gross_amount":44000}}"#;
    let newer = r#"{"payment_type":"bank_transfer","transaction_details":{"order_id":"order107","gross_amount":44000},"bank_transfer":{"bank":"permata"}}"#;
    assert_eq!(Charge::read(older.as_bytes(), NOW).unwrap().to_json(), json(newer));
}

#[test]
fn a_card_is_recognised_and_nothing_of_it_kept() {
    let sample = r#"{"payment_type":"credit_card","transaction_details":{"order_id":"C17550","gross_amount":145000},"credit_card":{"token_id":"48111111-1114-8","authentication":true,"callback_type":"js_event","bank":"bni","installment_term":12,"bins":["48111111"],"type":"authorize","save_token_id":true,"point_redeem_amount":0}}"#;
    let charge = Charge::read(sample.as_bytes(), NOW).unwrap();
    assert!(!charge.method.is_taken());
    let kept = r#"{"payment_type":"credit_card","transaction_details":{"order_id":"C17550","gross_amount":145000}}"#;
    assert_eq!(charge.to_json(), json(kept));
    assert!(!format!("{charge:?}").contains("48111111"));
}

#[test]
fn answers_are_written_as_they_were_read() {
    let charged = CHARGED.into_iter().map(|(_, sample)| sample);
    for sample in charged.chain(TOLD) {
        let Some(Answer::Transaction(transaction)) = Answer::read(sample.as_bytes()) else {
            panic!("{sample} was not read");
        };
        // One spelling is written, both are read.
        let expected = sample.replace("expire_time", "expiry_time");
        assert_eq!(transaction.to_json(), json(&expected));
    }
}

#[test]
fn what_the_payer_needs_was_understood() {
    let understood = |name: &str, sample: &str| -> Transaction {
        match Answer::read(sample.as_bytes()) {
            Some(Answer::Transaction(transaction)) => *transaction,
            other => panic!("{name}: {other:?}"),
        }
    };
    let needs = CHARGED.map(|(name, sample)| {
        let needs = understood(name, sample).instructions;
        let texts = [
            needs.va_numbers.first().map(|va| va.number.clone()),
            needs.permata_va_number,
            needs.bill_key,
            needs.payment_code,
            needs.qr_string.map(|text| text.len().to_string()),
            needs.actions.first().map(|action| action.name.clone()),
        ];
        texts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    let expected = [
        "812785002530231",
        "850003072869607",
        "778347787706",
        "generate-qr-code",
        "251 generate-qr-code",
        "deeplink-redirect",
        "010811223344",
    ];
    assert_eq!(needs, expected);
    let others = CHARGED.map(|(name, sample)| understood(name, sample).others.len());
    assert_eq!(others, [0, 0, 0, 2, 0, 2, 0], "only the channel's words are not understood");
}

#[test]
fn notifications_are_written_as_they_were_read() {
    for (name, sample) in NOTIFIED {
        let notification = Notification::read(sample.as_bytes()).unwrap();
        assert_eq!(notification.transaction.to_json(), json(sample), "{name}");
    }
}
