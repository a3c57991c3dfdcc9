//! The session a logged statement ran under, set again before it runs.

use crate::binlog::query::Query;
use crate::client::literal;

/// `OPTION_AUTO_IS_NULL`
const AUTO_IS_NULL: u32 = 0x4000;
/// `OPTION_NO_FOREIGN_KEY_CHECKS`
const NO_FOREIGN_KEY_CHECKS: u32 = 0x0400_0000;
/// `OPTION_RELAXED_UNIQUE_CHECKS`
const NO_UNIQUE_CHECKS: u32 = 0x0800_0000;

/// The SET statement for `query`. Settings that were not logged stay as
/// [`crate::client::Client::session`] sets them.
pub(super) fn settings(query: &Query<'_>) -> String {
    let session = &query.session;
    let micros = session.microseconds.unwrap_or(0);
    let mut set = vec![format!("timestamp={}.{micros:06}", query.timestamp)];
    if let Some(flags) = session.flags {
        let on = |bit: u32| u8::from(flags & bit != 0);
        set.push(format!("sql_auto_is_null={}", on(AUTO_IS_NULL)));
        set.push(format!(
            "foreign_key_checks={}",
            1 - on(NO_FOREIGN_KEY_CHECKS)
        ));
        set.push(format!("unique_checks={}", 1 - on(NO_UNIQUE_CHECKS)));
    }
    if let Some(mode) = session.sql_mode {
        set.push(format!("sql_mode={mode}"));
    }
    if let Some((increment, offset)) = session.auto_increment {
        set.push(format!(
            "auto_increment_increment={increment}, auto_increment_offset={offset}"
        ));
    }
    if let Some((client, connection, server)) = session.charset {
        set.push(format!(
            "character_set_client={client}, collation_connection={connection}, \
             collation_server={server}"
        ));
    }
    if let Some(collation) = session.charset_database {
        set.push(format!("collation_database={collation}"));
    }
    if let Some(collation) = session.utf8mb4_collation {
        set.push(format!("default_collation_for_utf8mb4={collation}"));
    }
    if let Some(zone) = &session.time_zone {
        set.push(format!(
            "time_zone={}",
            literal(&String::from_utf8_lossy(zone))
        ));
    }
    if let Some(names) = session.lc_time_names {
        set.push(format!("lc_time_names={names}"));
    }
    format!("SET {}", set.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::query::Session;

    #[test]
    fn the_session_is_set_as_it_was() {
        let query = Query {
            timestamp: 1_700_000_000,
            session: Session {
                flags: Some(NO_FOREIGN_KEY_CHECKS),
                sql_mode: Some(4),
                charset: Some((33, 45, 8)),
                time_zone: Some(b"Asia/Seoul".as_slice().into()),
                microseconds: Some(42),
                ..Session::default()
            },
            ..Query::default()
        };
        assert_eq!(
            settings(&query),
            "SET timestamp=1700000000.000042, sql_auto_is_null=0, foreign_key_checks=0, \
             unique_checks=1, sql_mode=4, character_set_client=33, collation_connection=45, \
             collation_server=8, time_zone='Asia/Seoul'"
        );
    }
}
