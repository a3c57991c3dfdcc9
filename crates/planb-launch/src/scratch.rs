//! Databases nobody needs: started for a drill, removed after it.
//!
//! The directory of one holds the process ID of its owner. What an owner that
//! was killed left behind is ended and removed by the next drill. Servers run
//! at the lowest priority: a drill gives way to everything else on the machine.
//!
//! A new connector is registered here, by one arm of the `match` in
//! [`ScratchServer::start`].

mod copy;
mod files;
mod leftover;

pub use files::FilesServer;
pub use leftover::sweep;

use crate::LaunchError;
use crate::mariadb::{MariaDb, MariaDbOptions};
use crate::mysql::{Mysql, MysqlOptions};
use crate::postgres::{Postgres, PostgresOptions};
use copy::PostgresCopy;
use leftover::{OWNER, PREFIX, SERVER, note_pid};
use planb_model::SecretRef;
use planb_model::plan::{DatabaseAddress, PostgresqlSettings};
use planb_model::recovery::{Engine, PART_PHYSICAL, SnapshotManifest};
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::TempDir;

/// `server_id` of scratch servers; they are nobody's replica.
const SERVER_ID: u32 = 1;
/// Events of the source would change rows while they are compared.
const NO_EVENTS: &str = "--event-scheduler=OFF";
/// Kind of the parts of a PostgreSQL snapshot that are files of a data directory.
const KIND_FILES: &str = "base";
/// Kind of the part with the definitions of one database of PostgreSQL.
const KIND_SCHEMA: &str = "schema";

/// A database for one drill, gone when it is dropped.
#[derive(Debug)]
pub struct ScratchServer {
    address: DatabaseAddress,
    held: Held,
}

/// What is stopped and removed at the end, in this order.
#[expect(dead_code, reason = "held for what dropping them does")]
#[derive(Debug)]
enum Held {
    MariaDb(MariaDb, TempDir),
    Mysql(Mysql, TempDir),
    Postgres(Postgres, TempDir),
    Copy(PostgresCopy, TempDir),
    Files(Ended, TempDir),
    File(TempDir),
}

/// Ends the server when dropped, whoever else knows it.
#[derive(Debug)]
struct Ended(Arc<FilesServer>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl ScratchServer {
    /// Starts one that can take the snapshot. `account` is who logs in to a
    /// restored copy of a whole PostgreSQL server, whose accounts are those of
    /// the source.
    ///
    /// # Errors
    /// When the engine's server is not installed here, or does not start.
    pub async fn start(manifest: &SnapshotManifest, account: &str) -> Result<Self, LaunchError> {
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .map_err(LaunchError::io("make a directory"))?;
        note_pid(dir.path(), OWNER, std::process::id())?;
        let files = manifest.parts.iter().any(|p| p.spec.kind == PART_PHYSICAL);
        match manifest.engine {
            _ if files => on_files(manifest, dir),
            Engine::Sqlite => Ok(Self {
                address: DatabaseAddress::Sqlite {
                    path: dir.path().join("scratch.db"),
                },
                held: Held::File(dir),
            }),
            Engine::Mariadb => mariadb(manifest, dir).await,
            Engine::Mysql => mysql(manifest, dir).await,
            Engine::Postgresql => postgresql(manifest, account, dir).await,
        }
    }

    /// Where it is.
    pub fn address(&self) -> &DatabaseAddress {
        &self.address
    }

    /// The server that waits for the files of a snapshot of MySQL or MariaDB.
    pub fn files(&self) -> Option<&Arc<FilesServer>> {
        match &self.held {
            Held::Files(server, _) => Some(&server.0),
            _ => None,
        }
    }
}

/// Its server is started when the files are there.
fn on_files(manifest: &SnapshotManifest, dir: TempDir) -> Result<ScratchServer, LaunchError> {
    let names: BTreeSet<String> = manifest.databases.iter().cloned().collect();
    if names.is_empty() {
        let source = std::io::Error::other("it names no protected database");
        return Err(LaunchError::Io {
            what: format!("drill the files of snapshot {}", manifest.id),
            source,
        });
    }
    let server = FilesServer::prepare(manifest.engine, dir.path())?;
    let port = server.port();
    let mut address = server_address(manifest.engine, FilesServer::USER, port, names, None);
    if let DatabaseAddress::Server { password, .. } = &mut address {
        *password = Some(SecretRef::File(server.password_file()));
    }
    Ok(ScratchServer {
        address,
        held: Held::Files(Ended(Arc::new(server)), dir),
    })
}

async fn mariadb(manifest: &SnapshotManifest, dir: TempDir) -> Result<ScratchServer, LaunchError> {
    let mut options = MariaDbOptions::new(dir.path().join("server"), SERVER_ID);
    options.binlog = false;
    options.lowest_priority = true;
    options.extra_args = vec![NO_EVENTS.to_owned()];
    let server = MariaDb::start(options).await?;
    note_pid(dir.path(), SERVER, server.pid())?;
    let names = schemas(manifest);
    Ok(ScratchServer {
        address: server_address(Engine::Mariadb, MariaDb::USER, server.port(), names, None),
        held: Held::MariaDb(server, dir),
    })
}

async fn mysql(manifest: &SnapshotManifest, dir: TempDir) -> Result<ScratchServer, LaunchError> {
    let mut options = MysqlOptions::new(dir.path().join("server"), SERVER_ID);
    options.lowest_priority = true;
    options.extra_args = vec![NO_EVENTS.to_owned()];
    let server = Mysql::start(options).await?;
    note_pid(dir.path(), SERVER, server.pid())?;
    let names = schemas(manifest);
    Ok(ScratchServer {
        address: server_address(Engine::Mysql, Mysql::USER, server.port(), names, None),
        held: Held::Mysql(server, dir),
    })
}

/// Files become a copy, whose server the connector starts; rows go into an
/// empty server.
async fn postgresql(
    manifest: &SnapshotManifest,
    account: &str,
    dir: TempDir,
) -> Result<ScratchServer, LaunchError> {
    if manifest.parts.iter().any(|p| p.spec.kind == KIND_FILES) {
        let copy = PostgresCopy::prepare(dir.path())?;
        let settings = PostgresqlSettings {
            data_dir: Some(copy.data_dir()),
            bin_dir: Some(copy.bin_dir()),
            ..PostgresqlSettings::default()
        };
        let names = BTreeSet::from([Postgres::USER.to_owned()]);
        return Ok(ScratchServer {
            address: server_address(
                Engine::Postgresql,
                account,
                copy.port(),
                names,
                Some(settings),
            ),
            held: Held::Copy(copy, dir),
        });
    }
    copy::hand_over(dir.path())?;
    let mut options = PostgresOptions::new(dir.path().join("server"));
    options.lowest_priority = true;
    let server = Postgres::start(options).await?;
    note_pid(dir.path(), SERVER, server.pid())?;
    let settings = PostgresqlSettings {
        logical: true,
        bin_dir: Some(server.bin_dir().to_owned()),
        ..PostgresqlSettings::default()
    };
    let names = databases(manifest);
    Ok(ScratchServer {
        address: server_address(
            Engine::Postgresql,
            Postgres::USER,
            server.port(),
            names,
            Some(settings),
        ),
        held: Held::Postgres(server, dir),
    })
}

fn server_address(
    engine: Engine,
    user: &str,
    port: u16,
    databases: BTreeSet<String>,
    postgresql: Option<PostgresqlSettings>,
) -> DatabaseAddress {
    DatabaseAddress::Server {
        engine,
        host: "127.0.0.1".to_owned(),
        port,
        user: user.to_owned(),
        // A scratch server has no password, whatever the environment says.
        password: None,
        databases: databases.into_iter().collect(),
        tls_ca: None,
        postgresql,
        files: None,
    }
}

/// The schemas of a snapshot of MySQL or MariaDB, from the names of its tables.
fn schemas(manifest: &SnapshotManifest) -> BTreeSet<String> {
    let tables = manifest.tables.iter().map(|t| t.table.as_str());
    tables.filter_map(schema).collect()
}

/// The part before the dot; quoted by backticks when it holds dots itself.
fn schema(label: &str) -> Option<String> {
    if let Some(quoted) = label.strip_prefix('`') {
        let end = quoted.find("`.")?;
        return Some(quoted[..end].replace("``", "`"));
    }
    label.split_once('.').map(|(schema, _)| schema.to_owned())
}

/// The databases of a PostgreSQL snapshot of rows: each has one part with its
/// definitions, named `"database"`.
fn databases(manifest: &SnapshotManifest) -> BTreeSet<String> {
    let parts = manifest.parts.iter().map(|part| &part.spec);
    let named = parts.filter(|spec| spec.kind == KIND_SCHEMA);
    named
        .filter_map(|spec| {
            let quoted = spec.table.as_deref()?;
            let inside = quoted.strip_prefix('"')?.strip_suffix('"')?;
            Some(inside.replace("\"\"", "\""))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_read_from_labels() {
        assert_eq!(schema("orders.items").as_deref(), Some("orders"));
        assert_eq!(schema("`or.ders`.`items`").as_deref(), Some("or.ders"));
        assert_eq!(schema("items"), None);
    }
}
