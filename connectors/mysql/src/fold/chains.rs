//! The chains of one table.

use bytes::Bytes;
use std::collections::HashMap;

/// Changes of one row, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    /// The row before the first; `None` when it came with the first.
    pub before: Option<Bytes>,
    /// The row after the last; `None` when it is gone.
    pub after: Option<Bytes>,
}

/// Chains, and how the one is found that a change continues.
#[derive(Debug, Default)]
pub(super) struct Chains {
    chains: Vec<Chain>,
    /// Chains that end in a row, by what the row is known by. Several rows of a
    /// table without a primary key may be equal: any of them will do.
    alive: HashMap<Bytes, Vec<usize>>,
    /// Chains that end without a row, by what it was known by.
    gone: HashMap<Bytes, usize>,
}

impl Chains {
    /// Adds a change. `was` and `is` are what the row is known by before and
    /// after it.
    ///
    /// Returns the image of a row that came and went without leaving a trace.
    pub fn add(
        &mut self,
        before: Option<(Bytes, Bytes)>,
        after: Option<(Bytes, Bytes)>,
    ) -> Option<Bytes> {
        let found = match (&before, &after) {
            (Some((was, _)), _) => take_last(&mut self.alive, was),
            // A row comes back to where one went: one change instead of two.
            (None, Some((is, _))) => self.gone.remove(is),
            (None, None) => None,
        };
        let index = found.unwrap_or_else(|| {
            self.chains.push(Chain {
                before: before.as_ref().map(|(_, image)| image.clone()),
                after: None,
            });
            self.chains.len() - 1
        });
        let chain = self.chains.get_mut(index)?;
        match after {
            Some((is, image)) => {
                chain.after = Some(image);
                self.alive.entry(is).or_default().push(index);
                None
            }
            None => {
                let last = chain.after.take();
                if chain.before.is_none() {
                    return last;
                }
                if let Some((was, _)) = before {
                    self.gone.insert(was, index);
                }
                None
            }
        }
    }

    /// Whether a chain ends in the row known by `is`.
    pub fn is_alive(&self, is: &Bytes) -> bool {
        self.alive.contains_key(is)
    }

    /// Takes all chains that change something.
    pub fn take(&mut self) -> Vec<Chain> {
        self.alive.clear();
        self.gone.clear();
        let mut chains = std::mem::take(&mut self.chains);
        chains.retain(|chain| chain.before != chain.after);
        chains
    }
}

fn take_last(map: &mut HashMap<Bytes, Vec<usize>>, key: &Bytes) -> Option<usize> {
    let indices = map.get_mut(key)?;
    let last = indices.pop();
    if indices.is_empty() {
        map.remove(key);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &'static str, image: &'static str) -> Option<(Bytes, Bytes)> {
        Some((
            Bytes::from_static(key.as_bytes()),
            Bytes::from_static(image.as_bytes()),
        ))
    }

    fn chain(before: Option<&'static str>, after: Option<&'static str>) -> Chain {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        Chain {
            before: before.map(bytes),
            after: after.map(bytes),
        }
    }

    #[test]
    fn only_the_first_and_the_last_image_of_a_row_remain() {
        let mut chains = Chains::default();
        chains.add(row("a", "a1"), row("a", "a2"));
        chains.add(row("a", "a2"), row("b", "b3"));
        chains.add(row("b", "b3"), row("b", "b4"));
        chains.add(None, row("a", "new"));
        chains.add(row("c", "c1"), None);
        chains.add(None, row("c", "c2"));
        chains.add(row("d", "d1"), row("d", "d2"));
        chains.add(row("d", "d2"), row("d", "d1"));
        assert_eq!(
            chains.take(),
            [
                chain(Some("a1"), Some("b4")),
                chain(None, Some("new")),
                chain(Some("c1"), Some("c2")),
            ]
        );
        assert!(chains.take().is_empty());
    }

    #[test]
    fn a_row_that_came_and_went_is_told() {
        let mut chains = Chains::default();
        assert_eq!(chains.add(None, row("a", "a1")), None);
        assert!(chains.is_alive(&Bytes::from_static(b"a")));
        let passed = chains.add(row("a", "a1"), None);
        assert_eq!(passed.as_deref(), Some(&b"a1"[..]));
        assert_eq!(chains.add(row("b", "b1"), None), None);
        assert_eq!(chains.take(), [chain(Some("b1"), None)]);
    }

    #[test]
    fn equal_rows_are_counted() {
        let mut chains = Chains::default();
        chains.add(None, row("x", "x"));
        chains.add(None, row("x", "x"));
        chains.add(row("x", "x"), row("y", "y"));
        chains.add(row("x", "x"), None);
        chains.add(row("x", "x"), None);
        assert_eq!(
            chains.take(),
            [chain(None, Some("y")), chain(Some("x"), None)]
        );
    }
}
