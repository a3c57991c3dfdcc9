//! The part of a snapshot with accounts: a script for the ordinary client, with
//! a note before it for each account that PlanB itself reads.

use super::{Account, read};
use crate::client::Client;
use crate::error::corrupt;
use crate::script::{self, Script};
use bytes::Bytes;
use planb_model::recovery::{Engine, PART_ACCOUNTS, PartSpec};
use planb_ports::snapshot::write_part;
use planb_ports::{PortResult, SnapshotSink};
use serde::{Deserialize, Serialize};

/// Which server they are of.
const SERVER: &str = "-- server: ";
/// One of them.
const ACCOUNT: &str = "-- account: ";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Server {
    engine: Engine,
}

/// Writes the part.
pub(crate) async fn write(client: &Client, sink: &dyn SnapshotSink) -> PortResult<()> {
    let mut conn = client.connect().await?;
    let accounts = read::accounts(client, &mut conn).await?;
    let spec = PartSpec {
        name: PART_ACCOUNTS.to_owned(),
        kind: PART_ACCOUNTS.to_owned(),
        table: None,
    };
    let script = encode(client.config.engine, &accounts)?;
    write_part(sink, spec, Bytes::from(script)).await
}

fn encode(engine: Engine, accounts: &[Account]) -> PortResult<Vec<u8>> {
    let json = |value: serde_json::Result<String>| {
        value.map_err(|e| corrupt("an account cannot be written down").source(e))
    };
    let mut script = Script::default();
    let server = json(serde_json::to_string(&Server { engine }))?;
    script.add(format!("{SERVER}{server}"));
    for account in accounts {
        script.add(format!(
            "{ACCOUNT}{}",
            json(serde_json::to_string(account))?
        ));
    }
    for phase in Phase::ALL {
        for account in accounts {
            for statement in account.statements(phase, engine == Engine::Mariadb) {
                script.add(statement);
            }
        }
    }
    Ok(script.write())
}

/// The accounts of a part made by [`write`], if they are of this engine.
pub(super) fn decode(file: &[u8]) -> PortResult<(Engine, Vec<Account>)> {
    let bad = |e: serde_json::Error| corrupt("the users of the snapshot cannot be read").source(e);
    let (mut engine, mut accounts) = (None, Vec::new());
    for statement in script::read(file)? {
        if let Some(json) = statement.strip_prefix(SERVER.as_bytes()) {
            let server: Server = serde_json::from_slice(json).map_err(bad)?;
            engine = Some(server.engine);
        } else if let Some(json) = statement.strip_prefix(ACCOUNT.as_bytes()) {
            accounts.push(serde_json::from_slice(json).map_err(bad)?);
        }
    }
    let engine = engine.ok_or_else(|| corrupt("the users of the snapshot name no server"))?;
    Ok((engine, accounts))
}

/// Statements that may only come when those of the phase before are done for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Create,
    Privileges,
    Roles,
    DefaultRoles,
}

impl Phase {
    pub const ALL: [Phase; 4] = [
        Phase::Create,
        Phase::Privileges,
        Phase::Roles,
        Phase::DefaultRoles,
    ];
}

impl Account {
    /// What makes it.
    pub fn statements(&self, phase: Phase, mariadb: bool) -> Vec<String> {
        let name = self.name.quoted();
        match phase {
            Phase::Create => vec![self.create.clone()],
            Phase::Privileges => self.grants.clone(),
            Phase::Roles => {
                let give = |(role, on): &(super::Name, bool)| {
                    let option = if *on { " WITH ADMIN OPTION" } else { "" };
                    format!("GRANT {} TO {name}{option}", role.quoted())
                };
                self.roles.iter().map(give).collect()
            }
            Phase::DefaultRoles if self.default_roles.is_empty() => Vec::new(),
            Phase::DefaultRoles => {
                let roles: Vec<String> = self.default_roles.iter().map(|r| r.quoted()).collect();
                let word = if mariadb { "FOR" } else { "TO" };
                vec![format!(
                    "SET DEFAULT ROLE {} {word} {name}",
                    roles.join(", ")
                )]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Name;

    #[test]
    fn accounts_come_back_as_they_were_and_the_script_makes_all_before_it_grants() {
        let account = |user: &str| Account {
            name: Name::new(user, "%"),
            create: format!("CREATE USER `{user}`@`%` IDENTIFIED BY PASSWORD '*\n$$pb'"),
            grants: vec![format!("GRANT SELECT ON `shop`.* TO `{user}`@`%`")],
            roles: vec![(Name::role("r"), true)],
            default_roles: vec![Name::role("r")],
            left_out: 1,
        };
        let accounts = [account("a"), account("b 주문")];
        let file = encode(Engine::Mariadb, &accounts).expect("written");
        let (engine, read) = decode(&file).expect("read");
        assert_eq!((engine, read.as_slice()), (Engine::Mariadb, &accounts[..]));
        let statements = script::read(&file).expect("a script");
        let texts: Vec<_> = statements
            .iter()
            .map(|s| String::from_utf8_lossy(s))
            .collect();
        let sql: Vec<&str> = texts
            .iter()
            .map(AsRef::as_ref)
            .filter(|s| !s.starts_with("-- "))
            .collect();
        assert!(
            sql[0].starts_with("CREATE USER `a`") && sql[1].starts_with("CREATE USER `b 주문`")
        );
        assert_eq!(sql[4], "GRANT `r` TO `a`@`%` WITH ADMIN OPTION");
        assert_eq!(sql[6], "SET DEFAULT ROLE `r` FOR `a`@`%`");
        assert!(decode(b"DELIMITER x\n").is_err());
    }
}
