//! What a second home costs, kept in three ways, and what an hour of it costs.

use super::{Answers, Rules};
use serde::{Deserialize, Serialize};

/// Something that costs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// What it is.
    pub name: String,
    /// USD a month.
    pub monthly: f64,
    /// USD an hour, as listed.
    #[serde(default)]
    pub hourly: Option<f64>,
    /// Whether warm standby keeps it running.
    #[serde(default)]
    pub kept_warm: bool,
}

/// Costs in USD.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standby {
    /// The primary site, a month.
    pub primary_monthly: f64,
    /// What always runs at the second home, a month: pilot light.
    pub pilot_light_monthly: f64,
    /// With what warm standby keeps running.
    pub warm_standby_monthly: f64,
    /// With everything.
    pub active_active_monthly: f64,
    /// What a failover adds, a month.
    pub failover_monthly: f64,
    /// The same for an hour: the month over its hours.
    pub failover_hourly: f64,
    /// The sum of the listed prices of an hour, when each has one.
    pub listed_hourly: Option<f64>,
    /// A year of pilot light, with the hours it is active.
    pub pilot_light_yearly: f64,
    /// A year of warm standby, with the hours it is active.
    pub warm_standby_yearly: f64,
    /// A year of active-active.
    pub active_active_yearly: f64,
}

const MONTHS: f64 = 12.0;

/// Adds up.
pub fn standby(rules: &Rules, answers: &Answers) -> Standby {
    let sum = |all: &[Resource]| all.iter().map(|r| r.monthly).sum::<f64>();
    let always = sum(&answers.standby_always);
    let active = sum(&answers.standby_active);
    let warm: f64 = answers
        .standby_active
        .iter()
        .filter(|r| r.kept_warm)
        .map(|r| r.monthly)
        .sum();
    let listed: Option<Vec<f64>> = answers.standby_active.iter().map(|r| r.hourly).collect();
    let hours = answers.active_hours_per_year;
    let hour = |monthly: f64| monthly / rules.hours_per_month;
    Standby {
        primary_monthly: sum(&answers.primary),
        pilot_light_monthly: always,
        warm_standby_monthly: always + warm,
        active_active_monthly: always + active,
        failover_monthly: active,
        failover_hourly: hour(active),
        listed_hourly: listed.filter(|l| !l.is_empty()).map(|l| l.iter().sum()),
        pilot_light_yearly: MONTHS * always + hours * hour(active),
        warm_standby_yearly: MONTHS * (always + warm) + hours * hour(active - warm),
        active_active_yearly: MONTHS * (always + active),
    }
}
