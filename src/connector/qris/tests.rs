//! Payloads of acquirers and of ours, what is wrong with others, and any text at all.

use proptest::prelude::*;

use super::*;
use crate::ledger::money::{Amount, BasisPoints};

/// Midtrans (GoPay), dynamic, with the amount after the postal code.
const GOPAY: &str = "00020101021226620014COM.GO-JEK.WWW011993600914337918182570210G3791818250303UKE51440014ID.CO.QRIS.WWW0215AID7720513752290303UKE5204359353033605802ID5910PAPI LIVE26005KUKAR6105755535409100000.0062475036b1855b6c-70ab-4449-9778-61b8ffe43fd20703A016304C385";
/// ShopeePay, dynamic, without the national repository.
const SHOPEE: &str = "00020101021226610016ID.CO.SHOPEE.WWW01189360091800200869990208200869990303UMI520453995303360540869300.005802ID5912Epoint DUMMY6015KOTA JAKARTA UT61051446062330521628008-A000037-1156460704T001630446E4";
const STATIC: &str = "00020101021126660017ID.CO.EXAMPLE.WWW01189360099900000000190212GW00000000010303UMI51440014ID.CO.QRIS.WWW0215ID10200000000010303UMI5204581253033605802ID5913WARUNG CONTOH6007JAKARTA61051219062070703A0163046C6E";
const DYNAMIC: &str = "00020101021226660017ID.CO.EXAMPLE.WWW01189360099900000000190212GW00000000010303UMI51440014ID.CO.QRIS.WWW0215ID10200000000010303UMI5204581253033605405150005802ID5913WARUNG CONTOH6007JAKARTA61051219062180507INV00010703A0163044279";

fn merchant() -> Merchant {
    let of = |tag, fields: &[(u8, &str)]| Account {
        tag: Tag::new(tag),
        fields: fields.iter().map(|(tag, value)| Field::new(*tag, *value)).collect(),
    };
    let own =
        [(0, "ID.CO.EXAMPLE.WWW"), (1, "936009990000000019"), (2, "GW0000000001"), (3, "UMI")];
    let national = [(0, "ID.CO.QRIS.WWW"), (2, "ID1020000000001"), (3, "UMI")];
    Merchant {
        accounts: vec![of(51, &national), of(26, &own)],
        category: "5812".to_owned(),
        name: "WARUNG CONTOH".to_owned(),
        city: "JAKARTA".to_owned(),
        postal: Some("12190".to_owned()),
    }
}

fn rupiah(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

/// `text` with the checksum that belongs to it.
fn sealed(text: &str) -> String {
    let text = format!("{text}6304");
    format!("{text}{:04X}", crc(text.as_bytes()))
}

/// What is wrong with a code that differs from ours by one replacement.
fn fault(from: &str, to: &str) -> String {
    let body = DYNAMIC.strip_suffix("63044279").unwrap();
    assert!(body.contains(from), "{from}");
    parse(&sealed(&body.replacen(from, to, 1))).unwrap_err().to_string()
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    assert_eq!(crc(b"123456789"), 0x29B1);
    assert_eq!(crc(b""), 0xFFFF);
}

#[test]
fn codes_of_acquirers_are_read() {
    let gopay = parse(GOPAY).unwrap();
    assert_eq!(gopay.initiation, Initiation::Dynamic);
    assert_eq!(gopay.amount.as_ref().unwrap().rupiah(), Some(rupiah(100_000)));
    let accounts = &gopay.merchant.accounts;
    assert_eq!((accounts[0].tag, accounts[1].tag), (Tag::new(26), Tag::new(51)));
    assert_eq!(accounts[0].domain(), Some("COM.GO-JEK.WWW"));
    assert_eq!(accounts[0].pan(), Some("9360091433791818257"));
    assert_eq!(accounts[1].merchant_id(), Some("AID772051375229"));
    assert_eq!(accounts[1].criteria(), Some("UKE"));
    assert_eq!((gopay.merchant.name.as_str(), gopay.terminal()), ("PAPI LIVE2", Some("A01")));
    // Only the order differs.
    let again = gopay.to_string();
    assert_eq!(again.len(), GOPAY.len());
    assert_eq!(parse(&again).unwrap(), gopay);

    let shopee = parse(SHOPEE).unwrap();
    assert_eq!(shopee.to_string(), SHOPEE);
    assert_eq!(shopee.reference(), Some("628008-A000037-115646"));
    assert_eq!(shopee.amount.as_ref().unwrap().rupiah(), Some(rupiah(69_300)));
}

#[test]
fn codes_are_made_to_the_last_character() {
    let mut parts = Payload::fixed(&merchant()).unwrap().into_parts();
    parts.additional.push(Field::new(7, "A01"));
    let fixed = Payload::new(parts).unwrap();
    assert_eq!(fixed.to_string(), STATIC);
    assert_eq!(parse(STATIC).unwrap(), fixed);

    let mut parts = fixed.once(rupiah(15_000), None).unwrap().into_parts();
    parts.additional.insert(0, Field::new(5, "INV0001"));
    let dynamic = Payload::new(parts).unwrap();
    assert_eq!(dynamic.to_string(), DYNAMIC);

    let ours = Payload::dynamic(&merchant(), rupiah(15_000), "INV0001").unwrap();
    assert_eq!((ours.reference(), ours.terminal()), (Some("INV0001"), None));
    assert_eq!(ours.amount, dynamic.amount);
    assert_eq!(parse(&ours.to_string()).unwrap(), ours);
}

#[test]
fn tips_are_written_and_read() {
    let fixed = parse(STATIC).unwrap();
    let percent = Percent::new(BasisPoints::new(250).unwrap()).unwrap();
    let table = [
        (Tip::Entered, "55020158"),
        (Tip::Fixed(Sum::parse("2000").unwrap()), "550202560420005802"),
        (Tip::Percent(percent), "55020357042.505802"),
        (Tip::Percent(Percent::parse("5").unwrap()), "550203570155802"),
    ];
    for (tip, text) in table {
        let payload = fixed.once(rupiah(15_000), Some(tip.clone())).unwrap();
        let written = payload.to_string();
        assert!(written.contains(text), "{written}");
        assert_eq!(parse(&written).unwrap().tip, Some(tip));
    }
}

#[test]
fn an_absent_initiation_is_a_static_code_and_small_hexadecimal_digits_are_taken() {
    let without = STATIC.strip_suffix("63046C6E").unwrap().replacen("010211", "", 1);
    assert_eq!(parse(&sealed(&without)).unwrap(), parse(STATIC).unwrap());
    assert!(parse(&STATIC.replace("6C6E", "6c6e")).is_ok());
}

#[test]
fn what_is_wrong_is_named_by_its_tag() {
    let table = [
        ("000201", "000202", "tag 00 must be 01"),
        ("000201010212", "010212000201", "tag 00 must be the first"),
        ("000201", "", "tag 00 is missing"),
        ("010212", "010213", "tag 01 must be 11 or 12"),
        ("010212", "010212010212", "tag 01 stands there twice"),
        ("0017ID", "0018ID", "tag 26.11: its value is shorter than its length says"),
        ("0017ID.CO.EXAMPLE", "0517ID.CO.EXAMPLE", "tag 26.00 is missing"),
        ("0212GW", "0112GW", "tag 26.01 stands there twice"),
        ("0303UMI5144", "0309UMI5144", "tag 26.03: its value is shorter than its length says"),
        ("52045812", "5204581A", "tag 52 must be four digits"),
        ("52045812", "", "tag 52 is missing"),
        ("5303360", "5303IDR", "tag 53 must be three digits"),
        ("540515000", "5405-1500", "tag 54 must be an amount above zero"),
        ("540515000", "540500000", "tag 54 must be an amount above zero"),
        ("540515000", "54061.0000", "tag 54 must be an amount above zero"),
        ("540515000", "5400", "tag 54: its length is not two digits from 01"),
        ("540515000", "54A515000", "tag 54: its length is not two digits from 01"),
        ("540515000", "540515000550202", "tag 56 is missing"),
        ("540515000", "540515000550203", "tag 57 is missing"),
        ("540515000", "540515000550204", "tag 55 must be 01, 02 or 03"),
        ("540515000", "54051500056011", "tag 56 must be absent unless tag 55 is 02"),
        ("540515000", "5405150005502015702.5", "tag 57 must be absent unless tag 55 is 03"),
        ("540515000", "5405150005502035703100", "tag 57 must be from 0.01 to 99.99"),
        ("5802ID", "5802id", "tag 58 must be two capital letters"),
        ("5802ID", "5803IDN", "tag 58 must be two capital letters"),
        ("5913WARUNG CONTOH", "5926WARUNG CONTOH WARUNG CONTO", "tag 59 must be 1 to 25"),
        ("0507INV0001", "0577INV0001", "tag 62.05: its value is shorter"),
        ("0703A01", "0503A01", "tag 62.05 stands there twice"),
        ("0703A01", "0703A016402xy", "a tag of two digits is expected within tag 64"),
    ];
    for (from, to, message) in table {
        let found = fault(from, to);
        assert!(found.starts_with(message), "{from} {to}: {found}");
    }
}

#[test]
fn the_checksum_is_the_last_and_right() {
    let table = [
        (GOPAY.replace("C385", "C386"), Error::Checksum),
        (GOPAY.replace("100000.00", "900000.00"), Error::Checksum),
        (GOPAY.replace("C385", "M2B3"), Error::Value(place(63), "four hexadecimal digits")),
        (GOPAY.replace("C385", "+385"), Error::Value(place(63), "four hexadecimal digits")),
        (format!("{GOPAY}6402ab"), Error::Order(place(63), "the last")),
        (GOPAY.replace("6304C385", ""), Error::Missing(place(63))),
        (GOPAY.replace("C385", "C3"), Error::Short(place(63))),
        (format!("{GOPAY} "), Error::NoTag { inside: None }),
        (String::new(), Error::Missing(place(0))),
        (GOPAY.replace("PAPI", "PAPÍ"), Error::Character { at: 154 }),
        ("9".repeat(513), Error::Long),
    ];
    for (text, error) in table {
        assert_eq!(parse(&text), Err(error), "{text}");
    }
}

fn place(tag: u8) -> Place {
    Place { inside: None, tag: Tag::new(tag) }
}

#[test]
fn what_cannot_be_written_is_not_made() {
    let named = |error: Error| error.to_string();
    let long = "x".repeat(26);
    let reference = |text: &str| Payload::dynamic(&merchant(), rupiah(1), text).map_err(named);
    assert_eq!(reference(&long), Err("tag 62.05 must be at most 25 characters".to_owned()));
    assert!(reference(&long[1..]).is_ok());
    assert!(reference("").unwrap_err().starts_with("tag 62.05 must be 1 to 99"));
    assert!(reference("é").unwrap_err().starts_with("tag 62.05 must be 1 to 99"));
    let most = rupiah(9_999_999_999_999);
    assert!(Payload::dynamic(&merchant(), most, "r").is_ok());
    let more = Payload::dynamic(&merchant(), rupiah(10_000_000_000_000), "r");
    assert!(named(more.unwrap_err()).starts_with("tag 54"));

    let changed = |change: fn(&mut Parts)| {
        let mut parts = parse(STATIC).unwrap().into_parts();
        change(&mut parts);
        named(Payload::new(parts).unwrap_err())
    };
    assert_eq!(changed(|parts| parts.merchant.accounts.clear()), "tag 26 is missing");
    assert_eq!(
        changed(|parts| parts.merchant.accounts[1].tag = Tag::new(26)),
        "tag 26 stands there twice"
    );
    assert!(changed(|parts| parts.merchant.accounts[0].tag = Tag::new(52)).starts_with("tag 52"));
    assert!(changed(|parts| parts.others.push(Field::new(54, "1"))).starts_with("tag 54"));
    assert_eq!(
        changed(|parts| {
            parts.additional = (50..53).map(|tag| Field::new(tag, "x".repeat(40))).collect();
        }),
        "tag 62 must be at most 99 characters"
    );
    assert_eq!(
        changed(|parts| {
            parts.others = (80..90).map(|tag| Field::new(tag, "x".repeat(90))).collect();
        }),
        "the payload has more than 512 characters"
    );
}

#[test]
fn sums_and_percentages() {
    for (text, hundredths) in [("1", 100), ("0.5", 50), ("15000.00", 1_500_000), ("007", 700)] {
        assert_eq!(Sum::parse(text).unwrap().hundredths(), hundredths, "{text}");
    }
    assert_eq!(Sum::parse("0.50").unwrap().rupiah(), None);
    let bad = ["", "0", "0.00", ".5", "1.", "1.000", "1,5", "+1", "-1", "1e3", "12345678901234"];
    for text in bad {
        assert_eq!(Sum::parse(text), None, "{text}");
    }
    for (text, written) in [("5", "5"), ("5.00", "5"), ("0.01", "0.01"), ("99.99", "99.99")] {
        assert_eq!(Percent::parse(text).unwrap().to_string(), written);
    }
    for text in ["0", "100", "100.0", "0.001", "5 ", ""] {
        assert_eq!(Percent::parse(text), None, "{text}");
    }
}

fn any_payload() -> impl Strategy<Value = Payload> {
    let text = |most: usize| {
        prop::collection::vec(0x20_u8..0x7F, 1..=most)
            .prop_map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let fields = move |tags: std::ops::Range<u8>| {
        prop::collection::btree_map(tags, text(20), 0..4).prop_map(|map| {
            map.into_iter().map(|(tag, value)| Field::new(tag, value)).collect::<Vec<_>>()
        })
    };
    let tip = prop_oneof![
        Just(None),
        Just(Some(Tip::Entered)),
        (1_u64..1_000_000).prop_map(|sum| Some(Tip::Fixed(Sum::parse(&sum.to_string()).unwrap()))),
        (1_u16..10_000).prop_map(|points| {
            Some(Tip::Percent(Percent::new(BasisPoints::new(points).unwrap()).unwrap()))
        }),
    ];
    let amount = prop::option::of((0_u64..100_000_000, 0..100).prop_map(|(whole, part)| {
        Sum::parse(&format!("{whole}.{part:02}")).unwrap_or_else(|| Sum::parse("1").unwrap())
    }));
    let who = (text(25), text(15), prop::option::of(text(10)));
    let rest = (fields(1..99), fields(64..100), any::<bool>());
    (who, rest, amount, tip).prop_map(|((name, city, postal), rest, amount, tip)| {
        let (additional, others, once) = rest;
        let initiation = if once { Initiation::Dynamic } else { Initiation::Static };
        let merchant = Merchant { name, city, postal, ..merchant() };
        let others: Vec<Field> = others.into_iter().filter(|field| field.tag.get() != 64).collect();
        let (currency, country) = ("360".to_owned(), "ID".to_owned());
        let parts =
            Parts { initiation, merchant, currency, amount, tip, country, additional, others };
        Payload::new(parts).unwrap()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(payload in any_payload()) {
        prop_assert_eq!(parse(&payload.to_string()), Ok(payload));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,600}") {
        let _ = parse(&text);
    }

    /// Tags and lengths that are nearly right get further than any text.
    #[test]
    fn no_fields_make_it_panic(text in "000201([0-9]{2}0[0-9][0-9A-Z]{0,9}){0,12}") {
        if let Ok(payload) = parse(&sealed(&text)) {
            prop_assert_eq!(parse(&payload.to_string()), Ok(payload));
        }
    }

    /// A change of one character is always seen; with the checksum put right, it is either refused
    /// or read as something that is written as it was read.
    #[test]
    fn a_changed_character_is_seen(at in 0_usize..250, to in 0x20_u8..0x7F) {
        for code in [GOPAY, SHOPEE, STATIC, DYNAMIC] {
            let mut bytes = code.as_bytes().to_vec();
            let Some(byte) = bytes.get_mut(at).filter(|byte| !byte.eq_ignore_ascii_case(&to))
            else { continue };
            *byte = to;
            let text = String::from_utf8(bytes).unwrap();
            prop_assert!(parse(&text).is_err(), "{}", text);
            if let Ok(payload) = parse(&sealed(&text[..text.len() - 8])) {
                prop_assert_eq!(parse(&payload.to_string()), Ok(payload));
            }
        }
    }
}
