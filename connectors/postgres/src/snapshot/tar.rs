//! Reads the server's tar streams while they come.

use crate::error::{corrupt, file_name};
use bytes::{Buf, Bytes, BytesMut};
use planb_ports::PortResult;

/// Tar is made of these.
pub(crate) const BLOCK_BYTES: usize = 512;
/// The end of an archive.
pub(crate) const END: [u8; 2 * BLOCK_BYTES] = [0; 2 * BLOCK_BYTES];

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    /// A file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A link to there.
    Link(String),
}

/// What comes next in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A member begins; its header as it came.
    Begin {
        /// Its path.
        path: String,
        /// What it is.
        member: Member,
        /// The header block.
        header: Bytes,
    },
    /// Content of the file that was begun.
    Content(Bytes),
    /// The file ended; what fills its last block.
    End(Bytes),
}

/// Takes an archive apart, however its bytes come.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    inbox: BytesMut,
    /// Content left in the file, and what fills its last block.
    left: Option<(u64, usize)>,
}

impl Reader {
    /// Adds bytes.
    pub fn feed(&mut self, bytes: Bytes) {
        // Mostly there is nothing left over, and nothing is copied.
        match self.inbox.is_empty().then(|| bytes.clone().try_into_mut()) {
            Some(Ok(whole)) => self.inbox = whole,
            _ => self.inbox.extend_from_slice(&bytes),
        }
    }

    /// The next piece; `None` when more bytes are needed.
    pub fn next(&mut self) -> PortResult<Option<Piece>> {
        match &mut self.left {
            Some((0, fill)) => {
                let fill = *fill;
                if self.inbox.len() < fill {
                    return Ok(None);
                }
                self.left = None;
                Ok(Some(Piece::End(self.inbox.split_to(fill).freeze())))
            }
            Some((left, _)) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let length = self.inbox.len().min(most);
                if length == 0 {
                    return Ok(None);
                }
                *left -= length as u64;
                Ok(Some(Piece::Content(self.inbox.split_to(length).freeze())))
            }
            None => self.header(),
        }
    }

    /// Whether the archive ended where an archive may end.
    pub fn is_done(&self) -> bool {
        self.left.is_none() && self.inbox.is_empty()
    }

    fn header(&mut self) -> PortResult<Option<Piece>> {
        loop {
            if self.inbox.len() < BLOCK_BYTES {
                return Ok(None);
            }
            if self.inbox[..BLOCK_BYTES].iter().any(|b| *b != 0) {
                break;
            }
            self.inbox.advance(BLOCK_BYTES);
        }
        let header = self.inbox.split_to(BLOCK_BYTES).freeze();
        let (path, member) = parse(&header)?;
        if let Member::File(bytes) = &member {
            let fill = bytes.next_multiple_of(BLOCK_BYTES as u64) - bytes;
            self.left = Some((*bytes, usize::try_from(fill).unwrap_or_default()));
        }
        Ok(Some(Piece::Begin {
            path,
            member,
            header,
        }))
    }
}

fn parse(header: &[u8]) -> PortResult<(String, Member)> {
    let bad = |what: &str| corrupt(format!("the archive has a bad {what}"));
    let text = |from: usize, length: usize| {
        let field = &header[from..from + length];
        let end = field.iter().position(|b| *b == 0).unwrap_or(length);
        std::str::from_utf8(&field[..end]).map(str::to_owned)
    };
    let octal = |from: usize, length: usize| {
        let digits = text(from, length).ok()?;
        u64::from_str_radix(digits.trim(), 8).ok()
    };
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(at, b)| u64::from(if (148..156).contains(&at) { b' ' } else { *b }))
        .sum();
    if octal(148, 8) != Some(sum) {
        return Err(bad("checksum"));
    }
    let not_text = |_| file_name(&String::from_utf8_lossy(&header[..100]));
    let name = text(0, 100).map_err(not_text)?;
    let prefix = text(345, 155).map_err(not_text)?;
    let path = match prefix.is_empty() {
        true => name,
        false => format!("{prefix}/{name}"),
    };
    let path = safe(&path).ok_or_else(|| bad("name"))?;
    let member = match header[156] {
        b'0' | 0 => Member::File(octal(124, 12).ok_or_else(|| bad("size"))?),
        b'5' => Member::Folder,
        b'2' => Member::Link(text(157, 100).map_err(|_| bad("link"))?),
        _ => return Err(bad("member")),
    };
    Ok((path, member))
}

/// A path that stays inside of the folder it is unpacked in.
fn safe(path: &str) -> Option<String> {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let good =
        !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    good.then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn member(path: &str, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut header = vec![0u8; BLOCK_BYTES];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = kind;
        header[148..156].copy_from_slice(b"        ");
        let sum: u64 = header.iter().map(|b| u64::from(*b)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header.extend_from_slice(content);
        header.resize(header.len().next_multiple_of(BLOCK_BYTES), 0);
        header
    }

    fn read(archive: &[u8], piece: usize) -> PortResult<Vec<(String, Vec<u8>)>> {
        let mut reader = Reader::default();
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for piece in archive.chunks(piece) {
            reader.feed(Bytes::copy_from_slice(piece));
            while let Some(piece) = reader.next()? {
                match piece {
                    Piece::Begin { path, .. } => files.push((path, Vec::new())),
                    Piece::Content(bytes) => {
                        files.last_mut().expect("begun").1.extend_from_slice(&bytes);
                    }
                    Piece::End(_) => {}
                }
            }
        }
        assert!(reader.is_done());
        Ok(files)
    }

    #[test]
    fn an_archive_is_read_however_its_bytes_come() {
        let long = vec![7u8; 1025];
        let mut archive = member("./base/", b'5', b"");
        archive.extend(member("base/1", b'0', &long));
        archive.extend(member("empty", b'0', b""));
        archive.extend(END);
        let wanted = [
            ("base".to_owned(), vec![]),
            ("base/1".to_owned(), long),
            ("empty".to_owned(), vec![]),
        ];
        for piece in [1, 500, 513, 100_000] {
            assert_eq!(read(&archive, piece).expect("good"), wanted);
        }
    }

    #[test]
    fn a_member_that_would_leave_its_folder_is_refused() {
        for path in ["/etc/passwd", "../x", "a/../../x", "a//b", ""] {
            assert!(read(&member(path, b'0', b""), 512).is_err(), "{path}");
        }
        let mut named = member("caf_", b'0', b"");
        (named[3], named[153]) = (0xe9, 0);
        let sum: u64 = (0..BLOCK_BYTES)
            .map(|at| {
                u64::from(if (148..156).contains(&at) {
                    b' '
                } else {
                    named[at]
                })
            })
            .sum();
        named[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let error = read(&named, 512).expect_err("no text");
        assert_eq!(error.code(), "PB-POSTGRES-FILE-NAME", "{error}");
        let mut damaged = member("a", b'0', b"");
        damaged[130] = b'7';
        assert!(read(&damaged, 512).is_err());
    }
}
