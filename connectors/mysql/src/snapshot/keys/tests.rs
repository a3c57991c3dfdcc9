//! Definitions as the servers print them.

use super::*;

fn split(create: &str) -> (String, Vec<String>, Vec<String>, Vec<String>) {
    let split = Split::of(create.as_bytes().to_vec());
    let texts = |list: &[Vec<u8>]| {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        list.iter().map(text).collect::<Vec<_>>()
    };
    (
        String::from_utf8_lossy(&split.table).into_owned(),
        texts(&split.keys),
        texts(&split.singles),
        texts(&split.links),
    )
}

#[test]
fn keys_and_links_are_taken_out_of_a_table_with_a_primary_key() {
    let (table, keys, singles, links) = split(
        "CREATE TABLE `t` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `k` int(11),\n  \
         `x` text DEFAULT 'a,\\n KEY `k`\\'',\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`k`),\n  \
         KEY `k` (`k`,`x`(10)) COMMENT 'it''s',\n  FULLTEXT KEY `f` (`x`),\n  \
         CONSTRAINT `c` CHECK (`k` > 0),\n  \
         CONSTRAINT `l` FOREIGN KEY (`k`) REFERENCES `p` (`id`) ON DELETE CASCADE\n\
         ) ENGINE=InnoDB COMMENT='x (\n)'\n PARTITION BY HASH (`id`)",
    );
    assert_eq!(
        table,
        "CREATE TABLE `t` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `k` int(11),\n  \
         `x` text DEFAULT 'a,\\n KEY `k`\\'',\n  PRIMARY KEY (`id`),\n  \
         CONSTRAINT `c` CHECK (`k` > 0)\n\
         ) ENGINE=InnoDB COMMENT='x (\n)'\n PARTITION BY HASH (`id`)"
    );
    assert_eq!(
        keys,
        [
            "UNIQUE KEY `u` (`k`)",
            "KEY `k` (`k`,`x`(10)) COMMENT 'it''s'"
        ]
    );
    assert_eq!(singles, ["FULLTEXT KEY `f` (`x`)"]);
    assert_eq!(
        links,
        ["CONSTRAINT `l` FOREIGN KEY (`k`) REFERENCES `p` (`id`) ON DELETE CASCADE"]
    );
}

#[test]
fn keys_stay_where_the_table_needs_them() {
    for create in [
        // Rows are kept by the unique key.
        "CREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  UNIQUE KEY `u` (`a`)\n) ENGINE=InnoDB",
        // Rows are numbered by another key than the primary one.
        "CREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  `n` int(11) NOT NULL AUTO_INCREMENT,\n  \
         PRIMARY KEY (`a`),\n  KEY `n` (`n`)\n) ENGINE=InnoDB",
        "CREATE TABLE `t` (\n  `a` text,\n  `i` int(11),\n  PRIMARY KEY (`i`),\n  \
         UNIQUE KEY `u` (`a`) USING HASH\n) ENGINE=InnoDB",
        "CREATE TABLE `t` (\n  `KEY ``a` int(11),\n  `CONSTRAINT ` int(11),\n  PRIMARY KEY (`KEY ``a`)\n)",
    ] {
        let (table, keys, singles, links) = split(create);
        assert_eq!(table, create);
        assert!(keys.is_empty() && singles.is_empty() && links.is_empty());
    }
}

#[test]
fn a_comment_is_not_a_counter() {
    let (_, keys, ..) = split(
        "CREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  `b` int(11) COMMENT 'AUTO_INCREMENT',\n  \
         PRIMARY KEY (`a`),\n  KEY `b` (`b`)\n) ENGINE=InnoDB",
    );
    assert_eq!(keys, ["KEY `b` (`b`)"]);
}

#[test]
fn names_with_line_ends_and_quotes_do_not_split() {
    let create = "CREATE TABLE `t(\n)` (\n  `a,\n  KEY ``b` int(11) NOT NULL,\n  PRIMARY KEY (`a,\n  KEY ``b`)\n) ENGINE=InnoDB";
    assert_eq!(split(create).0, create);
    let odd = "CREATE TABLE `t` LIKE `u`";
    assert_eq!(split(odd).0, odd);
}
