//! Total cost of ownership: keep, move a part, move everything (V 7, W 8).

use super::sizing::Sizing;
use super::{Rules, os_tax};
use planb_model::Text;
use serde::{Deserialize, Serialize};

/// The four axes: licences, power, people, sizing; money in USD a year.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tco {
    hypervisor_per_year: f64,
    guest_os_per_year: f64,
    middleware_per_year: f64,
    licence_rise: f64,
    licence_reduction: f64,
    power_per_server: f64,
    fte_now: f64,
    fte_then: f64,
    cost_per_fte: f64,
    migration: f64,
    partial_share: f64,
    #[serde(default)]
    exchange_rate: Option<f64>,
    foreign_share: f64,
}

/// An input that is tried at two ends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SwingRule {
    /// The input.
    pub id: String,
    /// Its name.
    pub label: Text,
    #[serde(default)]
    low: Option<f64>,
    #[serde(default)]
    high: Option<f64>,
    #[serde(default)]
    low_share: Option<f64>,
    #[serde(default)]
    high_share: Option<f64>,
    /// Where the ends are from.
    pub source: String,
}

/// What comes out, in USD.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Result {
    /// Layers of licences that are paid for today, of three (DR 1): hypervisor,
    /// guest OS, middleware.
    pub licence_layers: usize,
    /// A year of keeping, by axis.
    pub keep: Year,
    /// A year after the whole move, by axis.
    pub full: Year,
    /// Totals by horizon.
    pub horizons: Vec<Horizon>,
    /// What each input does to the saving of the whole move over the longest
    /// horizon, the strongest first.
    pub swings: Vec<Swung>,
    /// The saving over the longest horizon.
    pub saving: f64,
    /// What a dollar that is 10 % dearer adds to a year of keeping, in local currency.
    pub exchange_exposure: Option<f64>,
}

/// A year by axis.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Year {
    /// Three layers of licences, or one.
    pub licences: f64,
    /// Power, cooling, space.
    pub power: f64,
    /// People.
    pub people: f64,
    /// OS tax, when it is answered.
    pub os_tax: f64,
}

impl Year {
    /// All axes.
    pub fn total(&self) -> f64 {
        self.licences + self.power + self.people + self.os_tax
    }
}

/// Totals over some years.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Horizon {
    /// How many years.
    pub years: u32,
    /// Keeping everything.
    pub keep: f64,
    /// Moving a part.
    pub partial: f64,
    /// Moving everything.
    pub full: f64,
}

/// What one input does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swung {
    /// The input.
    pub id: String,
    /// What it was set to.
    pub low_input: f64,
    /// The saving then.
    pub low: f64,
    /// What it was set to.
    pub high_input: f64,
    /// The saving then.
    pub high: f64,
}

/// Counts everything.
pub fn result(rules: &Rules, tco: &Tco, sizing: &Sizing, tax: Option<&os_tax::Result>) -> Result {
    let (keep, full) = years(tco, sizing, tax);
    let horizons: Vec<Horizon> = rules
        .years
        .iter()
        .map(|y| horizon(*y, tco, keep, full))
        .collect();
    let longest = rules.years.iter().copied().max().unwrap_or(1);
    let mut swings: Vec<Swung> = rules
        .swings
        .iter()
        .filter_map(|rule| swing(rule, tco, sizing, tax, longest))
        .collect();
    swings.sort_by(|a, b| (b.high - b.low).abs().total_cmp(&(a.high - a.low).abs()));
    let saving = saving(tco, sizing, tax, longest);
    let foreign = keep.licences * tco.foreign_share / 100.0;
    let layers = [
        tco.hypervisor_per_year,
        tco.guest_os_per_year,
        tco.middleware_per_year,
    ];
    Result {
        licence_layers: layers.iter().filter(|cost| **cost > 0.0).count(),
        keep,
        full,
        horizons,
        swings,
        saving,
        exchange_exposure: tco.exchange_rate.map(|rate| foreign * rate * 0.1),
    }
}

/// A year of keeping, and a year after the whole move.
fn years(tco: &Tco, sizing: &Sizing, tax: Option<&os_tax::Result>) -> (Year, Year) {
    let others = tco.guest_os_per_year + tco.middleware_per_year;
    let today = tco.hypervisor_per_year + others;
    let keep = Year {
        licences: tco.hypervisor_per_year * tco.licence_rise + others,
        power: sizing.servers * tco.power_per_server,
        people: tco.fte_now * tco.cost_per_fte,
        os_tax: tax.map_or(0.0, |t| t.now),
    };
    let full = Year {
        licences: today * (1.0 - tco.licence_reduction / 100.0),
        power: sizing.servers_then() * tco.power_per_server,
        people: tco.fte_then * tco.cost_per_fte,
        os_tax: tax.map_or(0.0, |t| t.then),
    };
    (keep, full)
}

/// The move is paid once, in proportion to what is moved.
fn horizon(years: u32, tco: &Tco, keep: Year, full: Year) -> Horizon {
    let count = f64::from(years);
    let share = tco.partial_share / 100.0;
    let mixed = (1.0 - share) * keep.total() + share * full.total();
    Horizon {
        years,
        keep: count * keep.total(),
        partial: count * mixed + share * tco.migration,
        full: count * full.total() + tco.migration,
    }
}

/// What the whole move saves.
fn saving(tco: &Tco, sizing: &Sizing, tax: Option<&os_tax::Result>, count: u32) -> f64 {
    let (keep, full) = years(tco, sizing, tax);
    let all = horizon(count, tco, keep, full);
    all.keep - all.full
}

/// The saving with one input at both ends. `None` when the input is not there.
fn swing(
    rule: &SwingRule,
    tco: &Tco,
    sizing: &Sizing,
    tax: Option<&os_tax::Result>,
    years: u32,
) -> Option<Swung> {
    let now = input(&rule.id, tco, sizing)?;
    let end = |fixed: Option<f64>, share: Option<f64>| fixed.or(share.map(|s| s * now));
    let (low, high) = (
        end(rule.low, rule.low_share)?,
        end(rule.high, rule.high_share)?,
    );
    let at = |value: f64| {
        let (mut tco, mut sizing) = (tco.clone(), sizing.clone());
        set(&rule.id, value, now, &mut tco, &mut sizing);
        saving(&tco, &sizing, tax, years)
    };
    Some(Swung {
        id: rule.id.clone(),
        low_input: low,
        low: at(low),
        high_input: high,
        high: at(high),
    })
}

fn input(id: &str, tco: &Tco, sizing: &Sizing) -> Option<f64> {
    match id {
        "licenceRise" => Some(tco.licence_rise),
        "licenceReduction" => Some(tco.licence_reduction),
        "utilisationThen" => Some(sizing.utilisation_then),
        "migration" => Some(tco.migration),
        "fteThen" => Some(tco.fte_then),
        "powerPerServer" => Some(tco.power_per_server),
        "exchangeRate" => tco.exchange_rate,
        _ => None,
    }
}

fn set(id: &str, value: f64, now: f64, tco: &mut Tco, sizing: &mut Sizing) {
    match id {
        "licenceRise" => tco.licence_rise = value,
        "licenceReduction" => tco.licence_reduction = value,
        "utilisationThen" => sizing.utilisation_then = value,
        "migration" => tco.migration = value,
        "fteThen" => tco.fte_then = value,
        "powerPerServer" => tco.power_per_server = value,
        // What is paid abroad grows with the dollar.
        "exchangeRate" if now > 0.0 => {
            let dearer = 1.0 + (value / now - 1.0) * tco.foreign_share / 100.0;
            tco.hypervisor_per_year *= dearer;
            tco.guest_os_per_year *= dearer;
            tco.middleware_per_year *= dearer;
        }
        _ => {}
    }
}
