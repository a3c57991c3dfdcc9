//! Table maps: the columns of a table as the row events after it have them.

use super::cursor::{Cursor, bit};
use super::value::{self, Size};
use bytes::Bytes;

/// What a table map says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableMap {
    /// The database, as its bytes.
    pub database: Vec<u8>,
    /// The table, as its bytes.
    pub table: Vec<u8>,
    sizes: Vec<Size>,
    whole_numbers: Vec<usize>,
}

impl TableMap {
    /// Reads the body of a table map; `None` when there are no columns, or
    /// when a column's type is not known.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut rest = Cursor(body);
        rest.take(8)?; // number of the table, flags
        let database = rest.short_text()?.to_vec();
        let table = rest.short_text()?.to_vec();
        let count = rest.encoded_length()?;
        if count == 0 {
            // Its rows would have no bytes, and so no end.
            return None;
        }
        let types = rest.take(count)?;
        let described_bytes = rest.encoded_length()?;
        let mut described = Cursor(rest.take(described_bytes)?);
        rest.take(count.div_ceil(8))?; // which may be NULL
        let sizes = types
            .iter()
            .map(|number| Size::read(*number, &mut described))
            .collect::<Option<Vec<_>>>()?;
        let is_whole = |(_, number): &(usize, &u8)| value::is_whole_number(**number);
        let whole = types.iter().enumerate().filter(is_whole);
        described.0.is_empty().then_some(Self {
            database,
            table,
            whole_numbers: whole.map(|(index, _)| index).collect(),
            sizes,
        })
    }

    /// Database and name in the body of a table map, whatever its columns are.
    pub fn name(body: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut rest = Cursor(body);
        rest.take(8)?; // number of the table, flags
        let database = rest.short_text()?.to_vec();
        Some((database, rest.short_text()?.to_vec()))
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.sizes.len()
    }

    /// The columns of whole numbers.
    pub fn whole_numbers(&self) -> &[usize] {
        &self.whole_numbers
    }

    /// Takes one row image that has every column: a bitmap of NULLs, then the
    /// values that are not.
    pub fn image<'a>(&self, rest: &mut Cursor<'a>) -> Option<&'a [u8]> {
        let start = rest.0;
        let nulls = rest.take(self.columns().div_ceil(8))?;
        for (index, size) in self.sizes.iter().enumerate() {
            if !bit(nulls, index) {
                size.take(rest)?;
            }
        }
        start.get(..start.len() - rest.0.len())
    }

    /// The values of `columns`, in ascending order, of a row image, one after
    /// the other; each tells its own end. `None` when one of them is NULL.
    pub fn key(&self, image: &Bytes, columns: &[usize]) -> Option<Bytes> {
        let mut rest = Cursor(image);
        let nulls = rest.take(self.columns().div_ceil(8))?;
        let mut wanted = columns.iter().copied().peekable();
        let mut key = Vec::new();
        for (index, size) in self.sizes.iter().enumerate() {
            let is_wanted = wanted.next_if_eq(&index).is_some();
            if bit(nulls, index) {
                if is_wanted {
                    return None;
                }
                continue;
            }
            let value = size.take(&mut rest)?;
            if is_wanted && columns.len() == 1 {
                return Some(image.slice_ref(value));
            }
            if is_wanted {
                key.extend_from_slice(value);
                if wanted.peek().is_none() {
                    return Some(key.into());
                }
            }
        }
        None
    }

    /// The values of a whole row image, `None` for NULL.
    pub fn values<'a>(&self, image: &'a [u8]) -> Option<Vec<Option<&'a [u8]>>> {
        let mut rest = Cursor(image);
        let nulls = rest.take(self.columns().div_ceil(8))?;
        let values = self.sizes.iter().enumerate().map(|(index, size)| {
            if bit(nulls, index) {
                Some(None)
            } else {
                size.take(&mut rest).map(Some)
            }
        });
        let values: Vec<_> = values.collect::<Option<_>>()?;
        rest.0.is_empty().then_some(values)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Makes table maps.

    /// The body of a table map of `(type, description)` columns.
    pub fn body(id: u8, database: &str, table: &str, columns: &[(u8, &[u8])]) -> Vec<u8> {
        let mut body = vec![id, 0, 0, 0, 0, 0, 1, 0];
        for text in [database, table] {
            body.push(text.len() as u8);
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.push(columns.len() as u8);
        body.extend(columns.iter().map(|(number, _)| *number));
        let described: Vec<u8> = columns.iter().flat_map(|(_, d)| d.to_vec()).collect();
        body.push(described.len() as u8);
        body.extend_from_slice(&described);
        body.extend(std::iter::repeat_n(0xff, columns.len().div_ceil(8)));
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_image_is_taken_apart() {
        let body = testing::body(7, "shop", "t", &[(3, &[]), (15, &[40, 0]), (3, &[])]);
        let map = TableMap::read(&body).expect("reads");
        assert_eq!(
            (&map.database[..], &map.table[..]),
            (&b"shop"[..], &b"t"[..])
        );
        let image = [0b100, 1, 0, 0, 0, 2, b'a', b'b'];
        let mut rest = Cursor(&[image, image].concat()[..]).clone().0.to_vec();
        rest.push(0);
        let mut cursor = Cursor(&rest);
        assert_eq!(map.image(&mut cursor), Some(&image[..]));
        assert_eq!(map.image(&mut cursor), Some(&image[..]));
        assert_eq!(map.image(&mut cursor), None);
        let values = map.values(&image).expect("values");
        let expected: [Option<&[u8]>; 3] = [Some(&[1, 0, 0, 0]), Some(&[2, b'a', b'b']), None];
        assert_eq!(values, expected);
        assert_eq!(map.values(&rest), None);
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(
            TableMap::read(&testing::body(7, "shop", "t", &[(20, &[1])])),
            None
        );
        assert_eq!(
            TableMap::read(&testing::body(7, "shop", "t", &[(3, &[1])])),
            None
        );
        assert_eq!(TableMap::read(&testing::body(7, "shop", "t", &[])), None);
        assert_eq!(TableMap::read(b"short"), None);
    }
}
