//! Azurite, Microsoft's emulator of Azure Blob Storage, as a vault that needs
//! no cloud account.
//!
//! It knows one account whose key is public (Azurite's documentation, "Default
//! storage account"). Nothing here is a secret, and nothing here is safe for
//! real data.

mod container;

use crate::LaunchError;
use crate::find::Wanted;
use crate::group::ProcessGroup;
use crate::port;
use planb_model::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tokio::net::TcpStream;

/// Azurite's only account.
pub const ACCOUNT: &str = "devstoreaccount1";
/// The public key of that account.
pub const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const SERVER: &str = "Azurite";
const PROGRAM: Wanted = Wanted {
    server: SERVER,
    program_env: "PLANB_AZURITE",
    below_services: "node_modules/.bin/azurite-blob",
    name: "azurite-blob",
    needs: "Node.js, npm",
};
/// A cold Node.js start on a busy two-core machine took up to 6 s.
const READY_WAIT_SECS_MAX: u64 = 60;

/// What is needed to start one.
#[derive(Debug, Clone)]
pub struct AzuriteOptions {
    /// Where it keeps its data and its output; made if it is missing.
    pub dir: PathBuf,
}

/// A running Azurite blob service on 127.0.0.1, stopped when dropped.
#[derive(Debug)]
pub struct Azurite {
    program: PathBuf,
    dir: PathBuf,
    port: u16,
    group: ProcessGroup,
}

impl Azurite {
    /// Starts one on a free port and returns when it answers.
    pub async fn start(options: AzuriteOptions) -> Result<Self, LaunchError> {
        let program = PROGRAM.find()?;
        let dir = options.dir;
        std::fs::create_dir_all(&dir)
            .map_err(LaunchError::io(format!("create {}", dir.display())))?;
        let launch = |port| launch(&program, &dir, port);
        let (port, group) = port::launched(None, launch).await?;
        Ok(Self {
            program,
            dir,
            port,
            group,
        })
    }

    /// Kills it at once, as if its machine was lost. [`Azurite::restart`] brings
    /// it back, but not what it acknowledged in the last seconds: it writes its
    /// index to disk every five. Real blob storage loses nothing.
    pub fn kill(&mut self) {
        self.group.kill();
    }

    /// Has it stand still: it takes connections and answers nothing.
    pub fn pause(&self) {
        self.group.pause();
    }

    /// Lets it go on where it stood.
    pub fn resume(&self) {
        self.group.resume();
    }

    /// Stops it in good order if it runs, and starts it again on the same port and data.
    pub async fn restart(&mut self) -> Result<(), LaunchError> {
        self.group.stop();
        self.group = launch(&self.program, &self.dir, self.port).await?;
        Ok(())
    }

    /// Creates a container; one that is there is left as it is.
    pub async fn create_container(&self, name: &str) -> Result<(), LaunchError> {
        container::create(self.port, name).await
    }

    /// TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of the account, for `azure_storage_endpoint`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// Vault options for it that are not secret, by their `object_store` names.
    pub fn options(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("azure_storage_account_name".into(), ACCOUNT.into()),
            ("azure_storage_endpoint".into(), self.endpoint()),
            ("allow_http".into(), "true".into()),
        ])
    }

    /// Vault options for it that a real account would keep secret.
    pub fn secret_options(&self) -> BTreeMap<String, Secret> {
        BTreeMap::from([("azure_storage_account_key".into(), Secret::new(ACCOUNT_KEY))])
    }
}

async fn launch(
    program: &PathBuf,
    dir: &std::path::Path,
    port: u16,
) -> Result<ProcessGroup, LaunchError> {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
        .arg("--location")
        .arg(dir.join("data"))
        .args(["--silent", "--disableTelemetry", "--skipApiVersionCheck"]);
    let mut group = ProcessGroup::spawn(SERVER, &mut command, &dir.join("azurite.log"))?;
    let longest = Duration::from_secs(READY_WAIT_SECS_MAX);
    group
        .wait_ready(longest, || async move {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await?;
    Ok(group)
}
