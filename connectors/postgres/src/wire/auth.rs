//! Logging in: SCRAM-SHA-256, MD5, and the password itself inside TLS.

use super::{Address, Wire};
use crate::error::protocol;
use bytes::{Buf, Bytes};
use planb_ports::{ErrorKind, PortError, PortResult};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

const OK: u32 = 0;
const CLEARTEXT: u32 = 3;
const MD5: u32 = 5;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;

/// Answers what the server asks until it is content.
pub(super) async fn log_in(
    wire: &mut Wire,
    address: &Address<'_>,
    encrypted: bool,
) -> PortResult<()> {
    loop {
        let (kind, mut rest) = question(wire).await?;
        match kind {
            OK => return Ok(()),
            CLEARTEXT if encrypted => {
                let mut body = password(address)?.to_vec();
                body.push(0);
                wire.login_answer(&body).await?;
            }
            MD5 => {
                let salt = rest.try_get_u32().map_err(|_| cut_off())?.to_be_bytes();
                let hash = md5_hash(address.user.as_bytes(), password(address)?, salt);
                wire.login_answer(&[hash.as_bytes(), b"\0"].concat())
                    .await?;
            }
            SASL => scram(wire, address, &rest).await?,
            _ => return Err(unsupported()),
        }
    }
}

async fn scram(wire: &mut Wire, address: &Address<'_>, mechanisms: &[u8]) -> PortResult<()> {
    let wanted = SCRAM_SHA_256.as_bytes();
    if !mechanisms.split(|b| *b == 0).any(|name| name == wanted) {
        return Err(unsupported());
    }
    let bad = |error: std::io::Error| protocol("the server's login does not fit").source(error);
    let mut scram = ScramSha256::new(password(address)?, ChannelBinding::unsupported());
    let first = scram.message();
    let length = u32::try_from(first.len())
        .map_err(|_| cut_off())?
        .to_be_bytes();
    let body = [wanted, b"\0", &length[..], first].concat();
    wire.login_answer(&body).await?;
    let (SASL_CONTINUE, challenge) = question(wire).await? else {
        return Err(unsupported());
    };
    scram.update(&challenge).map_err(bad)?;
    wire.login_answer(scram.message()).await?;
    let (SASL_FINAL, proof) = question(wire).await? else {
        return Err(unsupported());
    };
    // The server proves that it knows the password, too.
    scram.finish(&proof).map_err(bad)
}

async fn question(wire: &mut Wire) -> PortResult<(u32, Bytes)> {
    let mut body = wire.login_frame().await?.body;
    let kind = body.try_get_u32().map_err(|_| cut_off())?;
    Ok((kind, body))
}

fn password<'a>(address: &Address<'a>) -> PortResult<&'a [u8]> {
    let given = address.password.map(|secret| secret.expose().as_bytes());
    given.ok_or_else(|| {
        PortError::new(
            ErrorKind::Unauthenticated,
            "PB-POSTGRES-AUTH",
            "the server asks for a password and none is given",
        )
        .hint(
            "give `password: { env: NAME }` or `{ file: /path }` in the plan",
            "계획 파일에 `password: { env: 이름 }` 또는 `{ file: /경로 }`를 지정하세요",
        )
    })
}

fn cut_off() -> PortError {
    protocol("the server's login is cut off")
}

fn unsupported() -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-POSTGRES-AUTH-METHOD",
        "the server asks for a way to log in that PlanB does not know",
    )
    .hint(
        "use scram-sha-256 in pg_hba.conf for PlanB's account (a plain password only inside TLS)",
        "pg_hba.conf에서 PlanB 계정에 scram-sha-256을 사용하세요(평문 비밀번호는 TLS에서만 가능)",
    )
}
