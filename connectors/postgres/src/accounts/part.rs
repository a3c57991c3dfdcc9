//! The part of a snapshot with roles: a script for `psql`, with notes before it
//! that PlanB itself reads.

use super::{Door, Role, read};
use crate::client::Client;
use crate::error::corrupt;
use bytes::Bytes;
use planb_model::recovery::{PART_ACCOUNTS, PartSpec};
use planb_ports::snapshot::write_part;
use planb_ports::{PortResult, SnapshotSink};

const ROLE: &str = "-- account: ";
const DOOR: &str = "-- database: ";

/// Writes the part.
pub(crate) async fn write(client: &Client, sink: &dyn SnapshotSink) -> PortResult<()> {
    let (roles, doors) = read::all(client).await?;
    let spec = PartSpec {
        name: PART_ACCOUNTS.to_owned(),
        kind: PART_ACCOUNTS.to_owned(),
        table: None,
    };
    write_part(sink, spec, Bytes::from(encode(&roles, &doors)?)).await
}

fn encode(roles: &[Role], doors: &[Door]) -> PortResult<String> {
    let json = |value: serde_json::Result<String>| {
        value.map_err(|e| corrupt("a role cannot be written down").source(e))
    };
    // Notes are lines, statements may have several.
    let mut script = String::new();
    for role in roles {
        script += &format!("{ROLE}{}\n", json(serde_json::to_string(role))?);
    }
    for door in doors {
        script += &format!("{DOOR}{}\n", json(serde_json::to_string(door))?);
    }
    script += "\nSET standard_conforming_strings = on;\n";
    let made = roles.iter().flat_map(Role::make);
    let joined = roles
        .iter()
        .flat_map(|role| role.memberships.iter().cloned());
    let opened = doors
        .iter()
        .flat_map(|door| door.statements.iter().cloned());
    for statement in made.chain(joined).chain(opened) {
        script += &format!("{statement};\n");
    }
    Ok(script)
}

/// Roles and doors of a part made by [`write`].
pub(super) fn decode(file: &[u8]) -> PortResult<(Vec<Role>, Vec<Door>)> {
    let bad = || corrupt("the users of the snapshot cannot be read");
    let text = std::str::from_utf8(file).map_err(|e| bad().source(e))?;
    let (mut roles, mut doors) = (Vec::new(), Vec::new());
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if let Some(json) = line.strip_prefix(ROLE) {
            roles.push(serde_json::from_str(json).map_err(|e| bad().source(e))?);
        } else if let Some(json) = line.strip_prefix(DOOR) {
            doors.push(serde_json::from_str(json).map_err(|e| bad().source(e))?);
        } else {
            return Err(bad());
        }
    }
    Ok((roles, doors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_come_back_as_they_were_whatever_their_names() {
        let role = Role {
            name: "주문 \"a\n-- account: x".into(),
            attributes: "LOGIN PASSWORD 'SCRAM-SHA-256$4096:x'".into(),
            settings: vec![super::super::set(
                "a",
                None,
                "search_path",
                "\"$user\", public",
            )],
            memberships: vec!["GRANT \"r\" TO \"a\"".into()],
        };
        let door = Door {
            database: "shop".into(),
            statements: vec!["REVOKE ALL ON DATABASE \"shop\" FROM PUBLIC".into()],
        };
        let script = encode(std::slice::from_ref(&role), std::slice::from_ref(&door));
        let script = script.expect("written");
        assert!(script.contains("SET \"search_path\" TO \"$user\", public;\n"));
        let read = decode(script.as_bytes()).expect("read");
        assert_eq!(read, (vec![role], vec![door]));
        assert!(decode(b"CREATE ROLE x;\n").is_err());
    }
}
