//! The checks of the parameters of saas-v2: each refusal names the key, its value and what is allowed.

use saasgen::error::Error;
use saasgen::models::Model;
use saasgen::models::saas_v2::Laws;
use saasgen::models::saas_v2::parameters::Parameters;

type Change = fn(&mut Parameters);

/// Returns the message with which the parameters are refused after `change`.
fn refusal(change: Change) -> String {
    let mut parameters = Parameters::saas_v2().unwrap();
    change(&mut parameters);
    match Laws::of(parameters) {
        Err(Error::Misuse(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_default_parameters_are_valid() {
    let model = Laws::of(Parameters::saas_v2().unwrap()).unwrap();
    assert_eq!((model.window().days, model.parameters().name.as_str()), (550, "saas-v2"));
}

#[test]
fn values_out_of_range_are_refused_by_key() {
    let cases: &[(Change, &str)] = &[
        (|p| p.name = String::new(), "`name` is \"\"; it must be 1 to 64 bytes of text without control characters"),
        (|p| p.window.months = 121, "`window.months` is 121; it must be a whole number from 1 to 120"),
        (
            |p| p.window.start = "2023-07-02".parse().unwrap(),
            "`window.start` is 2023-07-02; it must be the first day of a month, from 1900-01-01 to 2200-12-01",
        ),
        (|p| p.signup.growth = f64::NAN, "`signup.growth` is NaN; it must be a number from -0.5 to 1"),
        (|p| p.signup.week.sat = -1.0, "`signup.week.Sat` is -1; it must be a number from 0 to 1000"),
        (
            |p| p.plans.free.share = 0.5,
            "`plans` is a table of shares that sum to 1.1; it must be a table of shares that sum to 1",
        ),
        (|p| p.plans.free.price = 6.0, "`plans.Free.price` is 6; it must be a number from 0 to 0"),
        (
            |p| p.plans.pro.price = 15.01,
            "`plans.Pro.price` is 15.01; it must be a price with at most two decimals that is a multiple of 0.06",
        ),
        (
            |p| (p.seats.ladder[9], p.plans.pro.price) = (9_999, 6_000.0),
            "`plans.Pro.price` is 6000; it must be a price with price x 12 x 9999 seats at most 99999999.99",
        ),
        (|p| p.plans.free.annual = 0.1, "`plans.Free.annual` is 0.1; it must be a number from 0 to 0"),
        (|p| p.plans.basic.rung = 10, "`plans.Basic.rung` is 10; it must be a whole number from 0 to 9"),
        (
            |p| p.plans.basic.start.dormant = 0.07,
            "`plans.Basic.start` is a table of shares that sum to 1.01; it must be a table of shares that sum to 1",
        ),
        (
            |p| p.plans.enterprise.active = 0.7,
            "`plans.Enterprise.active` is 0.7; it must be a number with active x engagement.activity x \
             intensity.activity at most 1; the result is 1.008",
        ),
        (
            |p| p.plans.basic.payment_failure = 0.2,
            "`plans.Basic.payment_failure` is 0.2; it must be a number with payment_failure x billing.repeat x \
             billing.annual at most 1; the result is 1.2000000000000002",
        ),
        (
            |p| p.plans.basic.upgrade = 0.9,
            "`plans.Basic.upgrade` is 0.9; it must be a number with the sum of the chances of all moves of a cycle at \
             most 1; the result is 2.2725",
        ),
        (|p| p.plans.enterprise.upgrade = 0.1, "`plans.Enterprise.upgrade` is 0.1; it must be a number from 0 to 0"),
        (|p| p.plans.basic.downgrade = 0.1, "`plans.Basic.downgrade` is 0.1; it must be a number from 0 to 0"),
        (|p| p.plans.pro.sessions = 501.0, "`plans.Pro.sessions` is 501; it must be a number from 0 to 500"),
        (|p| p.plans.pro.minutes = 0.0, "`plans.Pro.minutes` is 0; it must be a number above 0 and at most 1000"),
        (|p| p.plans.pro.unused = 11.0, "`plans.Pro.unused` is 11; it must be a number from 0 to 10"),
        (
            |p| p.engagement.fading.next.dormant = 0.3,
            "`engagement.fading.next` is a table of shares that sum to 1.1; it must be a table of shares that sum to 1",
        ),
        (
            |p| p.engagement.dormant.propensity = 2.0,
            "`engagement.dormant.propensity` is 2; it must be a number from 0 to 1",
        ),
        (|p| p.regions[0] = -0.1, "`regions.NA` is -0.1; it must be a number from 0 to 1"),
        (
            |p| p.channels.paid.share = 0.2,
            "`channels` is a table of shares that sum to 0.9; it must be a table of shares that sum to 1",
        ),
        (|p| p.frailty.variance = 1e-4, "`frailty.variance` is 0.0001; it must be 0, or a number from 0.001 to 10"),
        (|p| p.intensity.rungs[3] = 10, "`intensity.rungs[3]` is 10; it must be a whole number from -9 to 9"),
        (
            |p| p.seats.ladder[1] = 1,
            "`seats.ladder` is [1, 1, 3, 5, 8, 13, 21, 34, 55, 89]; it must be ascending whole numbers from 1 to 10000",
        ),
        (|p| p.billing.grace = 28, "`billing.grace` is 28; it must be a whole number from 2 to 27"),
        (|p| p.billing.late_max = 21, "`billing.late_max` is 21; it must be a whole number from 1 to 20"),
        (|p| p.billing.late_min = 16, "`billing.late_min` is 16; it must be a whole number from 1 to 15"),
        (|p| p.billing.decay = 0.0, "`billing.decay` is 0; it must be a number above 0 and at most 1"),
        (
            |p| {
                p.window.months = 120;
                p.plans.pro.problem_tickets = 5.0;
            },
            "`plans.Pro.problem_tickets` is 5; it must be a rate that gives a customer at most 999 tickets; this one can \
             give 1171",
        ),
        (|p| p.activity.week.mon = 1.1, "`activity.week.Mon` is 1.1; it must be a number from 0 to 1"),
        (|p| p.logs.loss_max = 0.1, "`logs.loss_max` is 0.1; it must be a number from 0.12 to 1"),
        (|p| p.decision.renewal = 2.0, "`decision.renewal` is 2; it must be a number from 0 to 1"),
        (|p| p.campaign.month = 0, "`campaign.month` is 0; it must be a whole number from 1 to 120"),
    ];
    let found: Vec<String> = cases.iter().map(|(change, _)| refusal(*change)).collect();
    let expected: Vec<&str> = cases.iter().map(|(_, message)| *message).collect();
    assert_eq!(found, expected);
}

#[test]
fn files_change_keys_of_the_model_that_they_name() {
    let model = |keys: &str| Model::from_overlay(&format!("base = \"saas-v2\"\n{keys}"));
    let changed = model("signup.growth = 0").unwrap();
    assert_eq!((changed.base(), changed.name()), ("saas-v2", "saas-v2 (changed)"));
    assert_ne!(changed.fingerprint(), Model::saas_v2().unwrap().fingerprint());
    let again = Model::from_overlay(changed.to_toml()).unwrap();
    assert_eq!((again.base(), again.fingerprint()), (changed.base(), changed.fingerprint()));
    let again = Model::from_table(changed.base(), changed.parameters()).unwrap();
    assert_eq!(again.fingerprint(), changed.fingerprint());
    for (keys, part) in [
        ("signup.grow = 0.04", "unknown key `signup.grow`; the keys here are growth, week"),
        ("signup.growth = \"0.04\"", "`signup.growth` is \"0.04\" (text); it must be a number"),
        ("plans.Gold.share = 0.1", "unknown key `plans.Gold`; the keys here are Free, Basic, Pro, Enterprise"),
        ("intensity.activity = [0.9]", "intensity.activity"),
        ("retention.decay_days = 90.0", "unknown key `retention`"),
    ] {
        let message = model(keys).unwrap_err().to_string();
        assert!(message.contains(part), "{keys}: {message}");
    }
    for (text, part) in [
        ("base = \"saas-v3\"", "`base` is \"saas-v3\"; it must be one of saas-v1, saas-v2"),
        ("base = 2", "`base` is 2; it must be one of saas-v1, saas-v2"),
        ("signup.growth = 0", "unknown key `signup`"),
    ] {
        let message = Model::from_overlay(text).unwrap_err().to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}
