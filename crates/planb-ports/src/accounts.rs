//! The accounts of a database server: users, roles and what they may do.

use planb_model::Text;

/// What a restore does with the accounts a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Accounts {
    /// Leaves the target's accounts as they are.
    #[default]
    Leave,
    /// Makes those that are missing. One that is there with another definition
    /// stays as it is, and is told.
    Create,
    /// Gives those that are there the definition of the snapshot, too.
    Replace,
}

/// What became of the accounts of a snapshot. Names are as the server quotes
/// them; there are no secrets in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountsReport {
    /// Made.
    pub created: Vec<String>,
    /// There already, exactly like that.
    pub unchanged: Vec<String>,
    /// There with another definition, and changed.
    pub replaced: Vec<String>,
    /// There with another definition, and left alone.
    pub kept: Vec<String>,
    /// What was left out on purpose.
    pub notes: Vec<Text>,
    /// What could not be done.
    pub problems: Vec<Text>,
}

impl AccountsReport {
    /// A report of nothing but a problem.
    pub fn problem(text: Text) -> Self {
        Self {
            problems: vec![text],
            ..Self::default()
        }
    }
}
