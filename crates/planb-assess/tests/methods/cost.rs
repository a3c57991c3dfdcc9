//! `cost` against the customer's design (P), V 3.1, V 7 and DR 5.

use crate::support::{assess, outcome, said};
use planb_assess::answers::{self, Form};
use planb_assess::{METHODS, Sheet};
use planb_model::Lang;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// The example of the data file, which is the customer's design.
fn example() -> Json {
    let method = METHODS
        .iter()
        .find(|m| m.name == "cost")
        .expect("registered");
    let sheet = Sheet::read(method.data).expect("a data file");
    let text = answers::write(
        "cost",
        &sheet,
        &answers::example(&sheet, Lang::En),
        Lang::En,
    );
    crate::support::run("cost", &text, Form::Yaml, &planb_assess::Inputs::default())
        .unwrap_or_else(|r| panic!("{}", said(&r)))
        .outcome
}

#[test]
fn the_customers_design_exactly() {
    let standby = example()["standby"].clone();
    let at = |key: &str| standby[key].as_f64().expect("a number");
    assert_eq!(at("primaryMonthly"), 463.0);
    assert_eq!(at("pilotLightMonthly"), 5.0);
    assert_eq!(at("failoverMonthly"), 204.0);
    assert_eq!(format!("{:.2}", at("failoverHourly")), "0.28");
    // The listed prices add up to a little more; the design prints $0.28 for them.
    assert_eq!(format!("{:.3}", at("listedHourly")), "0.286");
    // Warm standby keeps the database running.
    assert_eq!(
        (at("warmStandbyMonthly"), at("activeActiveMonthly")),
        (55.0, 209.0)
    );
}

#[test]
fn the_report_prints_the_four_figures() {
    let text = "  primary: [{ name: a, monthly: 463 }]\n  standbyAlways: [{ name: s, monthly: 5 }]\n  standbyActive: [{ name: b, monthly: 204, keptWarm: no }]\n";
    let tiles = assess("cost", text)
        .unwrap_or_else(|r| panic!("{}", said(&r)))
        .report
        .tiles;
    let values: Vec<&str> = tiles.iter().map(|t| t.value.en.as_str()).collect();
    assert_eq!(values, ["$463", "$5", "$204", "$0.28"]);
}

const TAX: &str = "osSubscription: 7, pam: 6, sms: 5, edr: 4, secureAccess: 3, backupPatch: 2, patchHours: 0.5, patchWindows: 12, labourPerHour: 10";

fn tax(mode: &str) -> Json {
    outcome(
        "cost",
        &format!("  osTax: {{ osNow: 100, osThen: 10, {TAX}, mode: {mode} }}\n"),
    )["osTax"]
        .clone()
}

#[test]
fn every_category_of_the_os_tax_in_both_modes() {
    // Unit prices by category; labour is OS count × hours × windows × rate.
    let units = [
        ("osSubscription", 7.0),
        ("pam", 6.0),
        ("sms", 5.0),
        ("edr", 4.0),
        ("secureAccess", 3.0),
        ("backupPatch", 2.0),
        ("labour", 60.0),
    ];
    for (mode, kept) in [
        (
            "per-node",
            [
                "osSubscription",
                "pam",
                "sms",
                "edr",
                "secureAccess",
                "backupPatch",
                "labour",
            ]
            .as_slice(),
        ),
        ("replaced", &["osSubscription", "labour"]),
    ] {
        let result = tax(mode);
        for (index, (id, unit)) in units.iter().enumerate() {
            let category = &result["categories"][index];
            assert_eq!(category["id"], *id);
            assert_eq!(category["now"].as_f64(), Some(unit * 100.0), "{id}");
            let then = if kept.contains(id) { unit * 10.0 } else { 0.0 };
            assert_eq!(category["then"].as_f64(), Some(then), "{mode} {id}");
        }
        assert_eq!(result["now"].as_f64(), Some(8_700.0));
    }
    assert_eq!(
        (
            tax("per-node")["then"].as_f64(),
            tax("replaced")["then"].as_f64()
        ),
        (Some(870.0), Some(670.0))
    );
}

fn sizing(more: &str) -> Json {
    outcome(
        "cost",
        &format!("  sizing: {{ servers: 100, utilisationNow: 20%{more} }}\n"),
    )["sizing"]
        .clone()
}

#[test]
fn sizing_by_utilisation_and_its_contradiction() {
    let bare = sizing(", utilisationThen: 65%, buffer: 0%, statefulShare: 0%");
    assert_eq!(
        (bare["pureScaling"].clone(), bare["serversThen"].clone()),
        (json!(31.0), json!(31.0))
    );
    // With buffer and stateful share made explicit: 0.7 × 30.8 × 1.4 + 30 = 60.2.
    assert_eq!(sizing("")["serversThen"], json!(61.0));
    assert_eq!(sizing(", buffer: 39%")["serversThen"], json!(60.0));
    // Never more than there are.
    assert_eq!(sizing(", buffer: 500%")["serversThen"], json!(100.0));
}

#[test]
fn sizing_by_load_both_formulas() {
    let result = sizing(
        ", peakLoad: 80, safetyMargin: 25%, averageLoad: 40, buffer: 25%, peakAutoscale: 10",
    );
    assert_eq!(
        (result["vmVcpu"].clone(), result["containerVcpu"].clone()),
        (json!(100.0), json!(60.0))
    );
    assert_eq!(sizing("")["vmVcpu"], Json::Null);
}

const TCO: &str = "hypervisorPerYear: 100, guestOsPerYear: 50, middlewarePerYear: 50, licenceRise: 2, licenceReduction: 30%, powerPerServer: 1, fteNow: 2, fteThen: 1, costPerFte: 100, migration: 60";

fn tco(more: &str) -> Json {
    let sizing = "  sizing: { servers: 100, utilisationNow: 20%, utilisationThen: 50%, buffer: 0%, statefulShare: 0% }\n";
    outcome("cost", &format!("{sizing}  tco: {{ {TCO}{more} }}\n"))["tco"].clone()
}

#[test]
fn total_cost_by_hand() {
    let result = tco("");
    // Keep: 200 + 100 licences, 100 power, 200 people: 600. Full: 140, 40, 100, and 60 once.
    let horizons = json!([
        { "years": 3, "keep": 1800.0, "partial": 3.0 * 440.0 + 30.0, "full": 3.0 * 280.0 + 60.0 },
        { "years": 5, "keep": 3000.0, "partial": 5.0 * 440.0 + 30.0, "full": 5.0 * 280.0 + 60.0 },
    ]);
    assert_eq!(result["horizons"], horizons);
    assert_eq!(result["saving"], json!(1540.0));
    assert_eq!(result["exchangeExposure"], Json::Null);
    let exposed = tco(", exchangeRate: 1000, foreignShare: 50%");
    assert_eq!(
        exposed["exchangeExposure"],
        json!(300.0 * 0.5 * 1000.0 * 0.1)
    );
}

#[test]
fn the_tornado_is_sorted_and_its_ends_are_real_results() {
    let result = tco("");
    let swings = result["swings"].as_array().expect("swings");
    let width =
        |s: &Json| (s["high"].as_f64().expect("high") - s["low"].as_f64().expect("low")).abs();
    assert!(swings.windows(2).all(|w| width(&w[0]) >= width(&w[1])));
    let rise = swings
        .iter()
        .find(|s| s["id"] == "licenceRise")
        .expect("there");
    let at_ten = TCO.replace("licenceRise: 2", "licenceRise: 10");
    let sizing = "  sizing: { servers: 100, utilisationNow: 20%, utilisationThen: 50%, buffer: 0%, statefulShare: 0% }\n";
    let real =
        outcome("cost", &format!("{sizing}  tco: {{ {at_ten} }}\n"))["tco"]["saving"].clone();
    assert_eq!(rise["high"], real);
}

#[test]
fn loss_by_outages_is_minutes_times_rate() {
    let loss =
        outcome("cost", "  downtime: { minutesNow: 120, minutesThen: 20 }\n")["downtime"].clone();
    assert_eq!(
        loss,
        json!({ "now": 1_080_000.0, "then": 180_000.0, "avoided": 900_000.0 })
    );
}

#[test]
fn parts_without_answers_are_absent_and_halves_are_missing() {
    let nothing = outcome("cost", "  activeHoursPerYear: 0\n");
    assert_eq!(
        (nothing["tco"].clone(), nothing["osTax"].clone()),
        (Json::Null, Json::Null)
    );
    let half = assess("cost", "  osTax: { osNow: 100 }\n").expect_err("half");
    assert!(said(&half).contains("missing osTax.pam"), "{}", said(&half));
    let alone = assess("cost", &format!("  tco: {{ {TCO} }}\n")).expect_err("no sizing");
    assert!(
        said(&alone).contains("needs the sizing"),
        "{}",
        said(&alone)
    );
    for (line, place) in [
        (
            "  primary: [{ name: a, monthly: $5 }]",
            "answers:3:33 (primary[0].monthly)",
        ),
        (
            "  primary: [{ name: a, monthly: 5 }, { name: a, monthly: 5 }]",
            "answers:3:46 (primary[1].name)",
        ),
        (
            "  sizing: { servers: 100, utilisationNow: 0.2 }",
            "answers:3:43 (sizing.utilisationNow)",
        ),
    ] {
        let refusal = assess("cost", &format!("{line}\n")).expect_err(line);
        assert!(said(&refusal).contains(place), "{line}: {}", said(&refusal));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Dearer keeping saves more by moving; a dearer move saves less; fuller
    /// nodes never need more servers.
    #[test]
    fn costs_move_the_way_they_must(rise in 1..10u32, more in 0..10u32, then in 20..90u32, fuller in 0..10u32) {
        let sizing = |then: u32| format!("  sizing: {{ servers: 100, utilisationNow: 20%, utilisationThen: {then}% }}\n");
        let saving = |rise: u32, migration: u32| {
            let tco = TCO.replace("licenceRise: 2", &format!("licenceRise: {rise}")).replace("migration: 60", &format!("migration: {migration}"));
            outcome("cost", &format!("{}  tco: {{ {tco} }}\n", sizing(65)))["tco"]["saving"].as_f64().expect("a number")
        };
        prop_assert!(saving(rise + more, 60) >= saving(rise, 60));
        prop_assert!(saving(rise, 60 + more) <= saving(rise, 60));
        let servers = |then: u32| outcome("cost", &sizing(then))["sizing"]["serversThen"].as_f64().expect("a number");
        prop_assert!(servers(then + fuller) <= servers(then));
    }
}
