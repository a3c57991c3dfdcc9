//! Ed25519 public keys as openssl writes them (RFC 8410): the fixed beginning of
//! every one, then 32 bytes, in base64. A private key has another beginning, which
//! is why the 32 bytes alone are not taken: nothing would tell one from the other.

use super::{Bad, shown};

/// What all public keys begin with, in base64: 12 bytes of DER.
const PUBLIC: &str = "MCowBQYDK2VwAyEA";
/// What all private keys begin with, as far as whole base64 digits go.
const PRIVATE: &str = "MC4CAQAwBQYDK2Vw";
/// 32 bytes in base64, without the `=` at their end.
const KEY_DIGITS: usize = 43;

/// Checks the text of a public key as far as its characters go.
pub(in crate::plan) fn signer(text: &str) -> Result<String, Bad> {
    let lines = text.lines().map(str::trim);
    let base64: String = lines.filter(|line| !line.starts_with("-----")).collect();
    if text.contains("PRIVATE KEY") || base64.contains(PRIVATE) {
        return Err(Bad::new(
            "a private key where a public one belongs",
            "공개 키를 적어야 할 곳에 개인 키가 있습니다",
        )
        .hint(
            "give what `openssl pkey -in key.pem -pubout` prints, and make a new key: this one is known now",
            "`openssl pkey -in key.pem -pubout`으로 출력한 공개 키를 적으세요. 이 개인 키는 이미 노출되었으므로 새로 만드세요",
        )
        .secret());
    }
    if is_public(&base64) {
        return Ok(text.to_owned());
    }
    Err(Bad::new(
        format!("{} is not an Ed25519 public key", shown(text)),
        format!("{} 값은 Ed25519 공개 키가 아닙니다", shown(text)),
    )
    .hint(
        format!("it begins with `{PUBLIC}` and has 60 characters: copy it whole from `openssl pkey -in key.pem -pubout`"),
        format!("`{PUBLIC}`로 시작하는 60자입니다. `openssl pkey -in key.pem -pubout` 출력을 그대로 복사하세요"),
    ))
}

fn is_public(base64: &str) -> bool {
    let digits = base64
        .strip_prefix(PUBLIC)
        .and_then(|key| key.strip_suffix('='));
    digits.is_some_and(|digits| {
        let is_digit = |c: u8| c.is_ascii_alphanumeric() || c == b'+' || c == b'/';
        digits.len() == KEY_DIGITS && digits.bytes().all(is_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8410, section 10.1.
    const GOOD: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    /// The private key of RFC 8410, section 10.3.
    const PRIVATE_KEY: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";

    #[test]
    fn a_public_key_is_taken_with_and_without_its_frame() {
        assert!(signer(GOOD).is_ok());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{GOOD}\n-----END PUBLIC KEY-----\n");
        assert!(signer(&pem).is_ok());
        for bad in ["", &GOOD[..59], &GOOD[16..], &GOOD.replace('w', "é")] {
            assert!(signer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_private_key_is_a_secret() {
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{PRIVATE_KEY}\n-----END PRIVATE KEY-----\n");
        for private in [PRIVATE_KEY, &pem] {
            let bad = signer(private).unwrap_err();
            assert!(bad.secret && !bad.message.en.contains("INTuctv5"));
        }
    }
}
