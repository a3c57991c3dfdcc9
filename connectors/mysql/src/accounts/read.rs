//! Which accounts may use the protected databases, and what each of them is.

use super::grant::{Line, is_like, read as read_line, without_roles};
use super::{Account, Name, definers, privilege};
use crate::client::{Client, literals, rows, run};
use mysql_async::Conn;
use mysql_async::prelude::FromRow;
use planb_ports::PortResult;
use std::collections::BTreeSet;

const WHAT: &str = "read the server's users";
/// Privileges everywhere that reach rows, or what rows are kept in. Who has none
/// but others, such as PROCESS, watches the server.
const REACHING: [&str; 18] = [
    "Select",
    "Insert",
    "Update",
    "Delete",
    "Create",
    "Drop",
    "References",
    "Index",
    "Alter",
    "Create_tmp_table",
    "Lock_tables",
    "Execute",
    "Create_view",
    "Show_view",
    "Create_routine",
    "Alter_routine",
    "Event",
    "Trigger",
];

/// Who is a member of which role, and which roles are on from the start.
#[derive(Debug, Default)]
pub(super) struct Roles {
    /// Role, member, whether the member may give it on.
    edges: Vec<(Name, Name, bool)>,
    /// Member, role.
    defaults: Vec<(Name, Name)>,
    /// Everything that is there.
    pub all: BTreeSet<Name>,
}

/// Reads the accounts that may use the protected databases, by name.
pub(super) async fn accounts(client: &Client, conn: &mut Conn) -> PortResult<Vec<Account>> {
    let roles = roles(client, conn).await?;
    let mut accounts = Vec::new();
    for name in chosen(client, conn, &roles).await? {
        accounts.push(account(client, conn, &roles, name).await?);
    }
    Ok(accounts)
}

/// Reads one account.
pub(super) async fn account(
    client: &Client,
    conn: &mut Conn,
    roles: &Roles,
    name: Name,
) -> PortResult<Account> {
    let create = match name.role {
        true => format!("CREATE ROLE {}", name.quoted()),
        false => {
            let sql = format!("SHOW CREATE USER {}", name.quoted());
            let lines: Vec<String> = ask(conn, sql).await?;
            without_roles(&lines.join(" "))
        }
    };
    let lines: Vec<String> = ask(conn, format!("SHOW GRANTS FOR {}", name.quoted())).await?;
    let (mut grants, mut left_out) = (Vec::new(), 0);
    for line in &lines {
        match read_line(line, &name, &client.config.databases) {
            Line::Carried(statement) => grants.push(statement),
            Line::Elsewhere => left_out += 1,
            Line::Other => {}
        }
    }
    grants.sort();
    let planb = client.config.user.as_str();
    let mine = roles.edges.iter().filter(|(_, member, _)| *member == name);
    let mine = mine.filter(|(role, _, _)| !role.is_reserved(planb));
    let mut of: Vec<(Name, bool)> = mine.map(|(role, _, on)| (role.clone(), *on)).collect();
    of.sort();
    let defaults = roles.defaults.iter().filter(|(member, _)| *member == name);
    let mut default_roles: Vec<Name> = defaults.map(|(_, role)| role.clone()).collect();
    default_roles.sort();
    Ok(Account {
        name,
        create,
        grants,
        roles: of,
        default_roles,
        left_out,
    })
}

/// Asks, in a session that prints hashes so that they can be written again.
async fn ask<T: FromRow>(conn: &mut Conn, sql: String) -> PortResult<Vec<T>> {
    let asked = rows(conn, WHAT, sql).await;
    asked.map_err(|e| privilege(e, WHAT, "GRANT SELECT ON mysql.* TO …"))
}

/// All accounts and roles of the server.
pub(super) async fn roles(client: &Client, conn: &mut Conn) -> PortResult<Roles> {
    let mut roles = Roles::default();
    if client.config.is_mariadb() {
        let sql = "SELECT User, Host, is_role, default_role FROM mysql.user";
        let users: Vec<(String, String, String, String)> = ask(conn, sql.into()).await?;
        for (user, host, is_role, default) in users {
            let name = match is_role.as_str() {
                "Y" => Name::role(user),
                _ => Name::new(user, host),
            };
            if !default.is_empty() {
                roles.defaults.push((name.clone(), Name::role(default)));
            }
            roles.all.insert(name);
        }
        let sql = "SELECT User, Host, Role, Admin_option FROM mysql.roles_mapping";
        let edges: Vec<(String, String, String, String)> = ask(conn, sql.into()).await?;
        for (user, host, role, admin) in edges {
            let member = match host.is_empty() && roles.all.contains(&Name::role(user.as_str())) {
                true => Name::role(user),
                false => Name::new(user, host),
            };
            roles.edges.push((Name::role(role), member, admin == "Y"));
        }
        return Ok(roles);
    }
    let hex = "SET print_identified_with_as_hex=ON";
    run(conn, "have hashes printed as numbers", hex).await?;
    let users: Vec<(String, String)> =
        ask(conn, "SELECT User, Host FROM mysql.user".into()).await?;
    roles.all = users.into_iter().map(|(u, h)| Name::new(u, h)).collect();
    let sql =
        "SELECT FROM_USER, FROM_HOST, TO_USER, TO_HOST, WITH_ADMIN_OPTION FROM mysql.role_edges";
    let edges: Vec<(String, String, String, String, String)> = ask(conn, sql.into()).await?;
    let edge = |(role, at, member, host, admin): (String, String, String, String, String)| {
        (Name::new(role, at), Name::new(member, host), admin == "Y")
    };
    roles.edges = edges.into_iter().map(edge).collect();
    let sql = "SELECT USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles";
    let defaults: Vec<(String, String, String, String)> = ask(conn, sql.into()).await?;
    let pair = |(user, host, role, at)| (Name::new(user, host), Name::new(role, at));
    roles.defaults = defaults.into_iter().map(pair).collect();
    Ok(roles)
}

/// Who may use the protected databases, who is a member of a role that may, in
/// whose name something in them runs, and the roles of all these.
async fn chosen(client: &Client, conn: &mut Conn, roles: &Roles) -> PortResult<BTreeSet<Name>> {
    let mut chosen = direct(client, conn, roles).await?;
    spread(&mut chosen, &roles.edges, |(role, member, _)| {
        (role, member)
    });
    spread(&mut chosen, &roles.edges, |(role, member, _)| {
        (member, role)
    });
    let planb = client.config.user.as_str();
    chosen.retain(|name| roles.all.contains(name) && !name.is_reserved(planb));
    Ok(chosen)
}

/// Adds what is reached from `names` over any number of edges.
fn spread(
    names: &mut BTreeSet<Name>,
    edges: &[(Name, Name, bool)],
    way: impl Fn(&(Name, Name, bool)) -> (&Name, &Name),
) {
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

async fn direct(client: &Client, conn: &mut Conn, roles: &Roles) -> PortResult<BTreeSet<Name>> {
    let databases = &client.config.databases;
    let named = |user: String, host: String| {
        let role = Name::role(user.as_str());
        match host.is_empty() && roles.all.contains(&role) {
            true => role,
            false => Name::new(user, host),
        }
    };
    let mut found = BTreeSet::new();
    let any: Vec<String> = REACHING.iter().map(|p| format!("{p}_priv='Y'")).collect();
    let mut queries = vec![format!(
        "SELECT User, Host FROM mysql.user WHERE {}",
        any.join(" OR ")
    )];
    let list = literals(databases);
    for table in ["tables_priv", "columns_priv", "procs_priv"] {
        queries.push(format!(
            "SELECT User, Host FROM mysql.{table} WHERE Db IN ({list})"
        ));
    }
    for sql in queries {
        let users: Vec<(String, String)> = ask(conn, sql).await?;
        found.extend(users.into_iter().map(|(user, host)| named(user, host)));
    }
    let sql = "SELECT User, Host, Db FROM mysql.db".to_owned();
    let by_database: Vec<(String, String, String)> = ask(conn, sql).await?;
    for (user, host, pattern) in by_database {
        if databases.iter().any(|name| is_like(name, &pattern)) {
            found.insert(named(user, host));
        }
    }
    found.extend(definers::all(client, conn).await?);
    Ok(found)
}
