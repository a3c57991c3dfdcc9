//! Telling how far long work has come.

/// Listens to the progress of one long piece of work. Cheap to call often.
pub trait Progress: Send + Sync {
    /// `done` of `total` bytes; `total` is `None` when it is not known.
    fn bytes(&self, done: u64, total: Option<u64>);

    /// `done` of `total` rows, by those who know them.
    fn rows(&self, _done: u64, _total: Option<u64>) {}

    /// What is being done now: `loading orders`, `applying log 17`.
    fn stage(&self, text: &str);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn bytes(&self, _done: u64, _total: Option<u64>) {}
    fn stage(&self, _text: &str) {}
}
