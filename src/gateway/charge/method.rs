//! The ways of paying, as the journal names them: `bank_transfer/bca`, `echannel`, `wallet`.

use crate::connector::midtrans::method::{Acquirer, Bank, Method, Store};

/// The name of what is paid from a wallet here.
pub const WALLET: &str = "wallet";

/// The name of a way through the provider.
pub fn name(method: Method) -> String {
    let kind = method.payment_type();
    match method {
        Method::BankTransfer(bank) => format!("{kind}/{}", bank.name()),
        Method::Qris(acquirer) => format!("{kind}/{}", acquirer.name()),
        Method::Cstore(store) => format!("{kind}/{}", store.name()),
        Method::Echannel | Method::Gopay | Method::Shopeepay | Method::CreditCard => {
            kind.to_owned()
        }
    }
}

/// The way of this name; `None` if it is none of the provider's, or a card.
pub fn parse(name: &str) -> Option<Method> {
    let method = match name.split_once('/') {
        None => match name {
            "echannel" => Method::Echannel,
            "gopay" => Method::Gopay,
            "shopeepay" => Method::Shopeepay,
            "qris" => Method::Qris(Acquirer::Gopay),
            "permata" => Method::BankTransfer(Bank::Permata),
            _ => return None,
        },
        Some(("bank_transfer", bank)) => Method::BankTransfer(Bank::parse(bank)?),
        Some(("qris", acquirer)) => Method::Qris(Acquirer::parse(acquirer)?),
        Some(("cstore", store)) => Method::Cstore(Store::parse(store)?),
        Some(_) => return None,
    };
    method.is_taken().then_some(method)
}

/// The provider's way behind the id of a way to pay, as `GET /api/v1/payment-methods` lists it;
/// `None` if it is none of the provider's.
pub fn offered(id: &str) -> Option<Method> {
    let method = match id {
        "mandiri_bill" => Method::Echannel,
        "qris" => Method::Qris(Acquirer::Gopay),
        "gopay" => Method::Gopay,
        "shopeepay" => Method::Shopeepay,
        "indomaret" => Method::Cstore(Store::Indomaret),
        "alfamart" => Method::Cstore(Store::Alfamart),
        _ => Method::BankTransfer(Bank::parse(id.strip_suffix("_va")?)?),
    };
    method.is_taken().then_some(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_that_is_shipped_is_one_of_the_provider_or_the_wallet() {
        let shipped = include_str!("../../../data/payment-methods.json");
        let rows: Vec<serde_json::Value> = serde_json::from_str(shipped).unwrap();
        for row in &rows {
            let id = row["id"].as_str().unwrap();
            assert_eq!(offered(id).is_none(), id == WALLET, "{id}");
        }
        assert_eq!(offered("mandiri_bill"), Some(Method::Echannel));
        assert_eq!(offered("bca_va"), Some(Method::BankTransfer(Bank::Bca)));
        for wrong in ["", "bca", "x_va", "echannel", "credit_card"] {
            assert_eq!(offered(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_read_back() {
        let banks = Bank::ALL.map(Method::BankTransfer);
        let others = [
            Method::Echannel,
            Method::Gopay,
            Method::Shopeepay,
            Method::Qris(Acquirer::Gopay),
            Method::Qris(Acquirer::Airpay),
            Method::Cstore(Store::Alfamart),
            Method::Cstore(Store::Indomaret),
        ];
        for method in banks.into_iter().chain(others) {
            assert_eq!(parse(&name(method)), Some(method));
        }
        for wrong in ["", WALLET, "credit_card", "bank_transfer", "bank_transfer/x", "x/bca"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
