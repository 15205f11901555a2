//! The accounts that a fact touches.

use super::id::AccountId;

/// Most accounts that one fact touches: giver, receiver, the house for its fee, and who owed the
/// bill that is paid.
pub const ACCOUNTS_TOUCHED_MAX: usize = 4;

/// Different accounts, without a heap.
#[derive(Clone, Copy, Default, Debug)]
pub struct AccountsTouched {
    accounts: [Option<AccountId>; ACCOUNTS_TOUCHED_MAX],
}

impl AccountsTouched {
    pub(super) fn push(&mut self, account: AccountId) {
        if self.iter().any(|known| known == account) {
            return;
        }
        if let Some(free) = self.accounts.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(account);
        }
    }

    /// The accounts, giver first.
    pub fn iter(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.accounts.iter().flatten().copied()
    }
}
