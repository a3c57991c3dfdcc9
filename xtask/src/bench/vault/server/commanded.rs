//! A MariaDB server that commands start and stop, as a physical restore needs it.

use super::{Kind, Run, Server, free_port, make_data, mariadb_arguments};
use crate::bench::vault::peers;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::Path;

impl Server {
    /// A server whose files `planb restore` may exchange.
    pub fn mariadb_commanded(folder: &Path, id: u32) -> Result<Self> {
        make_data(folder)?;
        let port = free_port()?;
        let shown = folder.display();
        let mut arguments = String::new();
        for argument in mariadb_arguments(folder, port, id) {
            write!(arguments, " {argument}")?;
        }
        std::fs::write(
            folder.join("start"),
            format!("setsid mariadbd{arguments} </dev/null >>{shown}/log 2>&1 &\n"),
        )?;
        std::fs::write(
            folder.join("stop"),
            format!(
                "[ -e {shown}/data/p ] || exit 0; kill $(cat {shown}/data/p); \
                 while [ -e {shown}/data/p ]; do sleep 0.02; done\n"
            ),
        )?;
        let mut server = Self {
            run: Run::Commanded,
            port,
            kind: Kind::MariaDb,
            folder: folder.to_owned(),
        };
        peers::prepare(&format!("bash {shown}/start"))?;
        server.ready()?;
        Ok(server)
    }

    /// What a URL says of the files; nothing for a server PlanB only connects to.
    pub(super) fn files_in_url(&self) -> String {
        let folder = self.folder.display();
        match self.run {
            Run::Child(_) => String::new(),
            Run::Commanded => {
                format!("?data-dir={folder}/data&stop=bash+{folder}/stop&start=bash+{folder}/start")
            }
        }
    }

    pub(super) fn commanded_pid(&self) -> Result<u32> {
        let file = self.folder.join("data/p");
        let pid = std::fs::read_to_string(&file).context("the server does not run")?;
        Ok(pid.trim().parse()?)
    }

    pub(super) fn stop_commanded(&self) -> Result<()> {
        peers::prepare(&format!("bash {}/stop", self.folder.display()))?;
        Ok(())
    }
}
