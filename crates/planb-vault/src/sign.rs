//! Signatures: Ed25519 (RFC 8032). Those of manifests, records, folded log and
//! checkpoints are over an object's bytes as stored, in an object of 64 bytes
//! beside it, which is written first: an object that is there has one. Those of
//! log segments stand inside them.

use crate::error;
use crate::put::Put;
use crate::vault::Vault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use planb_model::Secret;
use planb_model::recovery::SignatureState;
use planb_ports::{ErrorKind, PortResult};

/// What comes before the 32 bytes of a private key in PKCS #8 (RFC 8410).
const PRIVATE_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What comes before the 32 bytes of a public key (RFC 8410).
const PUBLIC_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// Appended to the key of an object.
pub(crate) const SIGNATURE_SUFFIX: &str = ".sig";

/// Who signs, and whose signatures count. `Debug` shows no private key.
#[derive(Clone, Default)]
pub(crate) struct Signing {
    key: Option<SigningKey>,
    trusted: Vec<VerifyingKey>,
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signing({} trusted)", self.trusted.len())
    }
}

impl Signing {
    /// Reads the keys. A signer whose signatures would not count is refused: it
    /// could not read what it wrote.
    pub(crate) fn new(key: Option<&Secret>, trusted: &[String]) -> PortResult<Self> {
        let key = match key {
            Some(secret) => Some(private(secret)?),
            None => None,
        };
        let trusted = trusted
            .iter()
            .map(|text| public(text))
            .collect::<PortResult<Vec<_>>>()?;
        if let Some(key) = &key
            && !trusted.is_empty()
            && !trusted.contains(&key.verifying_key())
        {
            let what =
                "the vault's signing key is not among the keys its signatures are checked by";
            return Err(error::bad_signing_key(what));
        }
        Ok(Self { key, trusted })
    }

    /// Whether anything has to be signed to count.
    pub(crate) fn checks(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// Signs bytes, when there is a key.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Option<[u8; 64]> {
        Some(self.key.as_ref()?.sign(bytes).to_bytes())
    }

    pub(crate) fn is_valid(&self, object: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else {
            return false;
        };
        let by = |key: &VerifyingKey| key.verify_strict(object, &signature).is_ok();
        self.trusted.iter().any(by)
    }
}

/// PEM, the base64 inside it, or 32 bytes in base64.
fn private(secret: &Secret) -> PortResult<SigningKey> {
    let bad = || error::bad_signing_key("the vault's signing key is no Ed25519 key");
    let seed = key_bytes(secret.expose(), &PRIVATE_PREFIX).ok_or_else(bad)?;
    Ok(SigningKey::from_bytes(&seed))
}

fn public(text: &str) -> PortResult<VerifyingKey> {
    let bad = || error::bad_signing_key(format!("'{text}' is no Ed25519 public key"));
    let bytes = key_bytes(text, &PUBLIC_PREFIX).ok_or_else(bad)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| bad())
}

fn key_bytes(text: &str, prefix: &[u8]) -> Option<[u8; 32]> {
    let lines = text.lines().map(str::trim);
    let base64: String = lines.filter(|line| !line.starts_with("-----")).collect();
    let bytes = STANDARD.decode(base64).ok()?;
    let key = bytes.strip_prefix(prefix).unwrap_or(&bytes);
    key.try_into().ok()
}

impl Vault {
    /// What the signature of an object written now will be for its readers.
    pub(crate) fn signs(&self) -> SignatureState {
        match (&self.signing.key, self.signing.trusted.is_empty()) {
            (None, _) => SignatureState::Unsigned,
            (Some(_), true) => SignatureState::Unchecked,
            (Some(_), false) => SignatureState::Valid,
        }
    }

    /// Puts the signature of an object that is written next, if this vault signs.
    pub(crate) async fn put_signature(&self, key: &str, object: &Bytes) -> PortResult<()> {
        let Some(signature) = self.signing.sign(object) else {
            return Ok(());
        };
        let signature = signature.to_vec();
        let key = format!("{key}{SIGNATURE_SUFFIX}");
        match self.put_patiently(&key, &signature.into()).await? {
            Put::Ours => Ok(()),
            Put::Others(_) => Err(error::other_writer(&key)),
        }
    }

    /// Refuses `object` when signatures are checked and it has no good one.
    pub(crate) async fn check_signature(
        &self,
        key: &str,
        object: &[u8],
    ) -> PortResult<SignatureState> {
        if self.signing.trusted.is_empty() {
            return Ok(SignatureState::Unchecked);
        }
        match self.read_signature(key).await? {
            None => Err(error::unsigned(key)),
            Some(signature) if self.signing.is_valid(object, &signature) => {
                Ok(SignatureState::Valid)
            }
            Some(_) => Err(error::forged(key)),
        }
    }

    /// Whether an object that was read and accepted is signed.
    pub(crate) async fn signature_state(&self, key: &str) -> PortResult<SignatureState> {
        if !self.signing.trusted.is_empty() {
            return Ok(SignatureState::Valid);
        }
        Ok(match self.read_signature(key).await? {
            None => SignatureState::Unsigned,
            Some(_) => SignatureState::Unchecked,
        })
    }

    async fn read_signature(&self, key: &str) -> PortResult<Option<Bytes>> {
        let key = format!("{key}{SIGNATURE_SUFFIX}");
        match self.storage.read(&key).await {
            Ok(signature) => Ok(Some(signature)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}
