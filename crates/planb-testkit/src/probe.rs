//! Fakes of probes: scripted ones, and ones that look at the other fakes.

use crate::{FakeDatabase, FakeTraffic, FakeWorkload, Link, fake_error, lock};
use async_trait::async_trait;
use planb_model::observation::ProbeKind;
use planb_model::traffic::TrafficMode;
use planb_model::{ServiceName, SiteName};
use planb_ports::probe::Seen;
use planb_ports::{ErrorKind, PortResult, Probe};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Answers in the order it was told, then the last answer for ever.
#[derive(Debug, Default)]
pub struct ScriptedProbe(Mutex<VecDeque<Result<Seen, ErrorKind>>>);

impl ScriptedProbe {
    /// With these answers; at least one.
    pub fn new(answers: impl IntoIterator<Item = Result<Seen, ErrorKind>>) -> Self {
        Self(Mutex::new(answers.into_iter().collect()))
    }

    /// Drops what was planned and plans `answer` for ever.
    pub fn set(&self, answer: Result<Seen, ErrorKind>) {
        *lock(&self.0) = VecDeque::from([answer]);
    }
}

#[async_trait]
impl Probe for ScriptedProbe {
    async fn look(&self) -> PortResult<Seen> {
        let mut answers = lock(&self.0);
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        match answer {
            Some(Ok(seen)) => Ok(seen),
            Some(Err(kind)) => Err(fake_error(kind, "the probe failed as planned")),
            None => Err(fake_error(ErrorKind::Internal, "the probe has no answers")),
        }
    }
}

/// Looks at one site the way `kind` says, over `link`.
#[derive(Debug, Clone)]
pub struct SiteProbe {
    /// Site that is named in the answer.
    pub site: SiteName,
    /// How it looks.
    pub kind: ProbeKind,
    /// The service there.
    pub workload: FakeWorkload,
    /// The database there.
    pub database: FakeDatabase,
    /// The way there.
    pub link: Link,
}

#[async_trait]
impl Probe for SiteProbe {
    async fn look(&self) -> PortResult<Seen> {
        let look = || {
            let well = match self.kind {
                ProbeKind::Http => self.workload.is_well(),
                ProbeKind::Tcp => self.workload.running().is_some(),
                ProbeKind::Sql => self.database.is_alive(),
            };
            if !well {
                return Err(fake_error(
                    ErrorKind::Unavailable,
                    "it does not answer well",
                ));
            }
            Ok(Seen {
                site: Some(self.site.clone()),
                status: (self.kind == ProbeKind::Http).then_some(200),
            })
        };
        self.link.call("probe", look).await
    }
}

/// Asks the edge as a client would.
#[derive(Debug, Clone)]
pub struct OutsideProbe {
    /// The service asked for.
    pub service: ServiceName,
    /// The edge.
    pub edge: FakeTraffic,
    /// What stands behind each origin, and the edge's way to it.
    pub sites: Vec<(SiteName, FakeWorkload, Link)>,
    /// The way to the edge.
    pub link: Link,
}

impl OutsideProbe {
    /// The site that answers well now, found as the edge finds it.
    pub fn answering(&self) -> Option<SiteName> {
        let plan = self.edge.serving(&self.service)?;
        let TrafficMode::Serve { origins } = plan.mode else {
            return None;
        };
        let well = |site: &SiteName| {
            let found = self.sites.iter().find(|(name, _, _)| name == site);
            found.is_some_and(|(_, workload, link)| link.is_up() && workload.is_well())
        };
        origins.into_iter().map(|o| o.site).find(well)
    }
}

#[async_trait]
impl Probe for OutsideProbe {
    async fn look(&self) -> PortResult<Seen> {
        let look = || match self.answering() {
            Some(site) => Ok(Seen {
                site: Some(site),
                status: Some(200),
            }),
            None => Err(fake_error(ErrorKind::Unavailable, "the edge answers 503")),
        };
        self.link.call("outside", look).await
    }
}

/// Looks at something that is always well: tells only whether `0` carries calls.
#[derive(Debug, Clone)]
pub struct LinkProbe(pub Link);

#[async_trait]
impl Probe for LinkProbe {
    async fn look(&self) -> PortResult<Seen> {
        self.0.call("uplink", || Ok(Seen::default())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimClock;
    use planb_model::Epoch;
    use planb_ports::Workload;

    #[tokio::test]
    async fn a_script_ends_with_its_last_answer() {
        let probe = ScriptedProbe::new([Ok(Seen::default()), Err(ErrorKind::Timeout)]);
        assert!(probe.look().await.is_ok());
        for _ in 0..3 {
            let error = probe.look().await.expect_err("planned");
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
    }

    #[tokio::test]
    async fn each_kind_sees_its_own_part_of_a_site() {
        let database = FakeDatabase::new("seoul", SimClock::at_new_year());
        let workload = FakeWorkload::new(&database);
        let look = async |kind| {
            let probe = SiteProbe {
                site: SiteName::new("seoul").expect("a name"),
                kind,
                workload: workload.clone(),
                database: database.clone(),
                link: Link::direct(),
            };
            probe.look().await.is_ok()
        };
        assert!(!look(ProbeKind::Tcp).await && look(ProbeKind::Sql).await);
        workload.start(Epoch(1)).await.expect("starts");
        assert!(look(ProbeKind::Http).await && look(ProbeKind::Tcp).await);
        database.kill();
        assert!(!look(ProbeKind::Http).await && look(ProbeKind::Tcp).await);
        assert!(!look(ProbeKind::Sql).await);
    }
}
