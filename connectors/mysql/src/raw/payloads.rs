//! Takes payloads out of bytes that come in pieces. Pure.
//!
//! A payload that lies whole in one packet and in the bytes at hand is taken
//! where it lies. Any other is put together, and never beyond a bound: the
//! lengths are the other side's word, so that memory grows with what came only.

use super::bad;
use super::wire::{BUFFER_BYTES, HEADER_BYTES, PAYLOAD_MAX};
use std::io;

/// The longest payload: 1 GiB is the most either server takes or gives in one
/// event (`MAX_MAX_ALLOWED_PACKET`), and an event's head adds a little.
const PAYLOAD_BYTES_MAX: usize = (1 << 30) + (1 << 20);
/// A long payload leaves no more memory behind than this.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The payload that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Payloads {
    long: Vec<u8>,
    /// What is missing of the packet, when there is a long payload.
    left: Option<usize>,
    /// Another packet of the same payload follows.
    goes_on: bool,
    /// `long` was handed out.
    is_done: bool,
}

impl Payloads {
    /// Takes from `ready` up to the end of a payload. Says how many bytes are
    /// used up; no payload when more bytes are needed.
    pub fn take<'a>(&'a mut self, ready: &'a [u8]) -> io::Result<(usize, Option<&'a [u8]>)> {
        if self.is_done {
            self.is_done = false;
            self.long.clear();
            self.long.shrink_to(KEPT_BYTES_MAX);
        }
        let mut used = 0;
        loop {
            let rest = &ready[used..];
            let Some(left) = self.left else {
                let Some((length, after)) = header(rest) else {
                    return Ok((used, None));
                };
                if length < PAYLOAD_MAX && HEADER_BYTES + length <= BUFFER_BYTES {
                    return Ok(match after.get(..length) {
                        Some(payload) => (used + HEADER_BYTES + length, Some(payload)),
                        None => (used, None),
                    });
                }
                used += HEADER_BYTES;
                self.goes_on = length == PAYLOAD_MAX;
                self.left = Some(length);
                continue;
            };
            let take = left.min(rest.len());
            if self.long.len() + take > PAYLOAD_BYTES_MAX {
                return Err(bad("a packet is larger than any the servers make"));
            }
            self.long.extend_from_slice(&rest[..take]);
            used += take;
            if take < left {
                self.left = Some(left - take);
                return Ok((used, None));
            }
            if !self.goes_on {
                (self.left, self.is_done) = (None, true);
                return Ok((used, Some(&self.long)));
            }
            let Some((length, _)) = header(&ready[used..]) else {
                self.left = Some(0);
                return Ok((used, None));
            };
            used += HEADER_BYTES;
            self.goes_on = length == PAYLOAD_MAX;
            self.left = Some(length);
        }
    }
}

/// Length of the payload in the packet that begins here, and what follows.
fn header(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let ([a, b, c, _], rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = payload;
        loop {
            let take = rest.len().min(PAYLOAD_MAX);
            bytes.extend_from_slice(&(take as u32).to_le_bytes()[..3]);
            bytes.push(0);
            bytes.extend_from_slice(&rest[..take]);
            rest = &rest[take..];
            if take < PAYLOAD_MAX {
                return bytes;
            }
        }
    }

    /// Feeds `bytes` as a connection does, at most `step` at a time.
    fn fed(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut payloads = Payloads::default();
        let (mut found, mut start, mut end) = (Vec::new(), 0, 0);
        while end < bytes.len() {
            end = bytes.len().min(end + step);
            loop {
                let (used, payload) = payloads.take(&bytes[start..end]).expect("taken");
                start += used;
                match payload {
                    Some(payload) => found.push(payload.to_vec()),
                    None => break,
                }
            }
        }
        assert_eq!(start, bytes.len());
        found
    }

    #[test]
    fn payloads_are_the_same_however_their_bytes_come() {
        let long = PAYLOAD_MAX * 2;
        let sent: Vec<Vec<u8>> = [
            0,
            1,
            40,
            BUFFER_BYTES,
            PAYLOAD_MAX - 1,
            PAYLOAD_MAX,
            long,
            3,
        ]
        .iter()
        .map(|length| (0..*length).map(|at| (at % 251) as u8).collect())
        .collect();
        let bytes: Vec<u8> = sent.iter().flat_map(|payload| packets(payload)).collect();
        for step in [4093, BUFFER_BYTES, bytes.len()] {
            assert!(fed(&bytes, step) == sent, "in steps of {step}");
        }
        let short: Vec<u8> = sent[..3].iter().flat_map(|p| packets(p)).collect();
        assert_eq!(fed(&short, 1), sent[..3]);
    }

    #[test]
    fn a_payload_without_end_is_refused() {
        let mut packet = vec![0xff, 0xff, 0xff, 0];
        packet.resize(HEADER_BYTES + PAYLOAD_MAX, 1);
        let mut payloads = Payloads::default();
        let mut refused = false;
        for _ in 0..=PAYLOAD_BYTES_MAX / PAYLOAD_MAX {
            refused = payloads.take(&packet).is_err();
            payloads
                .long
                .truncate(payloads.long.len().min(PAYLOAD_BYTES_MAX));
        }
        assert!(refused);
    }
}
