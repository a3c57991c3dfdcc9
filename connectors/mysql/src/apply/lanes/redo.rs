//! How the statements of a lane are packed to be done over: each with its
//! length before it, an empty one behind the last, compressed as a whole and
//! cut in pieces. Pure.

use crate::error::corrupt;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::io::Write;
use zstd::stream::write::{Decoder, Encoder};

/// Bytes of a piece: with its base64 it fits into the smallest packet a server
/// comes with (1 MiB).
pub(super) const PIECE_BYTES: usize = 512 * 1024;
/// What is written once and hardly ever read is to be packed quickly.
const LEVEL: i32 = 1;
/// Bytes of a statement's length.
const LENGTH_BYTES: usize = 4;

/// Packs.
pub(super) struct Packer {
    packed: Encoder<'static, Vec<u8>>,
    piece_bytes: usize,
}

impl Packer {
    /// Packs into pieces of at most so many bytes.
    pub fn new(piece_bytes: usize) -> PortResult<Self> {
        Ok(Self {
            packed: Encoder::new(Vec::new(), LEVEL).map_err(failed)?,
            piece_bytes: piece_bytes.max(1),
        })
    }

    /// Adds the events of a statement; gives the pieces that are full.
    pub fn add(&mut self, events: &[u8]) -> PortResult<Vec<Vec<u8>>> {
        let length = u32::try_from(events.len())
            .map_err(|_| corrupt("a statement of the log is larger than any server takes"))?;
        self.packed
            .write_all(&length.to_le_bytes())
            .map_err(failed)?;
        self.packed.write_all(events).map_err(failed)?;
        let packed = self.packed.get_mut();
        let full = packed.len() - packed.len() % self.piece_bytes;
        let rest = packed.split_off(full);
        let full = std::mem::replace(packed, rest);
        Ok(full.chunks(self.piece_bytes).map(<[u8]>::to_vec).collect())
    }

    /// Gives what is left, with the end.
    pub fn finish(mut self) -> PortResult<Vec<Vec<u8>>> {
        let mut pieces = self.add(&[])?;
        let rest = self.packed.finish().map_err(failed)?;
        pieces.extend(rest.chunks(self.piece_bytes).map(<[u8]>::to_vec));
        Ok(pieces)
    }
}

/// Unpacks.
pub(super) struct Unpacker {
    plain: Decoder<'static, Vec<u8>>,
    /// Whether the end was seen.
    pub ended: bool,
}

impl Unpacker {
    pub fn new() -> PortResult<Self> {
        Ok(Self {
            plain: Decoder::new(Vec::new()).map_err(failed)?,
            ended: false,
        })
    }

    /// Adds the next piece; gives the statements that are whole.
    pub fn add(&mut self, piece: &[u8]) -> PortResult<Vec<Vec<u8>>> {
        self.plain
            .write_all(piece)
            .and_then(|()| self.plain.flush())
            .map_err(|error| corrupt("a stored lane cannot be read").source(error))?;
        let plain = self.plain.get_mut();
        let (mut statements, mut taken) = (Vec::new(), 0);
        while let Some((length, rest)) = plain[taken..].split_first_chunk::<LENGTH_BYTES>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some(events) = rest.get(..length) else {
                break;
            };
            taken += LENGTH_BYTES + length;
            match events.is_empty() {
                true => self.ended = true,
                false => statements.push(events.to_vec()),
            }
        }
        plain.drain(..taken);
        Ok(statements)
    }
}

fn failed(error: std::io::Error) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-MYSQL-DRIVER",
        "cannot pack the lanes",
    )
    .source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_out_as_they_went_in_and_the_end_is_known() {
        // Not compressible, so that there are many pieces.
        let noise = |seed: u64, bytes: usize| {
            let mut dice = seed;
            std::iter::repeat_with(|| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (dice >> 56) as u8
            })
            .take(bytes)
            .collect::<Vec<u8>>()
        };
        let statements = [noise(1, 1), noise(2, 70_000), noise(3, 200_000)];
        let mut packer = Packer::new(1000).expect("packs");
        let mut pieces = Vec::new();
        for events in &statements {
            pieces.extend(packer.add(events).expect("packs"));
        }
        pieces.extend(packer.finish().expect("packs"));
        assert!(pieces.len() > 200, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| piece.len() <= 1000));
        let mut unpacker = Unpacker::new().expect("unpacks");
        let mut found = Vec::new();
        let (last, all_but_last) = pieces.split_last().expect("pieces");
        for piece in all_but_last {
            found.extend(unpacker.add(piece).expect("unpacks"));
        }
        assert!(!unpacker.ended);
        found.extend(unpacker.add(last).expect("unpacks"));
        assert!(unpacker.ended);
        assert!(found == statements);
        assert!(Unpacker::new().expect("unpacks").add(b"else").is_err());
    }
}
