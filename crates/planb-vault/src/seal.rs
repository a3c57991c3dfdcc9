//! Encryption of objects: standard `age` files, by X25519 keys; and the keys of
//! signatures that stand inside objects.
//!
//! Whether an object is encrypted is seen by its first bytes, so that a vault
//! may begin without encryption and get it later.

use crate::error;
use crate::sign::Signing;
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use bytes::Bytes;
use planb_model::Secret;
use planb_ports::{PortError, PortResult};
use std::io::{self, Read, Write};

/// First bytes of every age file (age-encryption.org/v1).
const AGE_MAGIC: &[u8] = b"age-encryption.org/v1\n";

/// The keys of a vault. `Debug` shows none of them.
#[derive(Clone)]
pub(crate) struct Seal {
    recipients: Vec<Recipient>,
    identities: Vec<Identity>,
    pub(crate) signing: Signing,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal({} recipients)", self.recipients.len())
    }
}

impl Seal {
    /// Reads the keys. When there are recipients, one of them must be ours:
    /// a writer that cannot read could neither go on after a restart nor see
    /// its canaries.
    pub(crate) fn new(recipients: &[String], identity: Option<&Secret>) -> PortResult<Self> {
        let recipients = recipients
            .iter()
            .map(|text| text.trim().parse::<Recipient>().map_err(|e| bad(text, e)))
            .collect::<PortResult<Vec<_>>>()?;
        let identities = identity.map_or(Ok(Vec::new()), read_identities)?;
        let ours = |identity: &Identity| {
            let public = identity.to_public().to_string();
            recipients.iter().any(|r| r.to_string() == public)
        };
        if !recipients.is_empty() && !identities.iter().any(ours) {
            let what = "none of the vault's recipients is the public key of its identity";
            return Err(error::bad_key(what));
        }
        Ok(Self {
            recipients,
            identities,
            signing: Signing::default(),
        })
    }

    /// The same, with keys for signatures.
    pub(crate) fn with(self, signing: Signing) -> Self {
        Self { signing, ..self }
    }

    /// Whether new objects are encrypted.
    pub(crate) fn encrypts(&self) -> bool {
        !self.recipients.is_empty()
    }

    /// Encrypts a whole object, if this vault encrypts.
    pub(crate) fn seal(&self, object: Vec<u8>) -> PortResult<Vec<u8>> {
        if !self.encrypts() {
            return Ok(object);
        }
        let sealed = || -> io::Result<Vec<u8>> {
            let mut writer = self.writer(Vec::with_capacity(object.len() + 512))?;
            writer.write_all(&object)?;
            writer.finish()
        };
        sealed().map_err(|e| error::internal("encrypt an object", e))
    }

    /// Decrypts a whole object, if it is encrypted.
    pub(crate) fn open(&self, key: &str, object: Bytes) -> PortResult<Bytes> {
        if !object.starts_with(AGE_MAGIC) {
            return Ok(object);
        }
        let mut plain = Vec::with_capacity(object.len());
        let mut reader = self.reader(key, &object[..])?;
        reader
            .read_to_end(&mut plain)
            .map_err(|e| error::corrupt(key, e))?;
        Ok(plain.into())
    }

    /// Encrypts what is written to it, if this vault encrypts.
    pub(crate) fn writer<W: Write>(&self, output: W) -> io::Result<SealWriter<W>> {
        if !self.encrypts() {
            return Ok(SealWriter::Plain(output));
        }
        let recipients = self.recipients.iter().map(|r| r as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        Ok(SealWriter::Age(encryptor.wrap_output(output)?))
    }

    /// Decrypts an age file while it is read.
    pub(crate) fn reader<'a, R: Read + 'a>(
        &self,
        key: &str,
        sealed: R,
    ) -> PortResult<Box<dyn Read + 'a>> {
        if self.identities.is_empty() {
            return Err(error::no_identity(key));
        }
        let map = |e: DecryptError| match e {
            DecryptError::NoMatchingKeys => error::wrong_identity(key),
            other => error::corrupt(key, other),
        };
        let decryptor = Decryptor::new(sealed).map_err(map)?;
        let identities = self.identities.iter().map(|i| i as &dyn age::Identity);
        Ok(Box::new(decryptor.decrypt(identities).map_err(map)?))
    }

    /// Plain bytes of an object that is read, whether it is encrypted or not.
    pub(crate) fn any_reader<'a, R: Read + 'a>(
        &self,
        key: &str,
        mut object: R,
    ) -> PortResult<Box<dyn Read + 'a>> {
        let mut start = Vec::with_capacity(AGE_MAGIC.len());
        object
            .by_ref()
            .take(AGE_MAGIC.len() as u64)
            .read_to_end(&mut start)
            .map_err(|e| error::corrupt(key, e))?;
        let sealed = start == AGE_MAGIC;
        let whole = io::Cursor::new(start).chain(object);
        if sealed {
            self.reader(key, whole)
        } else {
            Ok(Box::new(whole))
        }
    }
}

/// Takes a bare key or an identity file as age-keygen writes it.
fn read_identities(secret: &Secret) -> PortResult<Vec<Identity>> {
    let lines = secret.expose().lines().map(str::trim);
    let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities = keys
        .map(|line| {
            let parsed = line.parse::<Identity>();
            parsed.map_err(|e| error::bad_key(format!("the vault's identity is no age key: {e}")))
        })
        .collect::<PortResult<Vec<_>>>()?;
    if identities.is_empty() {
        return Err(error::bad_key("the vault's identity is empty"));
    }
    Ok(identities)
}

fn bad(recipient: &str, reason: &str) -> PortError {
    error::bad_key(format!("recipient '{recipient}' is no age key: {reason}"))
}

/// Where the bytes of an object go.
pub(crate) enum SealWriter<W: Write> {
    /// As they are.
    Plain(W),
    /// Into an age file.
    Age(age::stream::StreamWriter<W>),
}

impl<W: Write> SealWriter<W> {
    /// Ends the object.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            SealWriter::Plain(output) => Ok(output),
            SealWriter::Age(writer) => writer.finish(),
        }
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            SealWriter::Plain(output) => output.write(bytes),
            SealWriter::Age(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            SealWriter::Plain(output) => output.flush(),
            SealWriter::Age(writer) => writer.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::secrecy::ExposeSecret;
    use planb_ports::ErrorKind;

    fn pair() -> (String, Secret) {
        let identity = Identity::generate();
        let secret = identity.to_string().expose_secret().to_owned();
        let file = format!("# created: now\n# public key: x\n{secret}\n");
        (identity.to_public().to_string(), Secret::new(file))
    }

    #[test]
    fn what_is_sealed_opens_with_its_identity_only() {
        let (recipient, identity) = pair();
        let seal = Seal::new(&[recipient], Some(&identity)).expect("keys");
        let sealed = Bytes::from(seal.seal(b"rows".to_vec()).expect("seals"));
        assert!(sealed.starts_with(AGE_MAGIC));
        assert_eq!(seal.open("k", sealed.clone()).expect("opens"), "rows");

        let stranger = Seal::new(&[], Some(&pair().1)).expect("keys");
        let error = stranger.open("k", sealed.clone()).expect_err("stranger");
        assert_eq!(error.code(), "PB-REPO-WRONG-IDENTITY");
        let nobody = Seal::new(&[], None).expect("no keys");
        let error = nobody.open("k", sealed.clone()).expect_err("nobody");
        assert_eq!(error.code(), "PB-REPO-NO-IDENTITY");
        let torn = sealed.slice(..sealed.len() - 1);
        let error = seal.open("k", torn).expect_err("torn");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn keys_that_do_not_fit_are_refused_and_not_shown() {
        let (recipient, identity) = pair();
        let code = |r: &[String], i: Option<&Secret>| Seal::new(r, i).expect_err("refused").code();
        assert_eq!(code(&["age1nonsense".into()], None), "PB-REPO-KEY");
        assert_eq!(code(std::slice::from_ref(&recipient), None), "PB-REPO-KEY");
        assert_eq!(code(&[recipient], Some(&pair().1)), "PB-REPO-KEY");
        let broken = Secret::new("AGE-SECRET-KEY-1BROKEN");
        let error = Seal::new(&[], Some(&broken)).expect_err("refused");
        assert!(!error.chain().contains("BROKEN"), "{}", error.chain());
        let seal = Seal::new(&[], Some(&identity)).expect("keys");
        assert!(!format!("{seal:?}").contains("AGE-SECRET"));
    }
}
