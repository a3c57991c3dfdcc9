//! `age` public keys: Bech32 with the prefix `age`, 32 bytes of X25519.

use super::{Bad, shown};

const PREFIX: &str = "age1";
/// Prefix, 52 characters of key, 6 of checksum.
const RECIPIENT_CHARS: usize = 62;
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Checks a recipient as far as its characters and its checksum go.
pub(in crate::plan) fn recipient(text: &str) -> Result<String, Bad> {
    if text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
        return Err(Bad::new(
            "a private age key where a public one belongs",
            "age 공개 키를 적어야 할 곳에 개인 키가 있습니다",
        )
        .hint(
            "give the public key (`age-keygen -y key.txt` prints it) and make a new pair: this one is known now",
            "`age-keygen -y key.txt`로 출력한 공개 키를 적으세요. 이 개인 키는 이미 노출되었으므로 키 쌍을 새로 만드세요",
        )
        .secret());
    }
    if is_recipient(text) {
        return Ok(text.to_owned());
    }
    Err(Bad::new(
        format!("{} is not an age public key", shown(text)),
        format!("{} 값은 age 공개 키가 아닙니다", shown(text)),
    )
    .hint(
        "it begins with `age1`, has 62 characters and a checksum: copy it whole from `age-keygen`",
        "`age1`로 시작하는 62자이며 체크섬이 맞아야 합니다. `age-keygen` 출력을 그대로 복사하세요",
    ))
}

fn is_recipient(text: &str) -> bool {
    let Some(data) = text
        .strip_prefix(PREFIX)
        .filter(|_| text.len() == RECIPIENT_CHARS)
    else {
        return false;
    };
    let values: Option<Vec<u32>> = data
        .bytes()
        .map(|b| {
            BECH32
                .iter()
                .position(|c| *c == b)
                .and_then(|i| u32::try_from(i).ok())
        })
        .collect();
    values.is_some_and(|values| checksum(&values) == 1)
}

/// The Bech32 checksum of BIP 173 over the prefix `age` and `values`.
fn checksum(values: &[u32]) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let prefix = "age".bytes().map(u32::from);
    let expanded = prefix
        .clone()
        .map(|b| b >> 5)
        .chain([0])
        .chain(prefix.map(|b| b & 31));
    expanded
        .chain(values.iter().copied())
        .fold(1, |sum, value| {
            let top = sum >> 25;
            let next = ((sum & 0x01ff_ffff) << 5) ^ value;
            (0..5)
                .filter(|i| top >> i & 1 == 1)
                .fold(next, |n, i| n ^ GENERATOR[i])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recipient of the age specification's example.
    const GOOD: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    #[test]
    fn a_changed_character_is_found() {
        assert!(recipient(GOOD).is_ok());
        assert!(recipient(&GOOD.replacen('q', "p", 1)).is_err());
        assert!(recipient(&GOOD[..61]).is_err());
        assert!(recipient("").is_err());
    }

    #[test]
    fn a_private_key_is_a_secret() {
        let bad = recipient("AGE-SECRET-KEY-1ABC").unwrap_err();
        assert!(bad.secret && !bad.message.en.contains("1ABC"));
    }
}
