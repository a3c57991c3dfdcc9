//! The OS tax: what every operating system costs, whatever runs on it (V 3.1).

use super::Rules;
use serde::{Deserialize, Serialize};

/// Unit prices and counts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OsTax {
    os_now: f64,
    os_then: f64,
    os_subscription: f64,
    pam: f64,
    sms: f64,
    edr: f64,
    secure_access: f64,
    backup_patch: f64,
    patch_hours: f64,
    patch_windows: f64,
    labour_per_hour: f64,
    mode: Mode,
}

/// What becomes of the tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// They stay and are counted per node.
    PerNode,
    /// The cluster brings its own.
    Replaced,
}

/// What comes out, USD a year.
#[derive(Debug, Serialize)]
pub struct Result {
    /// By category, in the order of the rules.
    pub categories: Vec<Category>,
    /// All of them today.
    pub now: f64,
    /// All of them afterwards.
    pub then: f64,
}

/// One category, USD a year.
#[derive(Debug, Serialize)]
pub struct Category {
    /// Its name in the rules.
    pub id: String,
    /// Today.
    pub now: f64,
    /// Afterwards.
    pub then: f64,
}

impl OsTax {
    /// Price of one OS for a year.
    fn unit(&self, category: &str) -> f64 {
        match category {
            "osSubscription" => self.os_subscription,
            "pam" => self.pam,
            "sms" => self.sms,
            "edr" => self.edr,
            "secureAccess" => self.secure_access,
            "backupPatch" => self.backup_patch,
            "labour" => self.patch_hours * self.patch_windows * self.labour_per_hour,
            _ => 0.0,
        }
    }

    /// Unit price times count, for every category.
    pub fn result(&self, rules: &Rules) -> Result {
        let category = |named: &super::Named| {
            let gone = self.mode == Mode::Replaced && rules.replaceable.contains(&named.id);
            let unit = self.unit(&named.id);
            Category {
                id: named.id.clone(),
                now: unit * self.os_now,
                then: if gone { 0.0 } else { unit * self.os_then },
            }
        };
        let categories: Vec<Category> = rules.categories.iter().map(category).collect();
        Result {
            now: categories.iter().map(|c| c.now).sum(),
            then: categories.iter().map(|c| c.then).sum(),
            categories,
        }
    }
}
