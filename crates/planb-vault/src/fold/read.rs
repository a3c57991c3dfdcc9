//! Finding and reading folded objects.

use super::object::{self, Folded, FoldedHeader};
use crate::chain::Head;
use crate::error;
use crate::layout::{Layout, SegmentName, hash_digits};
use crate::vault::{Vault, blocking, same_place};
use futures::TryStreamExt;
use planb_model::Epoch;
use planb_model::recovery::{ObjectHash, SegmentSeq};
use planb_ports::PortResult;

/// Where a folded object is, as its name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoldedName {
    pub(crate) key: String,
    pub(crate) from: SegmentSeq,
    pub(crate) to: SegmentSeq,
}

impl Layout {
    /// Folder of the folded objects of an epoch.
    pub(crate) fn folded_folder(&self, epoch: Epoch) -> String {
        self.full(&format!("folded/{:010}/", epoch.0))
    }

    pub(crate) fn folded(&self, level: &str, header: &FoldedHeader) -> String {
        format!(
            "{}{level}/{:010}-{:010}-{}",
            self.folded_folder(header.epoch),
            header.from.0,
            header.to.0,
            header.last.short()
        )
    }

    pub(crate) fn parse_folded(&self, epoch: Epoch, key: &str) -> Option<FoldedName> {
        let (_, name) = key
            .strip_prefix(&self.folded_folder(epoch))?
            .split_once('/')?;
        let mut parts = name.split('-');
        let mut number = || parts.next()?.parse().ok().map(SegmentSeq);
        let (from, to) = (number()?, number()?);
        let last = parts.next().and_then(hash_digits);
        (from <= to && last.is_some() && parts.next().is_none()).then(|| FoldedName {
            key: key.to_owned(),
            from,
            to,
        })
    }
}

impl Vault {
    /// The folded objects of an epoch from the place `from` on: at each place
    /// where some begin the longest, and none that begins inside of another.
    pub(crate) async fn folded(
        &self,
        epoch: Epoch,
        from: SegmentSeq,
    ) -> PortResult<Vec<FoldedName>> {
        let folder = self.layout.folded_folder(epoch);
        let mut objects = self.storage.list_stream(&folder, None).await?;
        let mut names = Vec::new();
        while let Some(object) = objects.try_next().await? {
            let name = self.layout.parse_folded(epoch, &object.key);
            names.extend(name.filter(|name| name.from >= from));
        }
        Ok(choose(names, from))
    }

    /// Reads a folded object and checks that it goes on behind `head` and ends
    /// with the segment `last` of this very chain.
    pub(crate) async fn read_folded(
        &self,
        name: &FoldedName,
        head: &Head,
        last: &SegmentName,
    ) -> PortResult<Folded> {
        let object = self.storage.read(&name.key).await?;
        self.check_signature(&name.key, &object).await?;
        let (key, seal) = (name.key.clone(), self.seal.clone());
        let folded = blocking(move || object::decode(&key, object, &seal)).await?;
        let header = &folded.header;
        let is_of = (&header.service, header.epoch) == (&self.service, head.epoch)
            && (header.from, header.to) == (name.from, name.to);
        let follows = header.from == head.next
            && header.previous == head.previous
            && head
                .end
                .as_ref()
                .is_none_or(|end| same_place(end, &header.start));
        let ends = header.last == ObjectHash::of(&self.storage.read(&last.key).await?);
        if is_of && follows && ends {
            Ok(folded)
        } else {
            let what = "it is not of the log beside it";
            Err(error::corrupt(&name.key, what))
        }
    }
}

fn choose(mut names: Vec<FoldedName>, from: SegmentSeq) -> Vec<FoldedName> {
    names.sort_by_key(|name| (name.from, std::cmp::Reverse(name.to)));
    let mut next = from;
    names.retain(|name| {
        let fits = name.from >= next;
        if fits {
            next = name.to.next();
        }
        fits
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_that_begins_first_is_chosen() {
        let name = |from, to| FoldedName {
            key: format!("{from}-{to}"),
            from: SegmentSeq(from),
            to: SegmentSeq(to),
        };
        let names = vec![
            name(1, 10),
            name(11, 20),
            name(1, 30),
            name(21, 30),
            name(31, 40),
            name(25, 60),
        ];
        let chosen = |from| choose(names.clone(), SegmentSeq(from));
        assert_eq!(chosen(1), [name(1, 30), name(31, 40)]);
        assert_eq!(chosen(5), [name(11, 20), name(21, 30), name(31, 40)]);
        assert_eq!(chosen(22), [name(25, 60)]);
        assert_eq!(chosen(61), []);
    }
}
