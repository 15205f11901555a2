//! Which accounts exist, and under which names: by a rule, so that any number can be tried.
//!
//! - The accounts of [`KNOWN`] exist.
//! - Of all others, 6 to 20 digits ending in an even one exist, under a name made from the number;
//!   those ending in an odd digit do not.
//! - What ends in `66` exists but has been inactive: it can be asked about and not paid to.

use crate::simulator::faults::mix;

/// Accounts with a name of their own: bank, number, name.
pub const KNOWN: [(&str, &str, &str); 4] = [
    ("009", "0115471119", "ERRY JULIO"),
    ("014", "0847652591", "WARUNG BU SRI"),
    ("008", "1370012345679", "BUDI SANTOSO"),
    ("002", "002301098765503", "ANI LESTARI"),
];

const FIRST: [&str; 16] = [
    "AGUS", "AYU", "BAMBANG", "CITRA", "DEWI", "EKO", "FITRI", "HENDRA", "INDAH", "JOKO",
    "LESTARI", "MADE", "NUR", "PUTU", "RATNA", "SITI",
];
const LAST: [&str; 16] = [
    "ANGGRAINI",
    "FIRMANSYAH",
    "GUNAWAN",
    "HALIM",
    "HIDAYAT",
    "KURNIAWAN",
    "LUBIS",
    "MAULANA",
    "NASUTION",
    "PRATAMA",
    "RAHAYU",
    "SAPUTRA",
    "SETIAWAN",
    "SIREGAR",
    "WIBOWO",
    "WIJAYA",
];

/// The name on an account of a bank; `None` if there is no such account.
pub fn holder(bank: &str, account: &str) -> Option<String> {
    let known = KNOWN.iter().find(|known| (known.0, known.1) == (bank, account));
    if let Some((_, _, name)) = known {
        return Some((*name).to_owned());
    }
    let digits = account.bytes().all(|byte| byte.is_ascii_digit());
    let even = account.bytes().last().is_some_and(|digit| digit % 2 == 0);
    (digits && even && (6..=20).contains(&account.len())).then(|| {
        let number =
            account.bytes().chain(bank.bytes()).fold(0, |sum, byte| mix(sum ^ u64::from(byte)));
        let pick = |names: &[&'static str; 16], shift: u32| names[(number >> shift) as usize % 16];
        format!("{} {}", pick(&FIRST, 0), pick(&LAST, 8))
    })
}

/// Whether an account that exists takes no money.
pub fn is_inactive(account: &str) -> bool {
    account.ends_with("66")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_which_account_follows_the_rule() {
        assert_eq!(holder("009", "0115471119").as_deref(), Some("ERRY JULIO"));
        assert_eq!(holder("014", "0115471119"), None);
        assert_eq!(holder("009", "1234567890"), holder("009", "1234567890"));
        assert!(holder("009", "1234567890").is_some());
        for none in ["1234567891", "12345", "12345678901234567890a", "", "12 4567890"] {
            assert_eq!(holder("009", none), None, "{none}");
        }
        let names: std::collections::HashSet<_> =
            (0..200).map(|number| holder("009", &format!("{:010}", number * 2))).collect();
        assert!(names.len() > 80);
    }
}
