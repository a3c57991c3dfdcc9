//! Logging in: `mysql_native_password` and `caching_sha2_password`, with or
//! without TLS.

use super::wire::Wire;
use super::{bad, server_error};
use crate::config::MysqlConfig;
use mysql_async::{DriverError, Error};
use mysql_common::constants::{CapabilityFlags, MariadbCapabilities};
use mysql_common::crypto;
use mysql_common::io::ParseBuf;
use mysql_common::packets::{
    AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse, SslRequest,
};
use mysql_common::proto::MySerialize;

/// The nonce without its closing zero.
const NONCE_BYTES: usize = 20;
/// The largest packet we say we take: the protocol's largest.
const PACKET_BYTES_MAX: u32 = 1 << 30;
/// `utf8mb4_general_ci`.
const COLLATION: u8 = 45;
/// MariaDB has more capabilities than the protocol's first 32, and says so by
/// leaving this one out, as does a client that reads them.
const MARIADB_HAS_NO_MORE: CapabilityFlags = CapabilityFlags::CLIENT_LONG_PASSWORD;
/// Exchanges until a server must have made up its mind.
const ROUNDS_MAX: u32 = 8;

/// `caching_sha2_password`: the server knows the password already.
const FAST_OK: u8 = 3;
/// `caching_sha2_password`: the server wants the password itself.
const WANTS_PASSWORD: u8 = 4;
/// `caching_sha2_password`: asks for the server's public key.
const ASK_KEY: u8 = 2;

/// Logs in on a new connection. Says whether the server takes many rows of
/// values in one command (MariaDB).
pub(super) async fn log_in(wire: &mut Wire, config: &MysqlConfig) -> Result<bool, Error> {
    let greeting = wire.payload().await?;
    if greeting.first() == Some(&0xff) {
        return Err(server_error(&greeting).into());
    }
    let greeting = ParseBuf(&greeting).parse::<HandshakePacket<'_>>(())?;
    let mut wanted = CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_LONG_PASSWORD
        | CapabilityFlags::CLIENT_TRANSACTIONS
        | CapabilityFlags::CLIENT_LOCAL_FILES
        | CapabilityFlags::CLIENT_PLUGIN_AUTH;
    if config.tls_ca.is_some() {
        wanted |= CapabilityFlags::CLIENT_SSL;
    }
    // MariaDB leaves the first flag out to say that it has more of them.
    let has = greeting.capabilities() | CapabilityFlags::CLIENT_LONG_PASSWORD;
    let mut flags = wanted & has;
    let bulk = MariadbCapabilities::MARIADB_CLIENT_STMT_BULK_OPERATIONS;
    let more = if greeting.capabilities().contains(MARIADB_HAS_NO_MORE) {
        MariadbCapabilities::empty()
    } else {
        flags.remove(MARIADB_HAS_NO_MORE);
        greeting.mariadb_ext_capabilities() & bulk
    };
    if let Some(ca) = &config.tls_ca {
        if !flags.contains(CapabilityFlags::CLIENT_SSL) {
            return Err(DriverError::NoClientSslFlagFromServer.into());
        }
        let mut request = Vec::new();
        SslRequest::new(flags, PACKET_BYTES_MAX, COLLATION)
            .with_mariadb_capabilities(more)
            .serialize(&mut request);
        wire.send(&request).await?;
        wire.stream.encrypt(&config.host, ca).await?;
    }
    let mut nonce = greeting.nonce();
    nonce.resize(NONCE_BYTES, 0);
    let plugin = match greeting.auth_plugin() {
        Some(AuthPlugin::CachingSha2Password) => AuthPlugin::CachingSha2Password,
        _ => AuthPlugin::MysqlNativePassword,
    };
    let password = config.password.as_ref().map(|p| p.expose());
    let proof = proof(&plugin, password, &nonce);
    let response = HandshakeResponse::new(
        Some(proof),
        greeting.server_version_parsed().unwrap_or((5, 7, 0)),
        Some(config.user.as_bytes()),
        None::<&[u8]>,
        Some(plugin),
        flags,
        None,
        PACKET_BYTES_MAX,
    )
    .with_mariadb_ext_capabilities(more);
    let mut bytes = Vec::new();
    response.serialize(&mut bytes);
    wire.send(&bytes).await?;
    settle(wire, password, nonce).await?;
    Ok(more.contains(bulk))
}

/// Answers what the server asks until it says yes or no.
async fn settle(wire: &mut Wire, password: Option<&str>, mut nonce: Vec<u8>) -> Result<(), Error> {
    for _ in 0..ROUNDS_MAX {
        let packet = wire.payload().await?;
        match packet.as_slice() {
            [0x00, ..] => return Ok(()),
            [0xff, ..] => return Err(server_error(&packet).into()),
            [0xfe, _, ..] => {
                let request = ParseBuf(&packet).parse::<AuthSwitchRequest<'_>>(())?;
                nonce = request.plugin_data().to_vec();
                let plugin = request.auth_plugin();
                match plugin {
                    AuthPlugin::CachingSha2Password | AuthPlugin::MysqlNativePassword => {}
                    other => {
                        let name = String::from_utf8_lossy(other.as_bytes()).into_owned();
                        return Err(DriverError::UnknownAuthPlugin { name }.into());
                    }
                }
                wire.send(&proof(&plugin, password, &nonce)).await?;
            }
            [0x01, FAST_OK] => {}
            [0x01, WANTS_PASSWORD] => whole_password(wire, password, &nonce).await?,
            _ => return Err(DriverError::UnexpectedPacket { payload: packet }.into()),
        }
    }
    Err(bad("the server does not end the log-in").into())
}

fn proof(plugin: &AuthPlugin<'_>, password: Option<&str>, nonce: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(data) = plugin.gen_data(password, nonce) {
        data.serialize(&mut bytes);
    }
    bytes
}

/// Through TLS as it is, else under the server's public key.
async fn whole_password(
    wire: &mut Wire,
    password: Option<&str>,
    nonce: &[u8],
) -> Result<(), Error> {
    let mut text = password.unwrap_or_default().as_bytes().to_vec();
    text.push(0);
    if !wire.stream.is_encrypted() {
        wire.send(&[ASK_KEY]).await?;
        let packet = wire.payload().await?;
        let [0x01, key @ ..] = packet.as_slice() else {
            return Err(DriverError::UnexpectedPacket { payload: packet }.into());
        };
        for (byte, mask) in text.iter_mut().zip(nonce.iter().cycle()) {
            *byte ^= mask;
        }
        text = crypto::encrypt(&text, key);
    }
    wire.send(&text).await?;
    Ok(())
}
