//! moto, an emulator of Amazon S3, as a vault that needs no cloud account.
//!
//! It keeps everything in memory: what it held is gone when it ends. Nothing
//! here is safe for real data. It enforces conditional creates and object lock,
//! and, once [`Moto::require_keys`] was asked, signatures; docs.md of the
//! object-store connector says what it does not.

mod iam;

use crate::LaunchError;
use crate::find::Wanted;
use crate::group::ProcessGroup;
use crate::http::{self, Ask};
use crate::port;
use planb_model::Secret;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The region everything is in: the only one whose buckets need no location.
pub const REGION: &str = "us-east-1";

const SERVER: &str = "moto";
const PROGRAM: Wanted = Wanted {
    server: SERVER,
    program_env: "PLANB_MOTO",
    below_services: "moto/bin/moto_server",
    name: "moto_server",
    needs: "Python 3, pip",
};
/// A cold Python start on a busy two-core machine took up to 5 s.
const READY_WAIT_SECS_MAX: u64 = 60;

/// What is needed to start one.
#[derive(Debug, Clone)]
pub struct MotoOptions {
    /// Where its output goes; made if it is missing.
    pub dir: PathBuf,
}

/// Credentials of S3.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The access key's name.
    pub id: String,
    /// What requests are signed with.
    pub secret: Secret,
}

/// A bucket to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectLock {
    /// Objects can be replaced and deleted.
    Off,
    /// Versions are kept, and can be locked.
    On,
}

/// A running moto on 127.0.0.1, stopped when dropped.
#[derive(Debug)]
pub struct Moto {
    port: u16,
    group: ProcessGroup,
    keys: Keys,
}

impl Moto {
    /// Starts one on a free port and returns when it answers. It takes any
    /// credentials until [`Moto::require_keys`].
    pub async fn start(options: MotoOptions) -> Result<Self, LaunchError> {
        let program = PROGRAM.find()?;
        let dir = options.dir;
        std::fs::create_dir_all(&dir)
            .map_err(LaunchError::io(format!("create {}", dir.display())))?;
        let launch = |port| launch(&program, &dir, port);
        let (port, group) = port::launched(None, launch).await?;
        let keys = Keys {
            id: "anybody".into(),
            secret: Secret::new("anything"),
        };
        Ok(Self { port, group, keys })
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.group.kill();
    }

    /// Creates a bucket.
    pub async fn create_bucket(&self, name: &str, lock: ObjectLock) -> Result<(), LaunchError> {
        let headers = match lock {
            ObjectLock::Off => "",
            ObjectLock::On => "x-amz-bucket-object-lock-enabled: true\r\n",
        };
        let line = format!("PUT /{name}");
        self.prepare(&format!("create bucket {name}"), line, headers, "")
            .await?;
        Ok(())
    }

    /// Makes a user who may do everything, and from now on refuses who else
    /// asks. Returns the user's keys, which [`Moto::secret_options`] have from now on.
    pub async fn require_keys(&mut self) -> Result<Keys, LaunchError> {
        self.keys = iam::user(self, "planb", "s3:*").await?;
        let everybody_else = "refuse everybody else";
        let line = "POST /moto-api/reset-auth".to_owned();
        self.prepare(everybody_else, line, "Content-Type: text/plain\r\n", "0")
            .await?;
        Ok(self.keys.clone())
    }

    /// Makes a user who may do nothing but `action`, such as `s3:GetObject`.
    /// Before [`Moto::require_keys`], which ends such requests.
    pub async fn add_user(&self, name: &str, action: &str) -> Result<Keys, LaunchError> {
        iam::user(self, name, action).await
    }

    /// TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of the service, for `aws_endpoint`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Vault options for it that are not secret, by their `object_store` names.
    pub fn options(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("aws_region".into(), REGION.into()),
            ("aws_endpoint".into(), self.endpoint()),
            ("aws_access_key_id".into(), self.keys.id.clone()),
            ("allow_http".into(), "true".into()),
        ])
    }

    /// Vault options for it that a real account would keep secret.
    pub fn secret_options(&self) -> BTreeMap<String, Secret> {
        BTreeMap::from([("aws_secret_access_key".into(), self.keys.secret.clone())])
    }

    /// Sends what must go well; the whole answer.
    async fn prepare(
        &self,
        what: &str,
        line: String,
        headers: &str,
        body: &str,
    ) -> Result<String, LaunchError> {
        let asked = Ask {
            line,
            headers,
            body,
        };
        let answer = http::ask(self.port, &asked)
            .await
            .map_err(LaunchError::io(what))?;
        if http::status(&answer) == "200" {
            return Ok(answer);
        }
        Err(LaunchError::Refused {
            server: SERVER,
            what: what.to_owned(),
            answer: answer.lines().next().unwrap_or_default().to_owned(),
        })
    }
}

async fn launch(program: &Path, dir: &Path, port: u16) -> Result<ProcessGroup, LaunchError> {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let mut group = ProcessGroup::spawn(SERVER, &mut command, &dir.join("moto.log"))?;
    let longest = Duration::from_secs(READY_WAIT_SECS_MAX);
    let asked = Ask {
        line: "GET /moto-api/".into(),
        headers: "",
        body: "",
    };
    group
        .wait_ready(longest, || async {
            let answer = http::ask(port, &asked).await;
            answer.is_ok_and(|answer| http::status(&answer) == "200")
        })
        .await?;
    Ok(group)
}
