//! The house's own accounts. They open with the first use of a currency.

use super::Error;
use crate::engine::{Engine, NameKind};
use crate::ledger::event::{AccountKind, AccountOpened, Fact};
use crate::ledger::id::{AccountId, Principal};
use crate::ledger::money::Currency;

/// The house's account of this kind.
///
/// # Errors
/// If it has to be opened and too much is waiting.
pub async fn account(
    engine: &Engine,
    kind: AccountKind,
    currency: Currency,
) -> Result<AccountId, Error> {
    if let Some(account) = engine.view().house_account(kind, currency) {
        return Ok(account);
    }
    let name = format!("{}:{currency}", kind.name());
    let reservation = engine.reserve(NameKind::Account, &name).await;
    if let Some(account) = engine.view().house_account(kind, currency) {
        return Ok(account);
    }
    let opened = opened(kind, currency);
    let recorded = engine.record(Fact::AccountOpened(opened), vec![reservation]).await?;
    match recorded.event.fact {
        Fact::AccountOpened(opened) => Ok(opened.account),
        _ => unreachable!("the answer to a record is that record"),
    }
}

const fn opened(kind: AccountKind, currency: Currency) -> AccountOpened {
    // The writer gives the number.
    AccountOpened {
        account: AccountId(u32::MAX),
        kind,
        currency,
        owner: None,
        floor: 0,
        by: Principal::System,
    }
}
