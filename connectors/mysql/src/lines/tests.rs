//! Rows, whole and in pieces.

use super::*;

fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    escape(bytes, &mut line);
    line
}

/// A row of the text protocol.
fn packet(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut packet = Vec::new();
    for value in values {
        let Some(value) = value else {
            packet.push(NULL);
            continue;
        };
        let length = value.len() as u64;
        match length {
            0..=250 => packet.push(length as u8),
            251..=0xffff => {
                packet.push(0xfc);
                packet.extend_from_slice(&length.to_le_bytes()[..2]);
            }
            0x1_0000..=0xff_ffff => {
                packet.push(0xfd);
                packet.extend_from_slice(&length.to_le_bytes()[..3]);
            }
            _ => {
                packet.push(0xfe);
                packet.extend_from_slice(&length.to_le_bytes());
            }
        }
        packet.extend_from_slice(value);
    }
    packet
}

#[test]
fn no_value_can_be_taken_for_null_or_for_two() {
    assert_eq!(escaped(b"\\N"), b"\\\\N");
    assert_eq!(escaped(b"a\tb\nc\0\r\\"), b"a\\tb\\nc\\0\\r\\\\");
    assert_eq!(escaped(&[0xff, 0xfe]), [0xff, 0xfe]);
    assert_eq!(escaped(b""), b"");
}

#[test]
fn every_byte_at_every_place_is_escaped_alike() {
    for place in 0..70 {
        for byte in 0..=255u8 {
            let mut value = vec![b'x'; 70];
            value[place] = byte;
            let mut plain = Vec::new();
            escape_each(&value, &mut plain);
            assert_eq!(escaped(&value), plain, "{byte} at {place}");
        }
    }
}

#[test]
fn a_row_is_the_same_line_and_hash_whole_and_in_pieces() {
    let long = vec![b'\\'; 70_000];
    let longer = vec![0xffu8; 0x100_0001];
    let rows: [&[Option<&[u8]>]; 4] = [
        &[Some(b"1"), None, Some(b""), Some(b"a\tb")],
        &[None, None, None, None],
        &[Some(&long), Some(&[b'x'; 251]), Some(b"\\N"), None],
        &[Some(b""), Some(b""), Some(b""), Some(&longer)],
    ];
    let mut whole = Lines::new(4, Method::Xxh3);
    for row in rows {
        whole.row(&packet(row)).expect("a row");
    }
    let wanted = whole.take(0);
    assert!(wanted.starts_with(b"1\t\\N\t\ta\\tb\n\\N\t\\N\t\\N\t\\N\n"));
    for size in [1, 7, 1000, 65_536] {
        let mut pieces = Lines::new(4, Method::Xxh3);
        let mut taken = Vec::new();
        for row in rows {
            pieces.begin_long();
            for piece in packet(row).chunks(size) {
                pieces.piece(piece).expect("a piece");
                if pieces.len() > 10_000 {
                    taken.extend(pieces.take(0));
                }
            }
            pieces.end_long().expect("an end");
        }
        taken.extend(pieces.take(0));
        assert!(taken == wanted, "pieces of {size}");
        assert_eq!(pieces.sum().finish("t"), whole.sum().finish("t"));
    }
}

#[test]
fn rows_that_do_not_fit_their_columns_are_refused() {
    let two = packet(&[Some(b"1"), Some(b"2")]);
    for columns in [1, 3] {
        assert!(Lines::new(columns, Method::Xxh3).row(&two).is_err());
        let mut lines = Lines::new(columns, Method::Xxh3);
        lines.begin_long();
        let fed = lines.piece(&two);
        assert!(fed.is_err() || lines.end_long().is_err());
    }
    let mut lines = Lines::new(2, Method::Xxh3);
    assert!(lines.row(&two[..3]).is_err());
    assert!(Lines::new(2, Method::Xxh3).row(&[0xff, 0, 0]).is_err());
    assert!(Lines::new(1, Method::Xxh3).row(&[0xfc, 1]).is_err());
}
