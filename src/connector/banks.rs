//! The banks of Indonesia by their three-digit code.
//!
//! The codes are those of the central bank's clearing, agreed on by public lists. A BIC stands here
//! only if a bank's own paper or a list names it; the lists are known to hold mistakes, so a BIC
//! that money depends on is to be confirmed with the bank it belongs to.

/// A bank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bank {
    /// Three digits, zeros in front included.
    pub code: &'static str,
    /// The name it goes by.
    pub name: &'static str,
    /// The SWIFT code of its head office, where one is known.
    pub bic: Option<&'static str>,
}

/// The bank of a code.
pub fn find(code: &str) -> Option<&'static Bank> {
    ALL.binary_search_by(|bank| bank.code.cmp(code)).ok().map(|place| &ALL[place])
}

/// The bank of a BIC.
pub fn find_bic(bic: &str) -> Option<&'static Bank> {
    ALL.iter().find(|bank| bank.bic == Some(bic))
}

const fn bank(code: &'static str, name: &'static str) -> Bank {
    Bank { code, name, bic: None }
}

const fn with_bic(code: &'static str, name: &'static str, bic: &'static str) -> Bank {
    Bank { code, name, bic: Some(bic) }
}

/// Every bank, in the order of codes.
pub const ALL: [Bank; 53] = [
    with_bic("002", "BRI", "BRINIDJA"),
    with_bic("008", "Mandiri", "BMRIIDJA"),
    with_bic("009", "BNI", "BNINIDJA"),
    with_bic("011", "Danamon", "BDINIDJA"),
    with_bic("013", "Permata", "BBBAIDJA"),
    with_bic("014", "BCA", "CENAIDJA"),
    with_bic("016", "Maybank Indonesia", "IBBKIDJA"),
    with_bic("019", "Panin", "PINBIDJA"),
    with_bic("022", "CIMB Niaga", "BNIAIDJA"),
    bank("023", "UOB Indonesia"),
    with_bic("028", "OCBC Indonesia", "NISPIDJA"),
    with_bic("031", "Citibank", "CITIIDJX"),
    with_bic("036", "CCB Indonesia", "MCORIDJA"),
    with_bic("037", "Artha Graha", "ARTGIDJA"),
    with_bic("041", "HSBC", "HSBCIDJA"),
    bank("042", "MUFG"),
    with_bic("046", "DBS Indonesia", "DBSBIDJA"),
    bank("050", "Standard Chartered"),
    bank("087", "HSBC Indonesia"),
    with_bic("097", "Mayapada", "MAYAIDJA"),
    with_bic("110", "BJB", "PDJBIDJA"),
    bank("111", "Bank DKI"),
    bank("112", "BPD DIY"),
    with_bic("113", "Bank Jateng", "PDJGIDJ1"),
    with_bic("114", "Bank Jatim", "PDJTIDJ1"),
    with_bic("116", "Aceh Syariah", "PDACIDJ1"),
    with_bic("117", "Sumut", "PDSUIDJ1"),
    bank("118", "Nagari"),
    bank("119", "Riau Kepri Syariah"),
    with_bic("120", "Sumsel Babel", "BSSPIDSP"),
    with_bic("121", "Lampung", "PDLPIDJ1"),
    bank("129", "BPD Bali"),
    with_bic("147", "Muamalat", "MUABIDJA"),
    bank("153", "Sinarmas"),
    with_bic("200", "BTN", "BTANIDJA"),
    bank("213", "BTPN / SMBC Indonesia"),
    with_bic("426", "Mega", "MEGAIDJA"),
    bank("441", "KB Bank"),
    with_bic("451", "BSI", "BSMDIDJA"),
    bank("484", "KEB Hana"),
    bank("490", "Neo Commerce"),
    bank("494", "Raya"),
    bank("501", "BCA Digital / blu"),
    with_bic("503", "Nobu", "LFIBIDJ1"),
    bank("506", "Mega Syariah"),
    with_bic("513", "Ina Perdana", "INPBIDJ1"),
    bank("517", "Panin Dubai Syariah"),
    bank("523", "Sahabat Sampoerna"),
    with_bic("531", "Amar", "LOMAIDJ1"),
    with_bic("535", "SeaBank", "KSEBIDJ1"),
    bank("536", "BCA Syariah"),
    bank("542", "Jago"),
    bank("567", "Allo"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_three_digits_in_order_and_bics_belong_to_one() {
        assert!(ALL.is_sorted_by(|one, next| one.code < next.code));
        for bank in &ALL {
            assert!(bank.code.len() == 3 && bank.code.bytes().all(|byte| byte.is_ascii_digit()));
            assert_eq!(find(bank.code), Some(bank));
            if let Some(bic) = bank.bic {
                assert_eq!((bic.len(), &bic[4..6]), (8, "ID"), "{bic}");
                assert_eq!(find_bic(bic), Some(bank), "{bic}");
            }
        }
    }

    #[test]
    fn the_banks_we_speak_to_are_there() {
        let bics = ["009", "014", "008"].map(|code| find(code).and_then(|bank| bank.bic));
        assert_eq!(bics, [Some("BNINIDJA"), Some("CENAIDJA"), Some("BMRIIDJA")]);
        assert_eq!(find("999"), None);
        assert_eq!(find_bic("BNIAIDJA").map(|bank| bank.code), Some("022"));
    }
}
