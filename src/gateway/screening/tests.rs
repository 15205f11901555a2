//! Tables: what rules say, which rules make no sense, what happens without room.

use super::*;

fn rules(text: &str) -> Result<Rules, String> {
    let raw: RawScreening = toml::from_str(text).map_err(|error| error.to_string())?;
    Rules::from_raw(raw).map_err(|error| error.to_string())
}

fn rule(name: &str, outcome: &str, check: &str) -> String {
    format!("[[rules]]\nname = '{name}'\noutcome = '{outcome}'\n{check}\n")
}

fn subject(account: &str, units: u64, seconds: i64) -> Subject<'_> {
    Subject {
        client: UserId(0),
        bank: BankCode::parse("009").unwrap(),
        account,
        amount: Amount::new(units).unwrap(),
        at: Timestamp::from_seconds(1_790_000_000 + seconds),
    }
}

/// `deny large`, or `accept`.
fn said(decision: &Decision) -> String {
    let rule = decision.rule.as_ref().map_or_else(String::new, |rule| format!(" {rule}"));
    format!("{}{rule}", decision.outcome.name())
}

#[test]
fn single_rules() {
    let cases = [
        ("amount_above = 100", "1", 100, "accept"),
        ("amount_above = 100", "1", 101, "deny it"),
        ("amount_above = 0", "1", 1, "deny it"),
        ("banks = ['014', '008']", "1", 1, "accept"),
        ("banks = ['014', '009']", "1", 1, "deny it"),
        ("accounts = ['009/1', '014/2']", "1", 1, "deny it"),
        ("accounts = ['009/1', '014/2']", "2", 1, "accept"),
        ("accounts = ['009/1', '014/2']", "11", 1, "accept"),
        ("new_beneficiary_above = 100", "1", 100, "accept"),
        ("new_beneficiary_above = 100", "1", 101, "deny it"),
        ("per = 'client'\nwindow_seconds = 60\nsum_above = 100", "1", 100, "accept"),
        ("per = 'client'\nwindow_seconds = 60\nsum_above = 100", "1", 101, "deny it"),
        ("per = 'beneficiary'\nwindow_seconds = 60\ncount_above = 0", "1", 1, "deny it"),
    ];
    for (check, account, units, expected) in cases {
        let mut screening = Screening::new(rules(&rule("it", "deny", check)).unwrap());
        assert_eq!(
            said(&screening.judge(&subject(account, units, 0))),
            expected,
            "{check} {units}"
        );
    }
}

#[test]
fn the_first_denial_wins_else_the_first_challenge() {
    let both = |first: &str, second: &str, third: &str| {
        let all = [("a", first), ("b", second), ("c", third)]
            .map(|(name, outcome)| rule(name, outcome, "amount_above = 100"))
            .concat();
        said(&Screening::new(rules(&all).unwrap()).judge(&subject("1", 101, 0)))
    };
    assert_eq!(both("challenge", "challenge", "challenge"), "challenge a");
    assert_eq!(both("challenge", "deny", "deny"), "deny b");
    assert_eq!(both("deny", "challenge", "deny"), "deny a");
    assert_eq!(said(&Screening::new(rules("").unwrap()).judge(&subject("1", 1, 0))), "accept");
}

#[test]
fn whom_a_rule_trusts_those_behind_it_are_not_asked_about() {
    let trusted = rule("trusted", "accept", "accounts = ['009/1']");
    let large = rule("large", "challenge", "amount_above = 100");
    let blocked = rule("blocked", "deny", "banks = ['009']");
    let said = |rules_in_order: &[&String], account: &str| {
        let text: String = rules_in_order.iter().map(|rule| rule.as_str()).collect();
        said(&Screening::new(rules(&text).unwrap()).judge(&subject(account, 500, 0)))
    };
    assert_eq!(said(&[&trusted, &large, &blocked], "1"), "accept trusted");
    assert_eq!(said(&[&trusted, &large, &blocked], "2"), "deny blocked");
    assert_eq!(said(&[&large, &trusted, &blocked], "1"), "challenge large", "what was said before");
    assert_eq!(said(&[&blocked, &trusted], "1"), "deny blocked");
}

#[test]
fn speed_is_counted_per_client_and_per_beneficiary() {
    let text = [
        rule("client", "deny", "per = 'client'\nwindow_seconds = 160\ncount_above = 3"),
        rule("payee", "challenge", "per = 'beneficiary'\nwindow_seconds = 160\nsum_above = 100"),
    ]
    .concat();
    let mut screening = Screening::new(rules(&text).unwrap());
    let steps = [
        (0, "1", 60, 0, "accept"),
        (0, "1", 60, 10, "challenge payee"),
        (1, "1", 1, 10, "challenge payee"),
        (0, "2", 100, 20, "accept"),
        // The fourth of client 0, though the one before was only challenged.
        (0, "3", 1, 30, "deny client"),
        // What was denied does not count.
        (0, "3", 1, 159, "deny client"),
        (1, "3", 100, 159, "accept"),
        // The first two are over, a slot after their window.
        (0, "1", 99, 180, "accept"),
    ];
    for (client, account, units, seconds, expected) in steps {
        let subject = Subject { client: UserId(client), ..subject(account, units, seconds) };
        assert_eq!(said(&screening.judge(&subject)), expected, "{subject:?}");
    }
    assert_eq!(screening.failures(), Failures::default());
    assert_eq!(screening.reach_seconds(), 160);
}

#[test]
fn a_beneficiary_is_new_once() {
    let text = rule("new", "challenge", "new_beneficiary_above = 100");
    let mut screening = Screening::new(rules(&text).unwrap());
    assert_eq!(said(&screening.judge(&subject("1", 500, 0))), "challenge new");
    assert_eq!(said(&screening.judge(&subject("1", 500, 1))), "accept");
    assert_eq!(said(&screening.judge(&subject("2", 500, 1))), "challenge new");
    assert_eq!(screening.reach_seconds(), limits::BENEFICIARY_KNOWN_SECONDS);
}

#[test]
fn memory_that_is_filled_again_says_the_same() {
    let text = [
        rule("client", "deny", "per = 'client'\nwindow_seconds = 3600\ncount_above = 5"),
        rule("new", "challenge", "new_beneficiary_above = 100"),
    ]
    .concat();
    let mut before = Screening::new(rules(&text).unwrap());
    let mut after = Screening::new(rules(&text).unwrap());
    for seconds in 0..5 {
        let subject = subject("1", 500, seconds * 100);
        before.judge(&subject);
        after.record(&subject);
    }
    for (account, units) in [("1", 500), ("2", 500), ("2", 1)] {
        let subject = subject(account, units, 600);
        assert_eq!(before.preview(&subject), after.preview(&subject));
        assert_eq!(before.judge(&subject), after.judge(&subject));
    }
}

#[test]
fn without_room_the_configured_answer_is_given_and_counted() {
    for (on_failure, expected) in
        [("accept", "accept"), ("challenge", "challenge pace"), ("deny", "deny pace")]
    {
        let pace = "per = 'beneficiary'\nwindow_seconds = 3600\ncount_above = 5";
        let text = format!(
            "on_failure = '{on_failure}'\n{}{}",
            rule("pace", "deny", pace),
            rule("new", "deny", "new_beneficiary_above = 100")
        );
        let mut screening = Screening::new(rules(&text).unwrap());
        screening.velocity = Velocity::new(1);
        screening.known = Known::new(1);
        assert_eq!(said(&screening.judge(&subject("1", 1, 0))), "accept");
        assert_eq!(said(&screening.judge(&subject("2", 1, 0))), expected);
        assert_eq!(said(&screening.judge(&subject("1", 500, 0))), "accept", "those there go on");
        let forgotten = u64::from(on_failure != "deny");
        assert_eq!(screening.failures(), Failures { uncounted: 1, forgotten });
        // The other rules still speak.
        assert_eq!(
            said(&screening.judge(&subject("2", 500, 0))),
            match on_failure {
                "deny" => "deny pace",
                _ => "deny new",
            }
        );
    }
}

#[test]
fn rules_that_make_no_sense_name_their_key() {
    let deny = |check: &str| rule("it", "deny", check);
    let pace = |rest: &str| deny(&format!("per = 'client'\n{rest}"));
    let cases = [
        ("on_failure = 'shrug'".to_owned(), "screening.on_failure"),
        ("onfailure = 'deny'".to_owned(), "onfailure"),
        (deny(""), "screening.rules: it: it looks for nothing"),
        (deny("amount_above = 1\nbanks = ['009']"), "it looks for more than one thing"),
        (deny("amount_above = -1"), "amount_above"),
        (deny("amount_abov = 1"), "amount_abov"),
        (rule("it", "accept", "amount_above = 1"), "screening.rules.outcome"),
        (rule("it", "block", "amount_above = 1"), "screening.rules.outcome"),
        (rule("", "deny", "amount_above = 1"), "screening.rules.name"),
        (rule("two words", "deny", "amount_above = 1"), "screening.rules.name"),
        (deny("amount_above = 1").repeat(2), "two rules are called it"),
        (deny("window_seconds = 60\ncount_above = 1"), "screening.rules.per"),
        (deny("per = 'bank'\nwindow_seconds = 60\ncount_above = 1"), "screening.rules.per"),
        (pace("count_above = 1"), "screening.rules.window_seconds"),
        (pace("window_seconds = 0\ncount_above = 1"), "screening.rules.window_seconds"),
        (pace("window_seconds = 99999999\ncount_above = 1"), "screening.rules.window_seconds"),
        (pace("window_seconds = 60"), "screening.rules.count_above"),
        (deny("banks = []"), "screening.rules.banks"),
        (deny("banks = ['BNI']"), "screening.rules.banks"),
        (deny("accounts = []"), "screening.rules.accounts"),
        (deny("accounts = ['0115471119']"), "screening.rules.accounts"),
        (deny("accounts = ['009/']"), "screening.rules.accounts"),
        (deny("accounts = ['009/1 2']"), "screening.rules.accounts"),
    ];
    for (text, key) in cases {
        let error = rules(&text).unwrap_err();
        assert!(error.contains(key), "{text}: {error}");
    }
}

#[test]
fn what_is_printed_gives_the_same_again() {
    let text = [
        "on_failure = 'deny'\n".to_owned(),
        rule("a", "deny", "per = 'client'\nwindow_seconds = 60\ncount_above = 1\nsum_above = 2"),
        rule("b", "challenge", "accounts = ['009/1']"),
    ]
    .concat();
    let read = rules(&text).unwrap();
    assert_eq!(rules(&toml::to_string(read.raw()).unwrap()).unwrap(), read);
}

#[test]
fn a_preview_shows_every_rule_and_records_nothing() {
    let text = [
        rule("large", "challenge", "amount_above = 1000"),
        rule("pace", "deny", "per = 'client'\nwindow_seconds = 60\ncount_above = 2"),
        rule("bank", "deny", "banks = ['999']"),
        rule("new", "challenge", "new_beneficiary_above = 5000"),
    ]
    .concat();
    let mut screening = Screening::new(rules(&text).unwrap());
    screening.judge(&subject("1", 1, 0));
    let expected = "\
Outcome: challenge by rule large: amount 2000, at most 1000.
large: challenge, amount 2000, at most 1000.
pace: content, 2 of at most 2 transfers, 2001 in 60 s.
bank: content, the bank is not on the list.
new: content, the beneficiary is known, amount 2000, to new ones at most 5000.
";
    for _ in 0..3 {
        assert_eq!(screening.preview(&subject("1", 2_000, 1)), expected);
    }
    let empty = Screening::new(rules("").unwrap());
    assert_eq!(empty.preview(&subject("1", 1, 0)), "Outcome: accept: no rule objects.\n");
}

#[test]
fn other_rules_keep_what_the_same_ones_have_counted() {
    let pace = |name, per, seconds| {
        let check = format!("per = '{per}'\nwindow_seconds = {seconds}\ncount_above = 2");
        rule(name, "deny", &check)
    };
    let cases = [
        // In another place, beside others: two have passed already.
        (
            [rule("large", "deny", "amount_above = 900"), pace("fast", "client", 60)].concat(),
            "deny fast",
        ),
        (pace("fast", "client", 60), "deny fast"),
        (pace("quick", "client", 60), "accept"),
        (pace("fast", "client", 61), "accept"),
        (pace("fast", "beneficiary", 60), "accept"),
        (String::new(), "accept"),
    ];
    for (text, expected) in cases {
        let mut screening = Screening::new(rules(&pace("fast", "client", 60)).unwrap());
        assert_eq!(said(&screening.judge(&subject("1", 1, 0))), "accept");
        assert_eq!(said(&screening.judge(&subject("1", 1, 0))), "accept");
        screening.follow(rules(&text).unwrap());
        assert_eq!(said(&screening.judge(&subject("1", 1, 1))), expected, "{text}");
    }
}
