//! The data: sysbench's tables, a table of mixed types, and how equal is proved.

use super::peers;
use super::server::{DATABASE, Server};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

const TABLES: u32 = 4;
/// Rows of the table of mixed types: an eighth of one sysbench table.
const MIXED_SHARE: u64 = 8;

/// Fills a MariaDB server.
pub fn fill(server: &Server, rows: u64) -> Result<()> {
    eprintln!("filling: 4 × {rows} rows");
    let (port, mixed) = (server.port, rows / MIXED_SHARE);
    peers::prepare(&format!(
        "sysbench oltp_write_only --db-driver=mysql --mysql-host=127.0.0.1 --mysql-port={port} \
         --mysql-user=root --mysql-db={DATABASE} --tables={TABLES} --table-size={rows} \
         --threads=2 prepare"
    ))?;
    server.sql(DATABASE, &mixed_types(mixed))?;
    // Steady figures need a server that has nothing left to write.
    server.sql("", "SET GLOBAL innodb_max_dirty_pages_pct=0")?;
    let dirty = "SELECT variable_value FROM information_schema.global_status \
                 WHERE variable_name='INNODB_BUFFER_POOL_PAGES_DIRTY'";
    for _ in 0..600 {
        let pages: u64 = server.sql("", dirty)?.parse()?;
        if pages < 100 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    server.sql("", "SET GLOBAL innodb_max_dirty_pages_pct=90")?;
    Ok(())
}

fn mixed_types(rows: u64) -> String {
    format!(
        "CREATE TABLE mixed (id BIGINT PRIMARY KEY AUTO_INCREMENT, big BIGINT UNSIGNED, \
         price DECIMAL(20,6), ratio DOUBLE, at DATETIME(6), seen TIMESTAMP NULL, day DATE, \
         kind ENUM('a','b','c'), flags SET('x','y'), bits BIT(12), doc JSON, raw VARBINARY(64), \
         name VARCHAR(80) COLLATE utf8mb4_unicode_ci, note TEXT, KEY by_name (name), KEY by_at (at)); \
         INSERT INTO mixed (big, price, ratio, at, seen, day, kind, flags, bits, doc, raw, name, note) \
         SELECT 18446744073709551615 - seq, seq/7, RAND(seq), '2026-01-01' + INTERVAL seq SECOND, \
         IF(seq % 5, '2026-01-02 03:04:05', NULL), '2026-01-01' + INTERVAL seq % 365 DAY, \
         ELT(1 + seq % 3, 'a', 'b', 'c'), 'x,y', seq % 4096, \
         JSON_OBJECT('n', seq, 't', MD5(seq)), UNHEX(SHA2(seq, 256)), \
         CONCAT('이름 ', MD5(seq)), REPEAT(MD5(seq), 3) FROM seq_1_to_{rows};"
    )
}

/// Fills a PostgreSQL server: sysbench's tables and a table of mixed types.
pub fn fill_postgres(server: &Server, rows: u64) -> Result<()> {
    eprintln!("filling: 4 × {rows} rows");
    let (port, mixed) = (server.port, rows / MIXED_SHARE);
    peers::prepare(&format!(
        "sysbench oltp_write_only --db-driver=pgsql --pgsql-host=127.0.0.1 --pgsql-port={port} \
         --pgsql-user=postgres --pgsql-db={DATABASE} --tables={TABLES} --table-size={rows} \
         --threads=2 prepare"
    ))?;
    server.sql(
        DATABASE,
        &format!(
            "CREATE TABLE mixed (id BIGSERIAL PRIMARY KEY, price NUMERIC(20,6), ratio FLOAT8, \
             at TIMESTAMP, seen TIMESTAMPTZ, day DATE, flag BOOLEAN, doc JSONB, raw BYTEA, \
             name TEXT, tags TEXT[]); \
             INSERT INTO mixed (price, ratio, at, seen, day, flag, doc, raw, name, tags) \
             SELECT i / 7.0, random(), '2026-01-01'::timestamp + i * interval '1 s', \
             CASE WHEN i % 5 = 0 THEN NULL ELSE '2026-01-02 03:04:05+09'::timestamptz END, \
             '2026-01-01'::date + i % 365, i % 2 = 0, jsonb_build_object('n', i, 't', md5(i::text)), \
             sha256(i::text::bytea), '이름 ' || md5(i::text), ARRAY[md5(i::text), 'x'] \
             FROM generate_series(1, {mixed}) i; \
             CREATE INDEX mixed_name ON mixed (name); CREATE INDEX mixed_at ON mixed (at)"
        ),
    )?;
    server.sql(DATABASE, "VACUUM ANALYZE")?;
    server.sql(DATABASE, "CHECKPOINT")?;
    Ok(())
}

/// Checksums of all user tables, for comparing two servers.
pub fn checksums(server: &Server) -> Result<String> {
    let list = format!(
        "SELECT GROUP_CONCAT('`',table_name,'`' ORDER BY table_name) FROM \
         information_schema.tables WHERE table_schema='{DATABASE}' AND table_type='BASE TABLE' \
         AND table_name NOT LIKE '%planb%'"
    );
    let tables = server.sql(DATABASE, &list)?;
    server.sql(DATABASE, &format!("CHECKSUM TABLE {tables} EXTENDED"))
}

/// Fails when the target does not hold what the source had.
pub fn must_equal(what: &str, expected: &str, target: &Server) -> Result<()> {
    let found = checksums(target)?;
    if found != expected {
        bail!("{what} restored other rows:\n{expected}\n{found}");
    }
    Ok(())
}

/// Bytes of everything below a folder.
pub fn bytes_below(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for file in crate::sh::files_below(folder, "")? {
        // What was staged may have its name by now.
        bytes += std::fs::metadata(file).map_or(0, |facts| facts.len());
    }
    Ok(bytes)
}

/// Log segments of a vault, in order.
pub fn segments(vault: &Path) -> Result<Vec<PathBuf>> {
    if !vault.exists() {
        return Ok(vec![]);
    }
    let mut files = crate::sh::files_below(vault, "")?;
    files.retain(|file| file.to_string_lossy().contains("/log/"));
    Ok(files)
}
