//! The rules of one-time codes as tables, and a day of guessing.

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const THIS: Digest = Digest([1; 16]);
const OTHER: Digest = Digest([2; 16]);

fn code() -> LiveCode {
    LiveCode::new([7; 16], CodeHash([9; 32]), THIS, NOW)
}

fn after(changes: &[CodeChange]) -> Codes {
    let mut codes = Codes::default();
    changes.iter().for_each(|change| codes.apply(change, NOW));
    codes
}

fn sent() -> Codes {
    after(&[CodeChange::Issued(code())])
}

fn enrolled() -> Codes {
    let secret = SealedKey(Box::from([1_u8]));
    after(&[CodeChange::TotpBegun(secret), CodeChange::TotpConfirmed(100)])
}

const fn offered(is_live: bool, step: Option<u64>, movement: Digest) -> Offered {
    Offered { is_live, step, movement }
}

const RIGHT: Offered = offered(true, None, THIS);
const WRONG: Offered = offered(false, None, THIS);

#[test]
fn a_code_is_good_once_for_its_movement_and_five_minutes() {
    use CodeChange::{Burnt, Tried, Used};
    let invalid = Err(CodeError::Invalid);
    let tried = |times| after(&[&[CodeChange::Issued(code())], &vec![Tried; times][..]].concat());
    // (state, offered, seconds after it was sent, what follows)
    let table = [
        (sent(), RIGHT, 0, (Some(Used), Ok(()))),
        (sent(), RIGHT, 299, (Some(Used), Ok(()))),
        (sent(), RIGHT, 300, (None, Err(CodeError::Expired))),
        // A clock set back gives no code a longer life; a second or two are no setting back.
        (sent(), RIGHT, -5, (Some(Used), Ok(()))),
        (sent(), RIGHT, -6, (None, Err(CodeError::Expired))),
        (sent(), offered(true, None, OTHER), 0, (Some(Burnt), invalid)),
        (sent(), offered(true, None, OTHER), 300, (None, Err(CodeError::Expired))),
        (sent(), WRONG, 0, (Some(Tried), invalid)),
        (sent(), offered(false, None, OTHER), 0, (Some(Tried), invalid)),
        (sent(), WRONG, 300, (None, invalid)),
        (tried(4), RIGHT, 0, (Some(Used), Ok(()))),
        (tried(5), RIGHT, 0, (None, invalid)),
        (after(&[CodeChange::Issued(code()), Used]), RIGHT, 0, (None, invalid)),
        (after(&[CodeChange::Issued(code()), Burnt]), RIGHT, 0, (None, invalid)),
        (Codes::default(), RIGHT, 0, (None, invalid)),
        // An app that was not confirmed says nothing.
        (
            after(&[CodeChange::TotpBegun(SealedKey(Box::from([1_u8])))]),
            offered(false, Some(1), THIS),
            0,
            (None, invalid),
        ),
    ];
    for (row, (codes, offered, seconds, expected)) in table.into_iter().enumerate() {
        assert_eq!(codes.offer(offered, NOW.plus_seconds(seconds)), expected, "row {row}");
    }
}

#[test]
fn a_new_code_kills_the_old_and_has_all_its_tries() {
    let mut codes = sent();
    for _ in 0..4 {
        codes.apply(&CodeChange::Tried, NOW);
    }
    let new = LiveCode { id: [8; 16], ..code() };
    codes.apply(&CodeChange::Issued(new.clone()), NOW);
    assert_eq!(codes.live, Some(new));
}

#[test]
fn ten_codes_a_day_of_the_books() {
    let mut codes = Codes::default();
    // A quarter of an hour before midnight in Jakarta.
    let evening = Timestamp::parse_rfc3339("2026-11-18T23:45:00+07:00").expect("a time");
    for _ in 0..10 {
        assert!(codes.may_issue(evening));
        codes.apply(&CodeChange::Issued(code()), evening);
    }
    assert!(!codes.may_issue(evening));
    assert!(!codes.may_issue(evening.plus_seconds(14 * 60)));
    assert!(!codes.may_issue(evening.plus_seconds(-24 * 3600)), "a clock set back gives none");
    assert!(codes.may_issue(evening.plus_seconds(15 * 60)));
    codes.apply(&CodeChange::Issued(code()), evening.plus_seconds(15 * 60));
    assert_eq!(codes.sent, 1);
}

#[test]
fn a_day_of_guessing_is_fifty_guesses() {
    let mut codes = Codes::default();
    let dawn = Timestamp::parse_rfc3339("2026-11-18T00:00:00+07:00").expect("a time");
    let mut guesses = 0;
    for second in 0..24 * 3600 {
        let now = dawn.plus_seconds(second);
        if codes.live.is_none() && codes.may_issue(now) {
            let code = LiveCode::new([0; 16], CodeHash([0; 32]), THIS, now);
            codes.apply(&CodeChange::Issued(code), now);
        }
        if let (Some(change), Err(_)) = codes.offer(WRONG, now) {
            guesses += 1;
            codes.apply(&change, now);
        }
    }
    assert_eq!(guesses, 50);
}

#[test]
fn a_day_of_guessing_at_an_app_is_forty_guesses() {
    let mut codes = enrolled();
    let mut guesses = 0;
    for second in 0..24 * 3600 {
        let now = NOW.plus_seconds(second);
        if let (Some(change), Err(_)) = codes.offer(WRONG, now) {
            guesses += 1;
            codes.apply(&change, now);
        }
    }
    assert_eq!(guesses, 40);
}

#[test]
fn a_step_counts_once_and_none_before_it() {
    let invalid = (Some(CodeChange::Tried), Err(CodeError::Invalid));
    let mut codes = enrolled();
    // (step offered, what follows); 100 was used to confirm.
    let table = [
        (100, invalid.clone()),
        (99, invalid.clone()),
        (101, (Some(CodeChange::TotpUsed(101)), Ok(()))),
        (101, invalid.clone()),
        (103, (Some(CodeChange::TotpUsed(103)), Ok(()))),
        (102, invalid),
    ];
    for (step, expected) in table {
        let verdict = codes.offer(offered(false, Some(step), OTHER), NOW);
        assert_eq!(verdict, expected, "step {step}");
        verdict.0.iter().for_each(|change| codes.apply(change, NOW));
    }
}

#[test]
fn five_wrong_ones_close_the_app_but_not_the_codes_that_are_sent() {
    let mut codes = enrolled();
    for _ in 0..5 {
        codes.apply(&CodeChange::Tried, NOW);
    }
    let until = NOW.plus_seconds(TOTP_LOCK_SECONDS);
    let right = offered(false, Some(200), THIS);
    assert_eq!(codes.offer(right, NOW), (None, Err(CodeError::Locked(until))));
    assert_eq!(codes.offer(right, until).1, Ok(()));
    let remove = codes.offer_step(Some(200), StepDone::Remove, NOW);
    assert_eq!(remove, (None, Err(CodeError::Locked(until))));
    codes.apply(&CodeChange::TotpBegun(SealedKey(Box::from([2_u8]))), NOW);
    let confirm = codes.offer_step(Some(200), StepDone::Confirm, NOW);
    assert_eq!(confirm, (None, Err(CodeError::Locked(until))), "enrolling anew unlocks nothing");

    codes.apply(&CodeChange::Issued(code()), NOW);
    assert_eq!(codes.offer(WRONG, NOW), (Some(CodeChange::Tried), Err(CodeError::Invalid)));
    assert_eq!(codes.offer(RIGHT, NOW), (Some(CodeChange::Used), Ok(())));
}

#[test]
fn an_app_is_confirmed_and_forgotten_by_its_own_code() {
    let mut codes = after(&[CodeChange::TotpBegun(SealedKey(Box::from([1_u8])))]);
    let wrong = codes.offer_step(None, StepDone::Confirm, NOW);
    assert_eq!(wrong, (Some(CodeChange::Tried), Err(CodeError::Invalid)));
    let right = codes.offer_step(Some(5), StepDone::Confirm, NOW);
    assert_eq!(right, (Some(CodeChange::TotpConfirmed(5)), Ok(())));
    codes.apply(&CodeChange::TotpConfirmed(5), NOW);
    assert!(codes.totp.as_ref().is_some_and(|totp| totp.confirmed));
    let again = codes.offer_step(Some(5), StepDone::Remove, NOW);
    assert_eq!(again.1, Err(CodeError::Invalid), "the same step twice");
    let gone = codes.offer_step(Some(6), StepDone::Remove, NOW);
    assert_eq!(gone, (Some(CodeChange::TotpRemoved), Ok(())));
    codes.apply(&CodeChange::TotpRemoved, NOW);
    assert_eq!(codes.totp, None);
}

#[test]
fn a_hash_is_not_printed() {
    assert!(!format!("{:?}", sent()).contains("9, 9"), "{:?}", sent());
}
