//! Files of a base backup, unpacked into the data directory.

use super::notes::{Copy, Notes, STANDBY_SIGNAL, data_dir, folder};
use super::owner::Owner;
use super::{no_restore, not_empty, server, version};
use crate::client::Client;
use crate::error::{self, corrupt, protocol};
use crate::snapshot::files::FileDigests;
use crate::snapshot::{KIND_TABLESPACE, Member, Piece, TarReader};
use crate::{fence, own};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use planb_model::Epoch;
use planb_model::recovery::{AppliedMark, PartSpec, SnapshotManifest, TableDigest};
use planb_ports::{PortError, PortResult};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// The server's own list of the files, beside them and not among them.
const MANIFEST: &str = "backup_manifest";
/// A data directory's configuration, which belongs to its machine.
const CONFIGURATION: [&str; 3] = ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"];
/// What a copy gets when neither machine keeps its configuration in the data
/// directory: logins by password.
const HBA: &str = "local all all scram-sha-256\nhost all all all scram-sha-256\n\
                   host replication all all scram-sha-256\n";
/// Pieces between reading a part and writing its files.
const PIECES_WAITING_MAX: usize = 16;
/// Threads that read files back.
const READERS: usize = 2;

/// Refuses files where no data directory is known, or of another version.
pub(super) async fn accepts(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    data_dir(&client.config)?;
    version::require(client, &manifest.server_version).await
}

/// Empties the data directory.
pub(super) async fn begin(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    let data = data_dir(&client.config)?;
    may_replace(client, &data, manifest).await?;
    // It must be possible before anything is destroyed.
    let owner = Owner::of(&data)?;
    server::stop(client).await?;
    let notes = folder(&client.config).unwrap_or_default();
    let prepared = || {
        fs::create_dir_all(&notes)?;
        owner.owns(&notes)
    };
    prepared().map_err(|e| error::file(&notes, e))?;
    Notes::set_copy(&client.config, Copy::Loading)?;
    blocking(move || {
        keep_configuration(&data, &notes)?;
        remove_inside(&data)?;
        remove_inside(&notes.join("tablespaces"))?;
        make_folder(&data, owner)
    })
    .await
}

/// Refuses to empty a directory PlanB has nothing to do with, or one whose
/// server takes writes.
async fn may_replace(client: &Client, data: &Path, manifest: &SnapshotManifest) -> PortResult<()> {
    let is_empty = match fs::read_dir(data) {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
        Err(e) => return Err(error::file(data, e)),
    };
    if is_empty || Notes::is_copy(&client.config)? {
        return Ok(());
    }
    if !server::is_running(data) {
        let notes = Notes::read(&client.config)?.unwrap_or_default();
        return match notes.fences.get(manifest.service.as_str()) {
            None => Err(foreign(data)),
            Some(epoch) if notes.writable => Err(takes_writes(data, *epoch)),
            Some(_) => Ok(()),
        };
    }
    let state = fence::read(client, &manifest.service).await?;
    match state.epoch {
        None => Err(foreign(data)),
        Some(_) if state.read_only => Ok(()),
        Some(epoch) => Err(takes_writes(data, epoch)),
    }
}

fn takes_writes(data: &Path, epoch: Epoch) -> PortError {
    not_empty(format!(
        "the server on {} takes writes under epoch {epoch}",
        data.display()
    ))
}

fn foreign(data: &Path) -> PortError {
    not_empty(format!(
        "{} has files that PlanB did not put there",
        data.display()
    ))
}

/// The machine's own configuration outlives the restore.
fn keep_configuration(data: &Path, notes: &Path) -> PortResult<()> {
    for name in CONFIGURATION {
        let from = data.join(name);
        if from.is_file() {
            fs::copy(&from, notes.join(name)).map_err(|e| error::file(&from, e))?;
        }
    }
    Ok(())
}

fn remove_inside(dir: &Path) -> PortResult<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(error::file(dir, e)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| error::file(dir, e))?;
        let path = entry.path();
        let is_folder = entry
            .file_type()
            .map_err(|e| error::file(&path, e))?
            .is_dir();
        let removed = if is_folder {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(|e| error::file(&path, e))?;
    }
    Ok(())
}

/// Makes a folder with those above it, for its owner's eyes only.
fn make_folder(dir: &Path, owner: Owner) -> PortResult<()> {
    let make = || {
        if dir.is_dir() {
            return Ok(());
        }
        let missing: Vec<_> = dir.ancestors().take_while(|d| !d.exists()).collect();
        for folder in missing.into_iter().rev() {
            match fs::create_dir(folder) {
                // A part loaded beside this one may have been first.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
                other => other?,
            }
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
            owner.owns(folder)?;
        }
        Ok(())
    };
    make().map_err(|e| error::file(dir, e))
}

/// Unpacks one part.
pub(super) async fn unpack(
    client: &Client,
    part: &PartSpec,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    if !super::is_loading_files(client)? {
        return Err(no_restore());
    }
    let data = data_dir(&client.config)?;
    let spaces = folder(&client.config)
        .unwrap_or_default()
        .join("tablespaces");
    let mut unpacker = Unpacker {
        root: match part.kind.as_str() {
            KIND_TABLESPACE => spaces.join(space(&part.name)?),
            _ => data.clone(),
        },
        spaces,
        owner: Owner::of(&data)?,
        reader: TarReader::default(),
        file: None,
    };
    let (pieces, mut waiting) = mpsc::channel::<Bytes>(PIECES_WAITING_MAX);
    let work = tokio::task::spawn_blocking(move || {
        while let Some(piece) = waiting.blocking_recv() {
            unpacker.add(piece)?;
        }
        unpacker.end()
    });
    while let Some(piece) = bytes.next().await {
        if pieces.send(piece?).await.is_err() {
            break; // It failed; its error says why.
        }
    }
    drop(pieces);
    work.await
        .map_err(|e| protocol("a part could not be unpacked").source(e))?
}

/// The OID in `tablespace-16400-00001`.
fn space(name: &str) -> PortResult<&str> {
    let oid = name.split('-').nth(1);
    let good = |oid: &&str| !oid.is_empty() && oid.bytes().all(|b| b.is_ascii_digit());
    oid.filter(good)
        .ok_or_else(|| corrupt(format!("'{name}' names no tablespace")))
}

struct Unpacker {
    root: PathBuf,
    spaces: PathBuf,
    owner: Owner,
    reader: TarReader,
    file: Option<(PathBuf, File)>,
}

impl Unpacker {
    fn add(&mut self, bytes: Bytes) -> PortResult<()> {
        self.reader.feed(bytes);
        while let Some(piece) = self.reader.next()? {
            match piece {
                Piece::Begin { path, member, .. } => self.begin(&path, member)?,
                Piece::Content(bytes) => {
                    if let Some((path, file)) = &mut self.file {
                        file.write_all(&bytes).map_err(|e| error::file(path, e))?;
                    }
                }
                Piece::End(_) => self.file = None,
            }
        }
        Ok(())
    }

    fn begin(&mut self, path: &str, member: Member) -> PortResult<()> {
        let place = self.root.join(path);
        let parent = place.parent().unwrap_or(&self.root);
        make_folder(parent, self.owner)?;
        match member {
            Member::Folder => make_folder(&place, self.owner)?,
            Member::Link(_) => {
                // Tablespaces stand beside the data directory, not where the
                // source had them.
                let oid = place.file_name().unwrap_or_default();
                let there = self.spaces.join(oid);
                make_folder(&there, self.owner)?;
                symlink(&there, &place).map_err(|e| error::file(&place, e))?;
            }
            Member::File(_) => {
                let create = || {
                    let file = File::create(&place)?;
                    file.set_permissions(fs::Permissions::from_mode(0o600))?;
                    self.owner.owns(&place)?;
                    Ok(file)
                };
                let file = create().map_err(|e| error::file(&place, e))?;
                self.file = Some((place, file));
            }
        }
        Ok(())
    }

    fn end(self) -> PortResult<()> {
        if self.reader.is_done() {
            Ok(())
        } else {
            Err(corrupt("a part of the snapshot is cut off"))
        }
    }
}

/// Puts the server's own list of files beside them.
pub(super) async fn manifest(
    client: &Client,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    if !super::is_loading_files(client)? {
        return Err(no_restore());
    }
    let data = data_dir(&client.config)?;
    let path = data.join(MANIFEST);
    let io = |e| error::file(&path, e);
    let mut file = File::create(&path).map_err(io)?;
    while let Some(piece) = bytes.next().await {
        file.write_all(&piece?).map_err(io)?;
    }
    Owner::of(&data)?.owns(&path).map_err(io)
}

/// Reads every loaded file back.
pub(super) async fn digests(client: &Client) -> PortResult<Vec<TableDigest>> {
    let data = data_dir(&client.config)?;
    let spaces = folder(&client.config)
        .unwrap_or_default()
        .join("tablespaces");
    let mut files = Vec::new();
    list(&data, "", &mut files)?;
    files.retain(|(label, _)| label != MANIFEST);
    if spaces.is_dir() {
        list(&spaces, "tablespace/", &mut files)?;
    }
    let files = std::sync::Arc::new(files);
    let mut work = Vec::new();
    for reader in 0..READERS {
        let files = std::sync::Arc::clone(&files);
        work.push(tokio::task::spawn_blocking(move || {
            let mut digests = FileDigests::default();
            for (label, path) in files.iter().skip(reader).step_by(READERS) {
                digests.add(label, &hash(path)?);
            }
            PortResult::Ok(digests)
        }));
    }
    let mut all = FileDigests::default();
    for task in work {
        let ended = task
            .await
            .map_err(|e| protocol("files could not be read").source(e))?;
        all.merge(ended?);
    }
    Ok(all.finish())
}

fn hash(path: &Path) -> PortResult<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    read.map_err(|e| error::file(path, e))?;
    Ok(hasher.finalize())
}

fn list(dir: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> PortResult<()> {
    let entries = fs::read_dir(dir).map_err(|e| error::file(dir, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| error::file(dir, e))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(|e| error::file(&path, e))?;
        if kind.is_dir() {
            list(&path, &format!("{prefix}{name}/"), files)?;
        } else if kind.is_file() {
            files.push((format!("{prefix}{name}"), path));
        }
    }
    Ok(())
}

/// Starts the copy as a standby and waits until it is consistent.
pub(super) async fn end(client: &Client, mark: &AppliedMark) -> PortResult<()> {
    let data = data_dir(&client.config)?;
    let notes = folder(&client.config).unwrap_or_default();
    let (place, owner) = (data.clone(), Owner::of(&data)?);
    blocking(move || finish_folder(&place, &notes, owner)).await?;
    server::start(client, &server::Told::default()).await?;
    let mut wire = server::standby(client).await?;
    if !own::in_recovery(&mut wire).await? {
        return Err(protocol("the copy is not in recovery"));
    }
    let copy = Copy::At {
        mark: mark.clone(),
        until: None,
        timeline: None,
    };
    Notes::set_copy(&client.config, copy)
}

/// Gives the folder its machine's configuration, makes it a standby, and has
/// everything on disk.
fn finish_folder(data: &Path, notes: &Path, owner: Owner) -> PortResult<()> {
    let write = |name: &str, content: &[u8]| {
        let path = data.join(name);
        fs::write(&path, content)
            .and_then(|()| owner.owns(&path))
            .map_err(|e| error::file(&path, e))
    };
    for name in CONFIGURATION {
        let kept = notes.join(name);
        if kept.is_file() {
            write(name, &fs::read(&kept).map_err(|e| error::file(&kept, e))?)?;
        } else if !data.join(name).exists() {
            let content = if name == "pg_hba.conf" { HBA } else { "" };
            write(name, content.as_bytes())?;
        }
    }
    write(STANDBY_SIGNAL, b"")?;
    let synced = File::open(data).and_then(|dir| nix::unistd::syncfs(&dir).map_err(Into::into));
    synced.map_err(|e| error::file(data, e))
}

async fn blocking(work: impl FnOnce() -> PortResult<()> + Send + 'static) -> PortResult<()> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|e| protocol("files could not be written").source(e))?
}
