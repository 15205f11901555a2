//! The breaker by hand, and under any sequence of requests.

use proptest::prelude::*;

use super::*;
use crate::connector::outcome::Reason;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn options() -> Options {
    Options { failures: 3, open_seconds: 10, probes: 2 }
}

fn at(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

/// Lets one through and ends it at once.
fn one(breaker: &mut Breaker, sign: Sign, now: Timestamp) -> bool {
    let turn = breaker.begin(now);
    if let Some(turn) = turn {
        breaker.end(turn, sign, now);
    }
    turn.is_some()
}

fn opened() -> Breaker {
    let mut breaker = Breaker::new(options());
    for _ in 0..3 {
        assert!(one(&mut breaker, Sign::Ill, at(0)));
    }
    breaker
}

#[test]
fn failures_in_a_row_open_it_and_refusals_do_not() {
    let mut breaker = Breaker::new(options());
    for sign in [Sign::Ill, Sign::Ill, Sign::Well, Sign::Ill, Sign::Silent, Sign::Ill] {
        assert!(one(&mut breaker, sign, at(0)), "{sign:?}");
    }
    assert!(breaker.is_available(at(0)));
    assert!(one(&mut breaker, Sign::Ill, at(0)));
    for second in 0..10 {
        assert!(!breaker.is_available(at(second)) && breaker.begin(at(second)).is_none());
    }
    assert!(breaker.is_available(at(10)));
}

#[test]
fn questions_pass_at_any_time_and_what_they_tell_counts() {
    let mut breaker = Breaker::new(options());
    for _ in 0..3 {
        assert!(breaker.is_available(at(0)));
        let question = breaker.ask();
        breaker.end(question, Sign::Ill, at(0));
    }
    assert!(!breaker.is_available(at(0)), "questions in vain open it as well");
    for _ in 0..5 {
        let question = breaker.ask();
        breaker.end(question, Sign::Well, at(9));
    }
    assert!(!breaker.is_available(at(9)), "it stays open for its period");
    let probe = breaker.begin(at(10)).unwrap();
    let question = breaker.ask();
    breaker.end(question, Sign::Well, at(10));
    breaker.end(probe, Sign::Well, at(10));
    for _ in 0..100 {
        assert!(breaker.begin(at(10)).is_some(), "a question is as good as a probe");
    }
}

#[test]
fn half_open_lets_few_through_and_believes_them() {
    let mut breaker = opened();
    let first = breaker.begin(at(10)).unwrap();
    let second = breaker.begin(at(10)).unwrap();
    assert!(breaker.begin(at(10)).is_none());
    breaker.end(first, Sign::Well, at(11));
    assert!(breaker.begin(at(11)).is_none(), "one that is well is not enough");
    breaker.end(second, Sign::Well, at(11));
    for _ in 0..100 {
        assert!(breaker.begin(at(11)).is_some());
    }
}

#[test]
fn one_that_is_ill_opens_it_again() {
    let mut breaker = opened();
    let first = breaker.begin(at(10)).unwrap();
    let second = breaker.begin(at(10)).unwrap();
    breaker.end(first, Sign::Ill, at(12));
    assert!(!breaker.is_available(at(21)));
    breaker.end(second, Sign::Well, at(21));
    assert!(!breaker.is_available(at(21)), "it began before the change");
    assert!(breaker.is_available(at(22)));
}

#[test]
fn probes_that_never_report_do_not_keep_it_half_open() {
    let mut breaker = opened();
    let lost = [breaker.begin(at(10)).unwrap(), breaker.begin(at(10)).unwrap()];
    assert!(breaker.begin(at(19)).is_none());
    let fresh = [breaker.begin(at(20)).unwrap(), breaker.begin(at(20)).unwrap()];
    for turn in lost {
        breaker.end(turn, Sign::Well, at(20));
    }
    assert!(breaker.begin(at(20)).is_none(), "what was lost counts no more");
    for turn in fresh {
        breaker.end(turn, Sign::Well, at(20));
    }
    assert!(breaker.begin(at(20)).is_some());
}

#[test]
fn a_probe_that_was_not_sent_makes_room_for_another() {
    let mut breaker = opened();
    for _ in 0..50 {
        assert!(one(&mut breaker, Sign::Silent, at(10)));
    }
}

#[test]
fn a_clock_set_back_does_not_keep_it_open() {
    let breaker = opened();
    assert!(breaker.is_available(at(-3600)));
}

#[test]
fn only_what_says_that_the_bank_is_down_is_a_bad_sign() {
    let reason = |code: &str| Reason::new(code, "");
    let not_sent = |code| Sign::of(&Outcome::<()>::NotSent(reason(code)));
    let unknown = |code| Sign::of(&Outcome::<()>::Unknown(reason(code)));
    assert_eq!(Sign::of(&Outcome::Succeeded(())), Sign::Well);
    assert_eq!(Sign::of(&Outcome::<()>::Refused(reason("4031714"))), Sign::Well);
    for code in ["no_connection", "connect_timeout", "no_tls", "host_not_found"] {
        assert_eq!(not_sent(code), Sign::Ill, "{code}");
    }
    for code in ["timeout", "broken_off", "5041700", "5001801", "bank_error"] {
        assert_eq!(unknown(code), Sign::Ill, "{code}");
    }
    assert_eq!(unknown("2021700"), Sign::Well);
    for code in ["too_many", "invalid_request", "4291700", "bank_unavailable"] {
        assert_eq!(not_sent(code), Sign::Silent, "{code}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Begin,
    End { which: usize, sign: Sign },
    Pass { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let sign = prop_oneof![Just(Sign::Well), Just(Sign::Ill), Just(Sign::Silent)];
    prop_oneof![
        4 => Just(Step::Begin),
        4 => (0_usize..4, sign).prop_map(|(which, sign)| Step::End { which, sign }),
        1 => (-3_i64..12).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

proptest! {
    /// Whatever happens: it says beforehand what it will do, an open one lets nothing through, and
    /// a period later, once the clock has passed what it saw, it lets something through again.
    #[test]
    fn any_sequence_keeps_its_promises(steps in prop::collection::vec(step(), 0..200)) {
        let mut breaker = Breaker::new(options());
        let (mut now, mut latest, mut turns) = (NOW, NOW, Vec::new());
        for step in steps {
            match step {
                Step::Pass { seconds } => {
                    now = now.plus_seconds(seconds);
                    latest = latest.max(now);
                }
                Step::Begin => {
                    let available = breaker.is_available(now);
                    let turn = breaker.begin(now);
                    prop_assert_eq!(turn.is_some(), available);
                    turns.extend(turn);
                }
                Step::End { which, sign } if !turns.is_empty() => {
                    let turn = turns.swap_remove(which % turns.len());
                    breaker.end(turn, sign, now);
                }
                Step::End { .. } => {}
            }
            if let State::HalfOpen { given, well, .. } = breaker.state {
                prop_assert!(given <= 2 && well < 2);
            }
            // After the latest moment it has seen: the clock may stand before that.
            prop_assert!(breaker.is_available(latest.plus_seconds(10)), "shut for ever");
        }
    }

    /// However many are well in between, it opens after so many failures in a row, not before.
    #[test]
    fn it_counts_failures_in_a_row(signs in prop::collection::vec(any::<bool>(), 0..50)) {
        let mut breaker = Breaker::new(options());
        let mut in_a_row = 0;
        for well in signs {
            let sign = if well { Sign::Well } else { Sign::Ill };
            prop_assert_eq!(one(&mut breaker, sign, NOW), in_a_row < 3);
            if in_a_row < 3 {
                in_a_row = if well { 0 } else { in_a_row + 1 };
            }
        }
    }
}
