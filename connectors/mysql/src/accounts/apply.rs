//! Making the accounts of a snapshot in this server.

use super::part::{Phase, decode};
use super::read::{self, Roles};
use super::{Account, privilege};
use crate::client::Client;
use crate::error::cannot;
use crate::restore::unlogged;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};
use planb_model::Text;
use planb_ports::{Accounts, AccountsReport, ErrorKind, PortError, PortResult};

/// What a server says when the table or routine of a privilege is not there.
const NO_OBJECT: [u16; 3] = [1146, 1305, 1147];
/// What it says when it does not know how an account logs in.
const NO_PLUGIN: u16 = 1524;

/// Makes them.
pub(crate) async fn apply(
    client: &Client,
    file: &[u8],
    how: Accounts,
) -> PortResult<AccountsReport> {
    let (engine, accounts) = decode(file)?;
    if engine != client.config.engine {
        return Err(other_engine(&format!(
            "the users are of {engine}, the target is {}",
            client.config.engine
        )));
    }
    let mut conn = client.connect().await?;
    unlogged(client, &mut conn).await?;
    let roles = read::roles(client, &mut conn).await?;
    let mut making = Making {
        client,
        conn,
        roles,
        report: AccountsReport::default(),
        open: Vec::new(),
    };
    for account in accounts {
        making.begin(account, how).await?;
    }
    making.finish().await
}

fn other_engine(message: &str) -> PortError {
    PortError::new(ErrorKind::Unsupported, "PB-MYSQL-OTHER-ENGINE", message).hint(
        "MariaDB and MySQL write accounts and hash passwords each in their own way; make the users by hand",
        "MariaDB와 MySQL은 계정 정의와 비밀번호 해시 방식이 서로 다릅니다. 사용자를 직접 만드세요",
    )
}

/// An account that is being made.
struct Open {
    account: Account,
    /// It was there before.
    replaces: bool,
    failed: bool,
}

struct Making<'a> {
    client: &'a Client,
    conn: Conn,
    roles: Roles,
    report: AccountsReport,
    open: Vec<Open>,
}

impl Making<'_> {
    /// Makes the account, without privileges, unless it is there.
    async fn begin(&mut self, account: Account, how: Accounts) -> PortResult<()> {
        let name = account.name.quoted();
        if account.left_out > 0 {
            let count = account.left_out;
            self.report.notes.push(Text::new(
                format!("{name}: {count} privileges elsewhere were not stored"),
                format!("{name}: 다른 데이터베이스에 대한 권한 {count}건은 저장되지 않았습니다"),
            ));
        }
        let there = self.roles.all.contains(&account.name);
        if there {
            let (client, roles) = (self.client, &self.roles);
            let now = read::account(client, &mut self.conn, roles, account.name.clone()).await?;
            if same(&now, &account) {
                self.report.unchanged.push(name);
                return Ok(());
            }
            if how != Accounts::Replace {
                self.report.kept.push(name);
                return Ok(());
            }
            if !self.clear(&now, &account).await? {
                return Ok(());
            }
        } else if let Err(error) = self.run(&account.create).await {
            return self.refused(&account, error);
        }
        self.open.push(Open {
            account,
            replaces: there,
            failed: false,
        });
        Ok(())
    }

    /// Gives an account that is there its new definition, and no privileges.
    async fn clear(&mut self, now: &Account, wanted: &Account) -> PortResult<bool> {
        let name = now.name.quoted();
        let mut statements = Vec::new();
        if let Some(rest) = wanted.create.strip_prefix("CREATE USER ") {
            statements.push(format!("ALTER USER {rest}"));
        }
        if !now.default_roles.is_empty() {
            let word = if self.client.config.is_mariadb() {
                "FOR"
            } else {
                "TO"
            };
            statements.push(format!("SET DEFAULT ROLE NONE {word} {name}"));
        }
        for (role, _) in &now.roles {
            statements.push(format!("REVOKE {} FROM {name}", role.quoted()));
        }
        statements.push(format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {name}"));
        for statement in statements {
            if let Err(error) = self.run(&statement).await {
                self.refused(wanted, error)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells why an account could not be made.
    fn refused(&mut self, account: &Account, error: Error) -> PortResult<()> {
        let name = account.name.quoted();
        if let Error::Server(server) = &error
            && server.code == NO_PLUGIN
        {
            self.report.problems.push(no_plugin(&name, &server.message));
            return Ok(());
        }
        let error = cannot(format!("make user {name}"))(error);
        if error.kind() == ErrorKind::PermissionDenied {
            // It will be the same with every other one.
            return Err(privilege(
                error,
                "make users",
                "GRANT CREATE USER ON *.* TO …",
            ));
        }
        self.report.problems.push(Text::same(error.chain()));
        Ok(())
    }

    /// Gives privileges and roles, and takes away who could not be given all.
    async fn finish(mut self) -> PortResult<AccountsReport> {
        let mut open = std::mem::take(&mut self.open);
        let mariadb = self.client.config.is_mariadb();
        for phase in [Phase::Privileges, Phase::Roles, Phase::DefaultRoles] {
            for one in open.iter_mut().filter(|one| !one.failed) {
                for statement in one.account.statements(phase, mariadb) {
                    if !self.give(&one.account, &statement, one.replaces).await? {
                        one.failed = true;
                        break;
                    }
                }
            }
        }
        for Open {
            account,
            replaces,
            failed,
        } in open
        {
            let name = account.name.quoted();
            match (failed, replaces) {
                (false, true) => self.report.replaced.push(name),
                (false, false) => self.report.created.push(name),
                (true, true) => {}
                (true, false) => {
                    let what = if account.name.role { "ROLE" } else { "USER" };
                    let gone = self.run(&format!("DROP {what} {name}")).await;
                    gone.map_err(cannot(format!("take user {name} away again")))?;
                }
            }
        }
        Ok(self.report)
    }

    /// Runs a `GRANT`; whether the account can stay.
    async fn give(&mut self, account: &Account, sql: &str, replaces: bool) -> PortResult<bool> {
        let Err(error) = self.run(sql).await else {
            return Ok(true);
        };
        let gone = matches!(&error, Error::Server(e) if NO_OBJECT.contains(&e.code));
        let name = account.name.quoted();
        let error = cannot(format!("give {name} a privilege"))(error);
        if error.kind() == ErrorKind::Unavailable {
            return Err(error);
        }
        let chain = error.chain();
        if gone {
            self.report.notes.push(Text::new(
                format!("left out, what it is about is not there: {sql}"),
                format!("권한의 대상이 없어 제외했습니다: {sql}"),
            ));
            return Ok(true);
        }
        self.report.problems.push(if replaces {
            Text::new(
                format!("{name} has been changed in part: {sql}: {chain}"),
                format!("{name} 계정이 일부만 변경되었습니다: {sql}: {chain}"),
            )
        } else {
            Text::new(
                format!("{name} was not made, because not everything could be given to it: {sql}: {chain}"),
                format!("{name} 계정은 모든 권한을 부여할 수 없어 만들지 않았습니다: {sql}: {chain}"),
            )
        });
        Ok(false)
    }

    async fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.conn.query_drop(sql).await
    }
}

fn same(a: &Account, b: &Account) -> bool {
    (&a.create, &a.grants, &a.roles, &a.default_roles)
        == (&b.create, &b.grants, &b.roles, &b.default_roles)
}

/// The server does not know how the account logs in.
fn no_plugin(name: &str, said: &str) -> Text {
    let plugin = said.split('\'').nth(1).unwrap_or(said);
    let (en, ko) = match plugin {
        "mysql_native_password" => (
            "MySQL 9 has it no more, and 8.4 has it off: give the user a new password",
            "MySQL 9에는 없고 8.4에서는 기본으로 꺼져 있습니다. 사용자에게 새 비밀번호를 지정하세요",
        ),
        "ed25519" | "parsec" => (
            "install it: INSTALL SONAME 'auth_ed25519' (or 'auth_parsec')",
            "설치하세요: INSTALL SONAME 'auth_ed25519' (또는 'auth_parsec')",
        ),
        _ => (
            "install it as on the source, or make the user by hand",
            "원본 서버와 같이 설치하거나 사용자를 직접 만드세요",
        ),
    };
    Text::new(
        format!(
            "{name} was not made: it logs in by {plugin}, which this server does not have; {en}"
        ),
        format!(
            "{name} 계정을 만들지 않았습니다. 이 서버에 인증 플러그인 {plugin}이(가) 없습니다. {ko}"
        ),
    )
}
