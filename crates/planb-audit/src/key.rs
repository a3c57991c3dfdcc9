//! Ed25519 keys: who signs checkpoints, and whose signatures count.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use planb_model::Secret;
use sha2::{Digest, Sha256};

/// What comes before the 32 bytes of a private key in PKCS #8 (RFC 8410).
const PRIVATE_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What comes before the 32 bytes of a public key (RFC 8410).
const PUBLIC_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// Bytes of a key ID in a signed note.
pub const KEY_ID_BYTES: usize = 4;
/// Kind of an Ed25519 key in the ID of a signed note (C2SP signed-note).
const NOTE_ED25519: u8 = 0x01;

/// Text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a private key.
    #[error("this is no Ed25519 private key (PEM, or its base64)")]
    Private,
    /// Not a public key.
    #[error("this is no Ed25519 public key (PEM, or its base64)")]
    Public,
}

/// A private key. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct AuditKey(SigningKey);

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditKey({})", self.public().fingerprint())
    }
}

impl AuditKey {
    /// From 32 random bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// From PEM (PKCS #8), the base64 inside it, or 32 bytes in base64: what the
    /// vault's signing keys are written as.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn read(text: &Secret) -> Result<Self, KeyError> {
        let seed = key_bytes(text.expose(), &PRIVATE_PREFIX).ok_or(KeyError::Private)?;
        Ok(Self::from_seed(seed))
    }

    /// As PEM, for a file of its owner only.
    pub fn pem(&self) -> Secret {
        Secret::new(pem("PRIVATE KEY", &PRIVATE_PREFIX, &self.0.to_bytes()))
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From PEM, the base64 inside it, or 32 bytes in base64.
    ///
    /// # Errors
    /// [`KeyError::Public`].
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let bytes = key_bytes(text, &PUBLIC_PREFIX).ok_or(KeyError::Public)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Public)?;
        Ok(Self(key))
    }

    /// As PEM; `openssl` reads it.
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &PUBLIC_PREFIX, self.0.as_bytes())
    }

    /// SHA-256 of its DER in hexadecimal digits, as
    /// `openssl pkey -pubin -outform DER | sha256sum` gives it.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(PUBLIC_PREFIX);
        hasher.update(self.0.as_bytes());
        hasher
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect()
    }

    /// Whether it signed `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }

    /// Its ID under `name` in a signed note.
    pub(crate) fn note_id(&self, name: &str) -> [u8; KEY_ID_BYTES] {
        let mut hasher = Sha256::new();
        hasher.update(name.as_bytes());
        hasher.update([b'\n', NOTE_ED25519]);
        hasher.update(self.0.as_bytes());
        let digest = hasher.finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        id
    }
}

fn key_bytes(text: &str, prefix: &[u8]) -> Option<[u8; 32]> {
    let lines = text.lines().map(str::trim);
    let base64: String = lines.filter(|line| !line.starts_with("-----")).collect();
    let bytes = STANDARD.decode(base64).ok()?;
    let key = bytes.strip_prefix(prefix).unwrap_or(&bytes);
    key.try_into().ok()
}

fn pem(label: &str, prefix: &[u8], key: &[u8]) -> String {
    let base64 = STANDARD.encode([prefix, key].concat());
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}
