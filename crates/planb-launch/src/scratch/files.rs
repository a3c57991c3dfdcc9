//! A server of MySQL or MariaDB on files that a connector puts in place: those of a
//! snapshot, which are a whole server's, accounts included.
//!
//! Nobody knows the passwords in them, so it gets an account of its own before it
//! answers. It runs no events of the source's, and goes on as nobody's replica.

use super::leftover::{SERVER, note_pid};
use super::{NO_EVENTS, SERVER_ID};
use crate::LaunchError;
use crate::mariadb::{MariaDb, MariaDbOptions};
use crate::mysql::{self, Mysql, MysqlOptions};
use crate::port::free_port;
use planb_model::recovery::Engine;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of chance in the account's password.
const PASSWORD_BYTES: usize = 24;
/// Makes a password acceptable to servers that demand all sorts of characters.
const PASSWORD_SORTS: &str = "aA1!";

/// See the module. Its server, if one runs, ends with [`FilesServer::end`].
#[derive(Debug)]
pub struct FilesServer {
    engine: Engine,
    /// Of the drill.
    dir: PathBuf,
    port: u16,
    running: Mutex<Option<Running>>,
}

#[expect(dead_code, reason = "held for what dropping them does")]
#[derive(Debug)]
enum Running {
    MariaDb(MariaDb),
    Mysql(Mysql),
}

impl FilesServer {
    /// The account PlanB logs in with.
    pub const USER: &str = "planb_drill";

    /// Makes the place in `dir`; the connector makes the data directory itself.
    pub(super) fn prepare(engine: Engine, dir: &Path) -> Result<Self, LaunchError> {
        let server = Self {
            engine,
            dir: dir.to_owned(),
            port: free_port()?,
            running: Mutex::default(),
        };
        let home = server.home();
        std::fs::create_dir(&home)
            .map_err(LaunchError::io(format!("create {}", home.display())))?;
        let password = password()?;
        write(&server.password_file(), &password)?;
        write(&server.account_file(), &account(&password))?;
        Ok(server)
    }

    /// Where the files are put.
    pub fn data_dir(&self) -> PathBuf {
        self.home().join("data")
    }

    /// The folder with the server's programs; `None` when they are in the usual places.
    ///
    /// # Errors
    /// When there is no such server here.
    pub fn bin_dir(&self) -> Result<Option<PathBuf>, LaunchError> {
        match self.engine {
            Engine::Mysql => mysql::bin_dir().map(Some),
            _ => Ok(None),
        }
    }

    /// The password of [`FilesServer::USER`] stands in it.
    pub fn password_file(&self) -> PathBuf {
        self.dir.join("password")
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it on what is there, and returns when it answers.
    ///
    /// # Errors
    /// When it is not installed, or cannot open the files.
    pub async fn start(&self) -> Result<(), LaunchError> {
        let (running, pid) = match self.engine {
            Engine::Mysql => {
                let server = Mysql::start(self.mysql()).await?;
                let pid = server.pid();
                (Running::Mysql(server), pid)
            }
            _ => {
                let server = MariaDb::start(self.mariadb()).await?;
                let pid = server.pid();
                (Running::MariaDb(server), pid)
            }
        };
        note_pid(&self.dir, SERVER, pid)?;
        *self.held() = Some(running);
        Ok(())
    }

    /// Ends it, if it runs.
    pub fn end(&self) {
        let running = self.held().take();
        drop(running);
    }

    fn mariadb(&self) -> MariaDbOptions {
        let mut options = MariaDbOptions::new(self.home(), SERVER_ID);
        options.binlog = false;
        options.port = Some(self.port);
        options.lowest_priority = true;
        // The tool leaves the settings the files were made with.
        options.defaults_file = Some(self.data_dir().join("backup-my.cnf"));
        options.extra_args = self.arguments();
        options
    }

    fn mysql(&self) -> MysqlOptions {
        let mut options = MysqlOptions::new(self.home(), SERVER_ID);
        options.binlog = false;
        options.port = Some(self.port);
        options.lowest_priority = true;
        options.defaults_file = Some(self.data_dir().join("planb-server.cnf"));
        options.extra_args = self.arguments();
        options
    }

    fn arguments(&self) -> Vec<String> {
        vec![
            format!("--init-file={}", self.account_file().display()),
            NO_EVENTS.to_owned(),
            "--loose-skip-slave-start".to_owned(),
            "--loose-skip-replica-start".to_owned(),
        ]
    }

    fn home(&self) -> PathBuf {
        self.dir.join("server")
    }

    fn account_file(&self) -> PathBuf {
        self.dir.join("account.sql")
    }

    fn held(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A statement on each line, as the server wants it.
fn account(password: &str) -> String {
    let account = format!("'{}'@'127.0.0.1'", FilesServer::USER);
    format!(
        "DROP USER IF EXISTS {account};\nCREATE USER {account} IDENTIFIED BY '{password}';\n\
         GRANT ALL ON *.* TO {account} WITH GRANT OPTION;\n"
    )
}

fn password() -> Result<String, LaunchError> {
    let mut bytes = [0u8; PASSWORD_BYTES];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut chance| chance.read_exact(&mut bytes))
        .map_err(LaunchError::io("make a password"))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{hex}{PASSWORD_SORTS}"))
}

/// Only we can read it.
fn write(path: &Path, text: &str) -> Result<(), LaunchError> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(LaunchError::io(format!("write {}", path.display())))
}
