//! Global transaction identifiers: the state after each transaction.

use std::collections::BTreeMap;

/// The GTID state of a log. MariaDB: the last sequence number per domain.
/// MySQL: the set as the server gave it, which later transactions only add to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GtidState {
    /// By domain: server and sequence number.
    Mariadb(BTreeMap<u32, (u32, u64)>),
    /// A lower bound of the executed set.
    Mysql(Option<String>),
}

impl GtidState {
    /// Reads the state of a position.
    pub fn parse(mariadb: bool, text: Option<&str>) -> Self {
        if !mariadb {
            return GtidState::Mysql(text.map(str::to_owned));
        }
        let mut domains = BTreeMap::new();
        for gtid in text.unwrap_or("").split(',') {
            let mut parts = gtid.trim().split('-');
            let domain = parts.next().and_then(|t| t.parse().ok());
            let server = parts.next().and_then(|t| t.parse().ok());
            let sequence = parts.next().and_then(|t| t.parse().ok());
            if let (Some(domain), Some(server), Some(sequence)) = (domain, server, sequence) {
                domains.insert(domain, (server, sequence));
            }
        }
        GtidState::Mariadb(domains)
    }

    /// Adds the transaction that MariaDB's GTID event begins.
    pub fn add_mariadb(&mut self, server: u32, body: &[u8]) {
        let GtidState::Mariadb(domains) = self else {
            return;
        };
        let Some((sequence, domain)) = body
            .get(..8)
            .and_then(|s| s.try_into().ok())
            .map(u64::from_le_bytes)
            .zip(
                body.get(8..12)
                    .and_then(|d| d.try_into().ok())
                    .map(u32::from_le_bytes),
            )
        else {
            return;
        };
        domains.insert(domain, (server, sequence));
    }

    /// As text, for positions.
    pub fn text(&self) -> Option<String> {
        match self {
            GtidState::Mysql(set) => set.clone(),
            GtidState::Mariadb(domains) if domains.is_empty() => None,
            GtidState::Mariadb(domains) => {
                let gtids: Vec<String> = domains
                    .iter()
                    .map(|(domain, (server, sequence))| format!("{domain}-{server}-{sequence}"))
                    .collect();
                Some(gtids.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_moves_on_per_domain() {
        let mut state = GtidState::parse(true, Some("1-1-5,0-2-7"));
        let mut body = 8u64.to_le_bytes().to_vec();
        body.extend_from_slice(&0u32.to_le_bytes());
        state.add_mariadb(3, &body);
        assert_eq!(state.text().as_deref(), Some("0-3-8,1-1-5"));
        assert_eq!(GtidState::parse(true, None).text(), None);
    }
}
