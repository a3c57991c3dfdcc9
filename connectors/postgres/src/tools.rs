//! PostgreSQL's own programs as clients of a server: `pg_dump` and `psql`.

use crate::client::Client;
use crate::error::file;
use bytes::{Bytes, BytesMut};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// What is read of a program's output at once.
const READ_BYTES: usize = 256 * 1024;
/// How much of the end of what it complains an error shows.
const COMPLAINT_BYTES_MAX: usize = 2_000;
/// State of its sessions.
const OPTIONS: &str = "-c default_transaction_read_only=off -c timezone=UTC";

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The program writes them.
    Out,
    /// The program reads them.
    In,
}

/// A program at work.
pub(crate) struct Tool {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    complaint: JoinHandle<String>,
}

impl Tool {
    /// Starts `name` on `database`. The password goes by the environment, never
    /// among the arguments.
    pub fn start(
        client: &Client,
        name: &'static str,
        database: &str,
        arguments: &[String],
        way: Way,
    ) -> PortResult<Self> {
        let program = client.program(name)?;
        let config = &client.config;
        let pipe = |wanted| match way == wanted {
            true => Stdio::piped(),
            false => Stdio::null(),
        };
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .env("PGHOST", &config.host)
            .env("PGPORT", config.port.to_string())
            .env("PGUSER", &config.user)
            .env("PGDATABASE", database)
            .env("PGAPPNAME", "planb")
            .env("PGCLIENTENCODING", "UTF8")
            .env("PGOPTIONS", OPTIONS)
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(pipe(Way::In))
            .stdout(pipe(Way::Out))
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(password) = &config.password {
            command.env("PGPASSWORD", password.expose());
        }
        match &config.tls_ca {
            Some(ca) => command
                .env("PGSSLMODE", "verify-full")
                .env("PGSSLROOTCERT", ca),
            None => command.env("PGSSLMODE", "disable"),
        };
        let mut child = command.spawn().map_err(|e| file(&program, e))?;
        Ok(Self {
            name,
            input: child.stdin.take(),
            output: child.stdout.take(),
            complaint: tokio::spawn(complaint(child.stderr.take())),
            child,
        })
    }

    /// The next bytes it writes; `None` at their end.
    pub async fn read(&mut self) -> PortResult<Option<Bytes>> {
        let Some(output) = &mut self.output else {
            return Ok(None);
        };
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        let read = output.read_buf(&mut piece).await;
        let length = read.map_err(|e| file(Path::new(self.name), e))?;
        Ok((length > 0).then(|| piece.freeze()))
    }

    /// Hands it bytes; whether it still takes them.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        match &mut self.input {
            Some(input) => input.write_all(bytes).await.is_ok(),
            None => false,
        }
    }

    /// Demands that it ends well.
    pub async fn end(mut self) -> PortResult<()> {
        drop(self.input.take());
        let status = self.child.wait().await;
        let complaint = self.complaint.await.unwrap_or_default();
        if status.map_err(|e| file(Path::new(self.name), e))?.success() {
            return Ok(());
        }
        Err(failed(self.name, &complaint))
    }
}

fn failed(name: &str, complaint: &str) -> PortError {
    // `could not open extension control file` before PostgreSQL 17.
    let extension = complaint.contains("extension") && complaint.contains("not available");
    if extension || complaint.contains("extension control file") {
        return PortError::new(
            ErrorKind::Unsupported,
            "PB-POSTGRES-EXTENSION",
            format!("the target's server lacks an extension of the source's: {complaint}"),
        )
        .hint(
            "install the extension's package on the target's machine, and restore again",
            "대상 시스템에 해당 확장의 패키지를 설치한 뒤 다시 복원하세요",
        );
    }
    PortError::new(
        ErrorKind::Internal,
        "PB-POSTGRES-TOOL",
        format!("{name} failed: {complaint}"),
    )
    .hint(
        "its major version must not be older than the server's; see its own words above",
        "프로그램의 주 버전이 서버보다 낮으면 안 됩니다. 위의 프로그램 메시지를 확인하세요",
    )
}

/// The end of what a program wrote, on one line.
async fn complaint(from: Option<impl AsyncReadExt + Unpin>) -> String {
    let Some(mut from) = from else {
        return String::new();
    };
    let mut end: Vec<u8> = Vec::new();
    let mut piece = vec![0; COMPLAINT_BYTES_MAX];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        end.extend_from_slice(&piece[..length]);
        let over = end.len().saturating_sub(COMPLAINT_BYTES_MAX);
        end.drain(..over);
    }
    String::from_utf8_lossy(&end).trim().replace('\n', " | ")
}
