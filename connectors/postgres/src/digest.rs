//! Digests of all user tables, and the server's own checks.

use crate::catalog;
use crate::client::Client;
use crate::lsn::Stream;
use crate::restore;
use crate::restore::notes::{Copy, Notes};
use crate::restore::server;
use crate::snapshot::logical::rows;
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_model::recovery::TableDigest;
use planb_ports::{ErrorKind, PortResult};

/// Of the files while they are loaded, of the rows otherwise. On a copy, of the
/// rows at its applied mark.
pub(crate) async fn digests(client: &Client) -> PortResult<Vec<TableDigest>> {
    if let Some(files) = restore::loaded_files(client).await? {
        return Ok(files);
    }
    catch_up(client).await?;
    let mut wire = client.anywhere().await?;
    let mut digests = Vec::new();
    for database in catalog::databases(client, &mut wire).await? {
        digests.extend(rows::digests(client, &database).await?);
    }
    digests.sort();
    Ok(digests)
}

/// Waits until a copy has replayed what it was given.
pub(crate) async fn catch_up(client: &Client) -> PortResult<()> {
    if !Notes::is_copy(&client.config)? {
        return Ok(());
    }
    let copy = Notes::read(&client.config)?.and_then(|notes| notes.copy);
    let Some(Copy::At { mark, .. }) = copy else {
        return Ok(());
    };
    let mut wire = server::standby(client).await?;
    let (_, lsn) = Stream::parse(&mark.position)?;
    server::wait_replayed(&mut wire, lsn).await?;
    Ok(())
}

/// What the server knows of damage: checksum failures it has met, and indexes
/// that do not match their tables, where `amcheck` is installed.
pub(crate) async fn integrity(client: &Client) -> PortResult<Vec<Finding>> {
    catch_up(client).await?;
    let mut wire = client.anywhere().await?;
    let mut findings = Vec::new();
    let sql = "SELECT datname, checksum_failures FROM pg_stat_database WHERE checksum_failures > 0";
    for row in wire.rows("look for damage", sql).await? {
        let name = row.first().cloned().flatten().unwrap_or_default();
        let text = format!("pages of {name} fail their checksums");
        findings.push(damaged(client, &name, &text));
    }
    for database in catalog::databases(client, &mut wire).await? {
        let mut wire = client.connect(&database).await?;
        let sql = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
                   WHERE e.extname = 'amcheck'";
        let Some(schema) = wire.first("look for amcheck", sql).await? else {
            continue;
        };
        let sql = format!(
            "SELECT {}.bt_index_check(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam \
             JOIN pg_index i ON i.indexrelid = c.oid WHERE a.amname = 'btree' \
             AND i.indisvalid AND c.relpersistence = 'p'",
            crate::client::ident(&schema)
        );
        match wire.run("check the indexes", &sql).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                findings.push(damaged(client, &database, &error.chain()));
            }
            other => other?,
        }
    }
    Ok(findings)
}

fn damaged(client: &Client, database: &str, text: &str) -> Finding {
    Finding::failed(
        "PB-POSTGRES-DAMAGED",
        Severity::Error,
        client.config.subject(),
        Text::new(
            format!("the server finds {database} damaged: {text}"),
            format!("서버가 {database} 데이터베이스의 손상을 발견했습니다: {text}"),
        ),
        Text::new(
            "restore this server from the vault",
            "이 서버를 볼트에서 다시 복원하세요",
        ),
    )
}
