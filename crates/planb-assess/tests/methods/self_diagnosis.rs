//! `self-diagnosis` against D's check list and W 10.2.

use crate::support::outcome;
use proptest::prelude::*;

const ITEMS: [&str; 10] = [
    "maintenanceCost",
    "stoppedToRecover",
    "slowAtPeaks",
    "frequentChange",
    "newTechnology",
    "canBeSplit",
    "teamsApart",
    "tooComplex",
    "littleTooling",
    "shorterCycle",
];

fn answers(yes: &[bool; 10]) -> String {
    let line = |(id, yes): (&&str, &bool)| format!("  {id}: {}\n", if *yes { "yes" } else { "no" });
    ITEMS.iter().zip(yes).map(line).collect()
}

#[test]
fn the_example_of_the_slides_has_six_yes_and_is_considered() {
    // D ticks items 1, 2, 5, 6, 7 and 8.
    let ticked = [1, 2, 5, 6, 7, 8];
    let yes = std::array::from_fn(|i| ticked.contains(&(i + 1)));
    let outcome = outcome("self-diagnosis", &answers(&yes));
    assert_eq!(outcome["consider"], true);
    assert_eq!(outcome["yes"].as_array().unwrap().len(), 6);
}

#[test]
fn each_reason_of_any_size_is_enough_alone() {
    for reason in ["trafficSwings", "fastReleases", "outageIsLoss"] {
        let text = format!("{}  {reason}: yes\n", answers(&[false; 10]));
        assert_eq!(
            outcome("self-diagnosis", &text)["consider"],
            true,
            "{reason}"
        );
    }
    assert_eq!(
        outcome("self-diagnosis", &answers(&[false; 10]))["consider"],
        false
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn six_yes_are_enough_whichever_and_more_never_hurt(yes: [bool; 10], more in 0..10usize) {
        let count = yes.iter().filter(|y| **y).count();
        let considered = outcome("self-diagnosis", &answers(&yes))["consider"] == true;
        prop_assert_eq!(considered, count >= 6);
        let mut with_more = yes;
        with_more[more] = true;
        if considered {
            prop_assert!(outcome("self-diagnosis", &answers(&with_more))["consider"] == true);
        }
    }
}
