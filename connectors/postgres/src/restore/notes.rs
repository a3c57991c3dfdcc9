//! What PlanB knows of a data directory, in `<data_dir>.planb`: the server's own
//! tables are a copy of the source's and cannot say it.

use crate::config::PostgresConfig;
use crate::error::{self, corrupt};
use planb_model::recovery::AppliedMark;
use planb_model::{Epoch, ServiceName};
use planb_ports::{PortError, PortResult};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file that keeps a server in recovery.
pub(crate) const STANDBY_SIGNAL: &str = "standby.signal";
const FILE: &str = "notes.json";

/// How far a restore has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub(crate) enum Copy {
    /// A restore was begun and not ended.
    Loading,
    /// The log up to this mark is in the data directory.
    At {
        /// The mark.
        mark: AppliedMark,
        /// The point the server was told to stop at, when it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<String>,
        /// The timeline the server was told to go over to, when the log did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeline: Option<u32>,
    },
}

/// The notes of one data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notes {
    /// The newest epoch each service was fenced or promoted under here.
    #[serde(default)]
    pub fences: BTreeMap<String, Epoch>,
    /// Whether the last of them let it take writes.
    #[serde(default)]
    pub writable: bool,
    /// What the data directory is a copy of; `None` when it is none.
    #[serde(default)]
    pub copy: Option<Copy>,
}

impl Notes {
    /// The notes, when this server's data directory is PlanB's to write and
    /// PlanB has been here.
    pub fn read(config: &PostgresConfig) -> PortResult<Option<Self>> {
        let Some(dir) = folder(config) else {
            return Ok(None);
        };
        let path = dir.join(FILE);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(error::file(&path, e)),
        };
        serde_json::from_slice(&json)
            .map(Some)
            .map_err(|e| corrupt(format!("{} cannot be read", path.display())).source(e))
    }

    /// Writes them durably.
    pub fn write(&self, config: &PostgresConfig) -> PortResult<()> {
        let Some(dir) = folder(config) else {
            return Err(no_target(config));
        };
        let write = |path: &Path| {
            fs::create_dir_all(&dir)?;
            let next = dir.join("notes.json.new");
            let mut file = File::create(&next)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&next, path)?;
            File::open(&dir)?.sync_all()
        };
        let path = dir.join(FILE);
        write(&path).map_err(|e| error::file(&path, e))
    }

    /// Whether the data directory holds a copy that was not promoted.
    pub fn is_copy(config: &PostgresConfig) -> PortResult<bool> {
        Ok(match Self::read(config)?.and_then(|notes| notes.copy) {
            None => false,
            Some(Copy::Loading) => true,
            // Promoted by hand: the server itself deletes the file.
            Some(Copy::At { .. }) => data_dir(config)?.join(STANDBY_SIGNAL).exists(),
        })
    }

    /// The mark of a copy that is whole.
    pub fn mark(config: &PostgresConfig) -> PortResult<Option<AppliedMark>> {
        let copy = Self::read(config)?.and_then(|notes| notes.copy);
        match copy {
            Some(Copy::At { mark, .. }) if Self::is_copy(config)? => Ok(Some(mark)),
            _ => Ok(None),
        }
    }

    /// Notes that `service` was promoted (`writable`) or fenced under `epoch`;
    /// `Fenced` when a newer one is there.
    pub fn raise(
        config: &PostgresConfig,
        service: &ServiceName,
        epoch: Epoch,
        writable: bool,
    ) -> PortResult<()> {
        let mut notes = Self::read(config)?.unwrap_or_default();
        match notes.fences.get(service.as_str()) {
            Some(current) if *current > epoch => {
                return Err(PortError::fenced(*current, config.subject(), epoch));
            }
            Some(current) if *current == epoch && notes.writable == writable => return Ok(()),
            _ => {}
        }
        notes.writable = writable;
        notes.fences.insert(service.as_str().to_owned(), epoch);
        notes.write(config)
    }

    /// The copy goes its own way from here: no log may be applied to it any more.
    pub fn forget_mark(config: &PostgresConfig) -> PortResult<()> {
        match Self::read(config)? {
            Some(mut notes) if notes.copy.is_some() => {
                notes.copy = None;
                notes.write(config)
            }
            _ => Ok(()),
        }
    }

    /// Notes how far the copy has come.
    pub fn set_copy(config: &PostgresConfig, copy: Copy) -> PortResult<()> {
        let mut notes = Self::read(config)?.unwrap_or_default();
        notes.copy = Some(copy);
        notes.write(config)
    }
}

/// The data directory that is restored into.
pub(crate) fn data_dir(config: &PostgresConfig) -> PortResult<PathBuf> {
    let target = config.target.as_ref();
    let dir = target.map(|target| target.data_dir.clone());
    dir.ok_or_else(|| no_target(config))
}

/// The folder beside it.
pub(crate) fn folder(config: &PostgresConfig) -> Option<PathBuf> {
    let data_dir = &config.target.as_ref()?.data_dir;
    let mut name = data_dir.file_name()?.to_owned();
    name.push(".planb");
    Some(data_dir.with_file_name(name))
}

fn no_target(config: &PostgresConfig) -> PortError {
    PortError::new(
        planb_ports::ErrorKind::Unsupported,
        "PB-POSTGRES-NO-TARGET",
        format!(
            "{} has no data directory PlanB could restore files into",
            config.subject()
        ),
    )
    .hint(
        "give `data-dir` in the database's URL (on the machine PlanB runs on), or use `method=logical` for a managed server",
        "데이터베이스 URL에 `data-dir`(PlanB가 실행되는 시스템의 경로)을 지정하거나, 관리형 서버라면 `method=logical`을 사용하세요",
    )
}
