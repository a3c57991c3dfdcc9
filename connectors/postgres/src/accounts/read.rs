//! Which roles have to do with the protected databases, and what each of them is.

use super::{Door, Role, privilege, set};
use crate::client::{Client, ident, literal, literals};
use crate::wire::Wire;
use planb_ports::PortResult;
use std::collections::BTreeSet;

const WHAT: &str = "read the server's roles and their password hashes";
/// The role `initdb` makes. Every server has one of its own.
const BOOTSTRAP_OID: u32 = 10;
/// Attributes by column, name and the name of its absence.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("rolsuper", "SUPERUSER"),
    ("rolinherit", "INHERIT"),
    ("rolcreaterole", "CREATEROLE"),
    ("rolcreatedb", "CREATEDB"),
    ("rolcanlogin", "LOGIN"),
    ("rolreplication", "REPLICATION"),
    ("rolbypassrls", "BYPASSRLS"),
];

async fn ask(wire: &mut Wire, sql: &str) -> PortResult<Vec<Vec<Option<String>>>> {
    let asked = wire.rows(WHAT, sql).await;
    asked.map_err(|e| privilege(e, WHAT))
}

/// A membership: role, member, and the options behind `WITH`.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    role: String,
    member: String,
    options: String,
}

/// Roles and doors of the protected databases.
pub(super) async fn all(client: &Client) -> PortResult<(Vec<Role>, Vec<Door>)> {
    let mut wire = client.anywhere().await?;
    let edges = edges(&mut wire).await?;
    let mut roles = Vec::new();
    for name in chosen(client, &mut wire, &edges).await? {
        if let Some(role) = role(client, &mut wire, &edges, &name).await? {
            roles.push(role);
        }
    }
    let known: BTreeSet<&str> = roles.iter().map(|r| r.name.as_str()).collect();
    let doors = doors(client, &mut wire, &known).await?;
    Ok((roles, doors))
}

/// All memberships of the server.
pub(super) async fn edges(wire: &mut Wire) -> PortResult<Vec<Edge>> {
    // Version 16 tells more; older ones answer with nulls.
    let sql = "SELECT r.rolname, m.rolname, a.admin_option, to_jsonb(a) ->> 'inherit_option', \
               to_jsonb(a) ->> 'set_option' FROM pg_auth_members a \
               JOIN pg_authid r ON r.oid = a.roleid JOIN pg_authid m ON m.oid = a.member \
               ORDER BY 1, 2, 3";
    let mut edges = Vec::new();
    for row in ask(wire, sql).await? {
        let [Some(role), Some(member), admin, inherit, set] = &row[..] else {
            continue;
        };
        let admin = admin.as_deref() == Some("t");
        let options = match (inherit, set) {
            (Some(inherit), Some(set)) => {
                format!(" WITH ADMIN {admin}, INHERIT {inherit}, SET {set}")
            }
            _ if admin => " WITH ADMIN OPTION".to_owned(),
            _ => String::new(),
        };
        edges.push(Edge {
            role: role.clone(),
            member: member.clone(),
            options,
        });
    }
    Ok(edges)
}

/// One role; `None` when it is not there.
pub(super) async fn role(
    client: &Client,
    wire: &mut Wire,
    edges: &[Edge],
    name: &str,
) -> PortResult<Option<Role>> {
    let columns: Vec<&str> = ATTRIBUTES.iter().map(|(column, _)| *column).collect();
    let sql = format!(
        "SELECT rolconnlimit, rolpassword, rolvaliduntil, {} FROM pg_authid WHERE rolname = {}",
        columns.join(", "),
        literal(name)
    );
    let found = ask(wire, &sql).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let mut words = Vec::new();
    for ((_, word), value) in ATTRIBUTES.iter().zip(&row[3..]) {
        let no = if value.as_deref() == Some("t") {
            ""
        } else {
            "NO"
        };
        words.push(format!("{no}{word}"));
    }
    words.push(format!(
        "CONNECTION LIMIT {}",
        row[0].as_deref().unwrap_or("-1")
    ));
    words.push(match &row[1] {
        Some(hash) => format!("PASSWORD {}", literal(hash)),
        None => "PASSWORD NULL".to_owned(),
    });
    if let Some(until) = &row[2] {
        words.push(format!("VALID UNTIL {}", literal(until)));
    }
    let mine = edges.iter().filter(|edge| edge.member == name);
    let join = |edge: &Edge| {
        format!(
            "GRANT {} TO {}{}",
            ident(&edge.role),
            ident(name),
            edge.options
        )
    };
    Ok(Some(Role {
        name: name.to_owned(),
        attributes: words.join(" "),
        settings: settings(client, wire, name).await?,
        memberships: mine.map(join).collect(),
    }))
}

async fn settings(client: &Client, wire: &mut Wire, name: &str) -> PortResult<Vec<String>> {
    let sql = format!(
        "SELECT d.datname, c.setting FROM pg_db_role_setting s \
         JOIN pg_authid r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase \
         CROSS JOIN unnest(s.setconfig) WITH ORDINALITY c(setting, n) \
         WHERE r.rolname = {} AND (s.setdatabase = 0 OR d.datname IN ({})) ORDER BY 1 NULLS FIRST, c.n",
        literal(name),
        literals(&client.config.databases)
    );
    let mut settings = Vec::new();
    for row in ask(wire, &sql).await? {
        if let [database, Some(setting)] = &row[..]
            && let Some((key, value)) = setting.split_once('=')
        {
            settings.push(set(name, database.as_deref(), key, value));
        }
    }
    Ok(settings)
}

/// Who owns or was given something in the databases, who may read everything,
/// the members of all these, and the roles these are members of.
async fn chosen(client: &Client, wire: &mut Wire, edges: &[Edge]) -> PortResult<BTreeSet<String>> {
    let list = literals(&client.config.databases);
    let sql = format!(
        "SELECT r.rolname FROM pg_authid r WHERE r.rolsuper \
         OR r.rolname IN ('pg_read_all_data', 'pg_write_all_data') \
         OR EXISTS (SELECT 1 FROM pg_shdepend s LEFT JOIN pg_database d \
           ON d.oid = CASE s.dbid WHEN 0 THEN s.objid ELSE s.dbid END \
         WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid \
           AND (s.dbid <> 0 OR s.classid = 'pg_database'::regclass) AND d.datname IN ({list}))"
    );
    let first =
        |rows: Vec<Vec<Option<String>>>| rows.into_iter().filter_map(|r| r.into_iter().next()?);
    let mut chosen: BTreeSet<String> = first(ask(wire, &sql).await?).collect();
    spread(&mut chosen, edges, |edge| (&edge.role, &edge.member));
    spread(&mut chosen, edges, |edge| (&edge.member, &edge.role));
    let own = format!(
        "SELECT rolname FROM pg_authid WHERE oid = {BOOTSTRAP_OID} OR starts_with(rolname, 'pg_')"
    );
    for name in first(ask(wire, &own).await?) {
        chosen.remove(&name);
    }
    chosen.remove(&client.config.user);
    Ok(chosen)
}

/// Adds what is reached from `names` over any number of edges.
fn spread(names: &mut BTreeSet<String>, edges: &[Edge], way: fn(&Edge) -> (&String, &String)) {
    loop {
        let before = names.len();
        for edge in edges {
            let (from, to) = way(edge);
            if names.contains(from) {
                names.insert(to.clone());
            }
        }
        if names.len() == before {
            return;
        }
    }
}

async fn doors(client: &Client, wire: &mut Wire, known: &BTreeSet<&str>) -> PortResult<Vec<Door>> {
    let mut doors = Vec::new();
    for database in &client.config.databases {
        let quoted = ident(database);
        let named = literal(database);
        let mut statements = Vec::new();
        let sql = format!(
            "SELECT r.rolname, d.datacl IS NULL FROM pg_database d \
             JOIN pg_authid r ON r.oid = d.datdba WHERE d.datname = {named}"
        );
        let found = ask(wire, &sql).await?;
        let Some([Some(owner), usual]) = found.first().map(Vec::as_slice) else {
            continue;
        };
        if known.contains(owner.as_str()) {
            statements.push(format!("ALTER DATABASE {quoted} OWNER TO {}", ident(owner)));
        }
        if usual.as_deref() == Some("f") {
            statements.push(format!("REVOKE ALL ON DATABASE {quoted} FROM PUBLIC"));
        }
        let sql = format!(
            "SELECT r.rolname, a.privilege_type, a.is_grantable FROM pg_database d \
             CROSS JOIN aclexplode(d.datacl) a LEFT JOIN pg_authid r ON r.oid = a.grantee \
             WHERE d.datname = {named} AND (a.grantee = 0 OR a.grantee <> d.datdba) ORDER BY 1, 2"
        );
        for row in ask(wire, &sql).await? {
            let [grantee, Some(what), gives_on] = &row[..] else {
                continue;
            };
            let whom = match grantee {
                None => "PUBLIC".to_owned(),
                Some(name) if known.contains(name.as_str()) => ident(name),
                Some(_) => continue,
            };
            let option = match gives_on.as_deref() {
                Some("t") => " WITH GRANT OPTION",
                _ => "",
            };
            statements.push(format!(
                "GRANT {what} ON DATABASE {quoted} TO {whom}{option}"
            ));
        }
        doors.push(Door {
            database: database.clone(),
            statements,
        });
    }
    Ok(doors)
}
