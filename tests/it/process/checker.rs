//! What clients were told before a crash against what they are told after it.

use std::fmt::Write;

/// A payment to the warung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) by: String,
    pub(super) reference: String,
    pub(super) amount: u64,
}

/// An answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) replayed: bool,
}

/// A payment before and after a crash.
#[derive(Clone, Debug)]
pub(super) struct Traced {
    pub(super) asked: Asked,
    /// What the client was told, if it was.
    pub(super) before: Option<Told>,
    /// What the same request is told afterwards, sent twice.
    pub(super) after: [Told; 2],
}

/// Everything that is wrong: an answer that was not kept, a payment done twice or not at all.
pub(super) fn faults(traced: &[Traced]) -> String {
    let mut faults = String::new();
    for Traced { asked, before, after: [first, second] } in traced {
        let mut fault = |what: &str| {
            let _ = writeln!(faults, "{}: {what}", asked.reference);
        };
        if let Some(before) = before {
            if before.status != 201 {
                fault("it was refused");
            }
            if !first.replayed {
                fault("it was acknowledged and then done again");
            }
            if (before.status, &before.body) != (first.status, &first.body) {
                fault("it has another answer now");
            }
        }
        if first.status != 201 {
            fault("it is not done");
        }
        if !second.replayed || (first.status, &first.body) != (second.status, &second.body) {
            fault("it was done twice afterwards");
        }
    }
    faults
}

/// The sum of what one user asked for, each payment once.
pub(super) fn spent(traced: &[Traced], by: &str) -> u64 {
    traced.iter().filter(|one| one.asked.by == by).map(|one| one.asked.amount).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str, replayed: bool) -> Told {
        Told { status: 201, body: body.to_owned(), replayed }
    }

    fn traced(before: Option<Told>, first: Told, second: Told) -> [Traced; 1] {
        let asked = Asked { by: "ani".into(), reference: "r".into(), amount: 5 };
        [Traced { asked, before, after: [first, second] }]
    }

    #[test]
    fn what_was_kept_is_no_fault() {
        let kept = traced(Some(told("a", false)), told("a", true), told("a", true));
        assert_eq!(faults(&kept), "");
        let late = traced(None, told("a", false), told("a", true));
        assert_eq!(faults(&late), "");
        assert_eq!((spent(&late, "ani"), spent(&late, "budi")), (5, 0));
    }

    #[test]
    fn what_was_lost_or_doubled_is_found() {
        let refused = Told { status: 422, ..told("n", true) };
        let table = [
            (Some(told("a", false)), told("b", false), told("b", true), "done again"),
            (Some(told("a", false)), told("b", true), told("b", true), "another answer"),
            (None, told("a", false), told("b", false), "done twice"),
            (None, told("a", true), told("b", true), "done twice"),
            (Some(told("a", false)), refused.clone(), refused.clone(), "not done"),
            (Some(refused.clone()), refused.clone(), refused, "refused"),
        ];
        for (before, first, second, fault) in table {
            let found = faults(&traced(before, first, second));
            assert!(found.contains(fault), "{fault}: {found}");
        }
    }
}
