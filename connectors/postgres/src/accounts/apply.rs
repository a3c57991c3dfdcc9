//! Making the roles of a snapshot in this server. Definitions name owners, so
//! this comes before them.

use super::part::decode;
use super::{Role, privilege, read};
use crate::client::{Client, ident};
use crate::wire::Wire;
use planb_model::Text;
use planb_ports::{Accounts, AccountsReport, ErrorKind, PortResult};

/// Makes them.
pub(crate) async fn apply(
    client: &Client,
    file: &[u8],
    how: Accounts,
) -> PortResult<AccountsReport> {
    let (roles, doors) = decode(file)?;
    let mut wire = client.anywhere().await?;
    let edges = read::edges(&mut wire).await?;
    let mut report = AccountsReport::default();
    let mut open: Vec<(&Role, bool)> = Vec::new();
    for role in &roles {
        let now = read::role(client, &mut wire, &edges, &role.name).await?;
        let quoted = ident(&role.name);
        let statements = match &now {
            Some(now) if now == role => {
                report.unchanged.push(quoted);
                continue;
            }
            Some(_) if how != Accounts::Replace => {
                report.kept.push(quoted);
                continue;
            }
            Some(now) => change(now, role),
            None => role.make(),
        };
        match together(&mut wire, "make a role", &statements).await {
            Ok(()) => open.push((role, now.is_some())),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                return Err(privilege(e, "make roles"));
            }
            Err(e) => report.problems.push(Text::new(
                format!("{quoted} was not made: {}", e.chain()),
                format!("{quoted} 역할을 만들지 못했습니다: {}", e.chain()),
            )),
        }
    }
    for (role, replaces) in open {
        join(&mut wire, role, replaces, &mut report).await?;
    }
    for door in doors
        .iter()
        .filter(|d| client.config.databases.contains(&d.database))
    {
        for statement in &door.statements {
            if let Err(e) = wire.run("open a database", statement).await {
                report
                    .problems
                    .push(Text::same(format!("{statement}: {}", e.chain())));
            }
        }
    }
    Ok(report)
}

/// Makes a role that is there what it was at the source.
fn change(now: &Role, role: &Role) -> Vec<String> {
    let quoted = ident(&role.name);
    let mut statements = vec![role.alter(), format!("ALTER ROLE {quoted} RESET ALL")];
    statements.extend(role.settings.iter().cloned());
    let gone = now
        .memberships
        .iter()
        .filter(|m| !role.memberships.contains(m));
    for membership in gone {
        // `GRANT "r" TO "m" …`, as it was read here.
        if let Some((of, _)) = membership
            .strip_prefix("GRANT ")
            .and_then(|m| m.split_once(" TO "))
        {
            statements.push(format!("REVOKE {of} FROM {quoted}"));
        }
    }
    statements
}

/// Makes it a member of its roles; when that fails, a new one goes again.
async fn join(
    wire: &mut Wire,
    role: &Role,
    replaces: bool,
    report: &mut AccountsReport,
) -> PortResult<()> {
    let quoted = ident(&role.name);
    match together(wire, "make a role a member", &role.memberships).await {
        Ok(()) if replaces => report.replaced.push(quoted),
        Ok(()) => report.created.push(quoted),
        Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
        Err(e) => {
            report.problems.push(Text::new(
                format!("{quoted} could not be given its roles: {}", e.chain()),
                format!(
                    "{quoted} 역할에 소속 역할을 부여하지 못했습니다: {}",
                    e.chain()
                ),
            ));
            if !replaces {
                let sql = format!("DROP ROLE {quoted}");
                wire.run("take a role away again", &sql).await?;
            }
        }
    }
    Ok(())
}

/// Runs statements in one transaction: all of them or none.
async fn together(wire: &mut Wire, what: &str, statements: &[String]) -> PortResult<()> {
    if statements.is_empty() {
        return Ok(());
    }
    // Several statements in one message are one transaction.
    wire.run(what, &statements.join(";\n")).await
}
