//! Folds statements, table by table.

use super::chains::{Chain, Chains};
use crate::binlog::event::HEADER_BYTES;
use crate::rowlog::event::{
    Action, FLAG_NO_FOREIGN_KEYS, FLAG_RELAXED_UNIQUE, FLAG_STATEMENT_END, RowEvent, Version,
};
use crate::rowlog::statement::{Logged, Rows};
use crate::rowlog::table::TableMap;
use crate::rowlog::write::Frame;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};

/// Row images in one event. Large enough that the event's own cost vanishes,
/// small enough that several fit into a statement.
const EVENT_BYTES: usize = 128 * 1024;
/// Bytes of a row event's head before what its version adds, and of the number
/// of the table in a table map: what follows is the same in every table map of
/// a table until its definition changes.
const TABLE_NUMBER_BYTES: usize = 6;

/// So many keys that follow each other (as a power of two) go together.
const NEIGHBOURS_LOG2: u32 = 7;
/// Spreads numbers that follow each other (Knuth, "The Art of Computer
/// Programming", 6.4: 2^64 divided by the golden ratio).
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;

/// What folding must know about a table, by the places of its columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Keys {
    /// Number of columns.
    pub columns: usize,
    /// Columns of the primary key in ascending order; none when there is none.
    pub primary: Vec<usize>,
    /// Columns of any unique key, the primary one among them.
    pub unique: Vec<usize>,
    /// Columns the server may number by itself.
    pub numbered: Vec<usize>,
    /// Whether no key but the primary one is unique.
    pub only_primary: bool,
}

/// What is left to apply.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// Rows that stay as they were logged, in their order; they come first.
    pub kept: Vec<Rows>,
    /// What each table comes to. Nothing of it depends on another table.
    pub tables: Vec<FoldedTable>,
}

/// What the rows of one table come to.
#[derive(Debug)]
pub(crate) struct FoldedTable {
    /// Database and name.
    pub name: (Vec<u8>, Vec<u8>),
    /// Each in its order; no row of one has to do with a row of another one.
    pub shares: Vec<Vec<Rows>>,
}

impl Folded {
    /// All of it, one after the other.
    pub fn in_order(self) -> Vec<Rows> {
        let mut all = self.kept;
        all.extend(self.tables.into_iter().flat_map(|t| t.shares).flatten());
        all
    }
}

/// Takes statements and gives fewer.
pub(crate) struct Folder<'f> {
    /// What is known of a table; `None` when its rows must stay as they are.
    keys: &'f dyn Fn(&TableMap) -> Option<Keys>,
    tables: Vec<Table>,
    names: HashMap<(Vec<u8>, Vec<u8>), usize>,
    /// What a table map without the number of its table says: the place in `tables`.
    seen: HashMap<Bytes, Option<usize>>,
    /// What stays as it is, in its order.
    kept: Vec<Rows>,
    /// How many shares the rows of a table are divided into where they may.
    shares: usize,
}

/// The rows of one table.
struct Table {
    keys: Keys,
    map: TableMap,
    map_event: Logged,
    chains: Chains,
    /// What the events to be made have in common; `None` until the first one.
    style: Option<Style>,
    /// By numbered column: the row that came and went with the largest number.
    passed: BTreeMap<usize, (Vec<u8>, Bytes)>,
    /// What is folded already, and of which share it is.
    done: Vec<(usize, Rows)>,
    /// Into how many shares its rows are divided.
    shares: usize,
    /// Whether an event of it stayed as it was, so that its order matters.
    in_order: bool,
}

/// What the events of a table have in common.
#[derive(Debug, Clone)]
struct Style {
    like: Bytes,
    version: Version,
    flags: u16,
}

impl<'f> Folder<'f> {
    pub fn new(keys: &'f dyn Fn(&TableMap) -> Option<Keys>) -> Self {
        Self {
            keys,
            tables: Vec::new(),
            names: HashMap::new(),
            seen: HashMap::new(),
            kept: Vec::new(),
            shares: 1,
        }
    }

    /// Divides the rows of a table into shares where its keys allow it.
    pub fn divided(mut self, shares: usize) -> Self {
        self.shares = shares.max(1);
        self
    }

    /// Takes the next statement.
    pub fn push(&mut self, statement: &Rows) {
        let mut places = HashMap::new();
        for map in &statement.maps {
            if let Some(id) = map.body().get(..TABLE_NUMBER_BYTES) {
                places.insert(Bytes::copy_from_slice(id), self.place(map));
            }
        }
        let mut kept = Vec::new();
        for event in &statement.rows {
            let id = event
                .body()
                .get(..TABLE_NUMBER_BYTES)
                .map(Bytes::copy_from_slice);
            let place = id.and_then(|id| places.get(&id).copied().flatten());
            match place.and_then(|place| self.tables.get_mut(place)) {
                Some(table) => table.add(event),
                None => kept.push(event.clone()),
            }
        }
        if !kept.is_empty() {
            self.kept.push(Rows {
                maps: statement.maps.clone(),
                rows: kept,
            });
        }
    }

    /// What is left to apply. The order of tables among each other does not
    /// matter: nothing that is folded depends on another table.
    pub fn finish(self) -> Folded {
        let tables = self.tables.into_iter().map(|mut table| {
            table.flush();
            let mut shares = vec![Vec::new(); if table.in_order { 1 } else { table.shares }];
            for (share, rows) in table.done {
                let share = if table.in_order { 0 } else { share };
                if let Some(of) = shares.get_mut(share) {
                    of.push(rows);
                }
            }
            FoldedTable {
                name: (table.map.database, table.map.table),
                shares,
            }
        });
        Folded {
            kept: self.kept,
            tables: tables.collect(),
        }
    }

    /// The place in `tables` of the table of `map`.
    fn place(&mut self, map: &Logged) -> Option<usize> {
        let body = map.body();
        let shape = body.slice(TABLE_NUMBER_BYTES.min(body.len())..);
        if let Some(place) = self.seen.get(&shape) {
            return *place;
        }
        let place = self.new_place(map);
        self.seen.insert(shape, place);
        place
    }

    fn new_place(&mut self, map_event: &Logged) -> Option<usize> {
        let map = TableMap::read(&map_event.body())?;
        let name = (map.database.clone(), map.table.clone());
        if let Some(place) = self.names.get(&name).copied() {
            self.give_up(place);
            return None;
        }
        let keys = (self.keys)(&map).filter(|keys| keys.columns == map.columns())?;
        // Only the bytes of whole numbers are equal exactly when the keys are.
        let whole = |column| map.whole_numbers().contains(column);
        let divides = keys.only_primary
            && !keys.primary.is_empty()
            && keys.unique == keys.primary
            && keys.primary.iter().all(whole);
        self.tables.push(Table {
            shares: if divides { self.shares } else { 1 },
            in_order: false,
            keys,
            map,
            map_event: map_event.clone(),
            chains: Chains::default(),
            style: None,
            passed: BTreeMap::new(),
            done: Vec::new(),
        });
        let place = self.tables.len() - 1;
        self.names.insert(name, place);
        Some(place)
    }
}

impl Folder<'_> {
    /// A table that looks otherwise all at once: what is folded of it comes
    /// first, and what follows stays as it is.
    fn give_up(&mut self, place: usize) {
        if let Some(table) = self.tables.get_mut(place) {
            table.flush();
            let done = std::mem::take(&mut table.done);
            self.kept.extend(done.into_iter().map(|(_, rows)| rows));
        }
        for seen in self.seen.values_mut().filter(|seen| **seen == Some(place)) {
            *seen = None;
        }
    }
}

impl Table {
    fn add(&mut self, event: &Logged) {
        if self.fold(event).is_none() {
            // Not of full images, or not understood: it goes as it is, after
            // what is folded so far. Foreign keys are checked at the end of all
            // only, by the source having checked them.
            self.flush();
            self.in_order = true;
            let rows = Rows {
                maps: vec![self.map_event.clone()],
                rows: vec![renumbered(event, &self.map_event).with_flags(FLAG_NO_FOREIGN_KEYS)],
            };
            self.done.push((0, rows));
        }
    }

    /// Adds the rows of an event to the chains; nothing when it answers `None`.
    fn fold(&mut self, event: &Logged) -> Option<()> {
        let read = RowEvent::read(event.kind(), &event.body(), self.map.columns())?;
        let mut changes = Vec::new();
        for (before, after) in read.rows(&self.map)? {
            let known = |image: Option<Bytes>| match image {
                None => Some(None),
                Some(image) => Some(Some((self.known_by(&image)?, image))),
            };
            changes.push((known(before)?, known(after)?));
        }
        let style = self.style.get_or_insert_with(|| Style {
            like: event.bytes().slice(..HEADER_BYTES),
            version: read.version,
            flags: read.flags,
        });
        style.flags |= read.flags;
        for (before, after) in changes {
            if let Some(passed) = self.chains.add(before, after) {
                self.remember(passed);
            }
        }
        Some(())
    }

    /// What a row is known by: its primary key, else the whole of it.
    fn known_by(&self, image: &Bytes) -> Option<Bytes> {
        if self.keys.primary.is_empty() {
            return Some(image.clone());
        }
        self.map.key(image, &self.keys.primary)
    }

    /// A row that came and went leaves its number behind: the server never
    /// gives it again.
    fn remember(&mut self, image: Bytes) {
        for column in &self.keys.numbered {
            let Some(mut number) = self.map.key(&image, &[*column]).map(|n| n.to_vec()) else {
                continue;
            };
            number.reverse();
            let is_negative = number.first().is_none_or(|byte| byte & 0x80 != 0);
            let old = self.passed.get(column);
            if !is_negative && old.is_none_or(|(old, _)| *old < number) {
                self.passed.insert(*column, (number, image.clone()));
            }
        }
    }

    /// Puts what the chains come to behind what is done.
    fn flush(&mut self) {
        let mut passed: Vec<Bytes> = std::mem::take(&mut self.passed)
            .into_values()
            .map(|(_, image)| image)
            .filter(|image| {
                let key = self.known_by(image);
                key.is_some_and(|key| !self.chains.is_alive(&key))
            })
            .collect();
        passed.dedup();
        let chains = self.chains.take();
        let Some(style) = self.style.clone() else {
            return;
        };
        let mut shares: Vec<Strides> = Vec::new();
        shares.resize_with(self.shares, Strides::default);
        for chain in chains {
            self.sort(chain, &mut shares);
        }
        for image in passed {
            if let Some(strides) = shares.get_mut(self.share_of(&image)) {
                strides.passing.push(image);
            }
        }
        for (share, strides) in shares.into_iter().enumerate() {
            let events = self.stride(&style, &strides);
            if !events.is_empty() {
                let rows = Rows {
                    maps: vec![self.map_event.clone()],
                    rows: events,
                };
                self.done.push((share, rows));
            }
        }
    }

    /// The events of one share, in the order they are applied in.
    fn stride(&self, style: &Style, strides: &Strides) -> Vec<Logged> {
        let mut events = Vec::new();
        self.write(style, Action::Delete, &strides.going, &mut events);
        for image in &strides.passing {
            let image = std::slice::from_ref(image);
            self.write(style, Action::Write, image, &mut events);
            self.write(style, Action::Delete, image, &mut events);
        }
        self.write(style, Action::Update, &strides.changing, &mut events);
        self.write(style, Action::Write, &strides.coming, &mut events);
        events
    }

    fn sort(&self, chain: Chain, shares: &mut [Strides]) {
        match (chain.before, chain.after) {
            (Some(before), Some(after)) if self.stays(&before, &after) => {
                if let Some(strides) = shares.get_mut(self.share_of(&before)) {
                    let both = [&before[..], &after[..]].concat();
                    strides.changing.push(both.into());
                }
            }
            (before, after) => {
                for (image, comes) in [(before, false), (after, true)] {
                    let Some(image) = image else { continue };
                    let strides = shares.get_mut(self.share_of(&image));
                    match (strides, comes) {
                        (Some(strides), true) => strides.coming.push(image),
                        (Some(strides), false) => strides.going.push(image),
                        (None, _) => {}
                    }
                }
            }
        }
    }

    /// The share that has all rows with the primary key of `image`. Neighbours
    /// have the same one, because they lie on the same pages.
    fn share_of(&self, image: &Bytes) -> usize {
        if self.shares == 1 {
            return 0;
        }
        let key = self.map.key(image, &self.keys.primary).unwrap_or_default();
        let mut low_first = [0; 8];
        let spread = match low_first.get_mut(..key.len()) {
            Some(number) if self.keys.primary.len() == 1 => {
                number.copy_from_slice(&key);
                u64::from_le_bytes(low_first) >> NEIGHBOURS_LOG2
            }
            _ => u64::from(crc32fast::hash(&key)),
        };
        let mixed = spread.wrapping_mul(MIXER) >> 32;
        // As many as there are connections: a remainder fits.
        usize::try_from(mixed).unwrap_or(0) % self.shares
    }

    /// Whether a row keeps its place in every unique key.
    fn stays(&self, before: &Bytes, after: &Bytes) -> bool {
        let values = |image| self.map.values(image);
        let Some((before, after)) = values(before).zip(values(after)) else {
            return false;
        };
        self.keys
            .unique
            .iter()
            .all(|column| before.get(*column) == after.get(*column))
    }

    /// Makes events of `images`.
    fn write(&self, style: &Style, action: Action, images: &[Bytes], events: &mut Vec<Logged>) {
        let frame = Frame {
            like: &style.like,
            table: &self.map_event.body()[..TABLE_NUMBER_BYTES],
            columns: self.map.columns(),
            version: style.version,
            flags: style.flags & !(FLAG_STATEMENT_END | FLAG_RELAXED_UNIQUE) | FLAG_NO_FOREIGN_KEYS,
        };
        let mut gathered: Vec<u8> = Vec::new();
        for image in images {
            if !gathered.is_empty() && gathered.len() + image.len() > EVENT_BYTES {
                events.push(Logged::made(frame.event(action, &gathered), false));
                gathered.clear();
            }
            gathered.extend_from_slice(image);
        }
        if !gathered.is_empty() {
            events.push(Logged::made(frame.event(action, &gathered), false));
        }
    }
}

/// What is applied one after the other.
#[derive(Default)]
struct Strides {
    going: Vec<Bytes>,
    /// Rows that came and went, whose numbers must stay taken.
    passing: Vec<Bytes>,
    changing: Vec<Bytes>,
    coming: Vec<Bytes>,
}

/// The rows event `event` for the table map `map`, which may number its table
/// otherwise than the one before the event did.
fn renumbered(event: &Logged, map: &Logged) -> Logged {
    event.with_table(&map.body()[..TABLE_NUMBER_BYTES])
}

#[cfg(test)]
mod tests;
