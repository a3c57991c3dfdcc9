//! Turns a checked document into the plan the rest of PlanB works with.

use super::raw::{
    RawCommand, RawDatabase, RawDocument, RawEdge, RawHealth, RawRetention, RawRole, RawSecret,
    RawSite, RawVault, RawWorkload,
};
use super::scalar::DatabaseUrl;
use super::{
    CommandLine, DataPlan, DatabaseAddress, EdgeSettings, FailoverPlan, Grade, HealthPlan,
    Objectives, Observer, ServicePlan, Site, TrafficSettings, VaultAddress, VerificationPlan,
    Workload,
};
use crate::recovery::RetentionPolicy;
use crate::{SecretRef, ServiceName, SiteName};
use std::time::Duration;

const STOP_GRACE: Duration = Duration::from_secs(10);

/// The plan of a document; `None` when a check has been forgotten.
pub(super) fn service(raw: RawDocument) -> Option<ServicePlan> {
    let spec = raw.spec;
    let (mut primary, mut standby) = (None, None);
    for raw in spec.sites {
        let place = match raw.role {
            RawRole::Primary => &mut primary,
            RawRole::Standby => &mut standby,
        };
        *place = Some(site(raw)?);
    }
    Some(ServicePlan {
        name: ServiceName::new(raw.metadata.name.0).ok()?,
        grade: Grade(spec.grade),
        objectives: Objectives {
            rto: spec.objectives.rto.0,
            rpo: spec.objectives.rpo.0,
        },
        strategy: spec.strategy,
        primary: primary?,
        standby: standby?,
        data: DataPlan {
            vault: vault(spec.data.vault)?,
            flush_interval: spec.data.flush.interval.0,
            flush_bytes: spec.data.flush.size.0,
            snapshot_interval: spec.data.snapshot_interval.0,
            canary_interval: spec.data.canary_interval.0,
            retention: spec.data.retention.map(retention),
            users: spec.data.users,
            verification: spec.data.verification.enabled.then_some(VerificationPlan {
                interval: spec.data.verification.interval.0,
            }),
            spool_bytes_max: spec.data.spool.size.0,
        },
        health: health(spec.health),
        traffic: TrafficSettings {
            edge: edge(spec.traffic.edge)?,
            retry_after: spec.traffic.retry_after.0,
        },
        failover: FailoverPlan {
            mode: spec.failover.mode,
        },
    })
}

fn site(raw: RawSite) -> Option<Site> {
    Some(Site {
        name: SiteName::new(raw.name.0).ok()?,
        database: database(raw.database)?,
        workload: workload(raw.workload)?,
        health_url: raw.health.0,
        origin: raw.origin.0,
    })
}

fn database(raw: RawDatabase) -> Option<DatabaseAddress> {
    Some(match raw.url.0 {
        DatabaseUrl::Sqlite(path) => DatabaseAddress::Sqlite { path },
        DatabaseUrl::Server {
            engine,
            host,
            port,
            user,
            database,
            postgresql,
            files,
        } => DatabaseAddress::Server {
            engine,
            host,
            port,
            user,
            password: optional_secret(raw.password)?,
            databases: match raw.databases {
                Some(names) => names.into_iter().map(|n| n.0).collect(),
                None => vec![database?],
            },
            tls_ca: raw.tls.map(|tls| tls.ca.0.into()),
            postgresql,
            files,
        },
    })
}

fn workload(raw: RawWorkload) -> Option<Workload> {
    match (raw.start, raw.observe) {
        (Some(start), None) => Some(Workload::Managed {
            start: command(start),
            stop: raw.stop.map(command),
            stop_grace: raw.stop_grace.map_or(STOP_GRACE, |g| g.0),
        }),
        (None, Some(observe)) => Some(Workload::Observed {
            start: observe.hooks.start.map(command),
            stop: observe.hooks.stop.map(command),
            fence: observe.hooks.fence.map(command),
        }),
        _ => None,
    }
}

fn command(raw: RawCommand) -> CommandLine {
    CommandLine {
        argv: raw.command,
        directory: raw.directory.map(|d| d.0.into()),
        env: raw.env,
        log: raw.log.map(|l| l.0.into()),
        timeout: raw.timeout.0,
    }
}

fn retention(raw: RawRetention) -> RetentionPolicy {
    RetentionPolicy {
        keep_last: raw.keep_last,
        keep_for: raw.keep_for.0,
        daily: raw.daily,
        weekly: raw.weekly,
        monthly: raw.monthly,
        yearly: raw.yearly,
        immutable_for: raw.immutable_for.map_or(Duration::ZERO, |d| d.0),
    }
}

fn vault(raw: RawVault) -> Option<VaultAddress> {
    let (recipients, identity) = match raw.encryption {
        Some(encryption) => (
            encryption.recipients.into_iter().map(|r| r.0).collect(),
            Some(secret(encryption.identity)?),
        ),
        None => (Vec::new(), None),
    };
    let (signing_key, trusted_signers) = match raw.signing {
        Some(signing) => (
            Some(secret(signing.key)?),
            signing.trusted.into_iter().map(|s| s.0).collect(),
        ),
        None => (None, Vec::new()),
    };
    Some(VaultAddress {
        url: raw.url.0,
        options: raw.options.into_iter().map(|(k, v)| (k, v.0)).collect(),
        secret_options: raw
            .secret_options
            .into_iter()
            .map(|(k, v)| Some((k, secret(v)?)))
            .collect::<Option<_>>()?,
        recipients,
        identity,
        signing_key,
        trusted_signers,
    })
}

fn health(raw: RawHealth) -> HealthPlan {
    HealthPlan {
        interval: raw.interval.0,
        timeout: raw.timeout.0,
        failures: raw.failures,
        recoveries: raw.recoveries,
        observers: raw
            .observers
            .into_iter()
            .map(|o| Observer {
                name: o.name.0,
                probes: o.probes,
                canary: o.canary.map(|c| c.0),
            })
            .collect(),
        shed_quorum: raw.shed_quorum,
        promote_quorum: raw.promote_quorum,
    }
}

fn edge(raw: RawEdge) -> Option<EdgeSettings> {
    match (raw.listen, raw.admin, raw.public) {
        (Some(listen), None, None) => Some(EdgeSettings::Embedded { listen: listen.0 }),
        (None, Some(admin), Some(public)) => Some(EdgeSettings::Remote {
            admin: admin.0,
            token: optional_secret(raw.token)?,
            public: public.0,
        }),
        _ => None,
    }
}

fn secret(raw: RawSecret) -> Option<SecretRef> {
    match (raw.env, raw.file) {
        (Some(env), None) => Some(SecretRef::Env(env.0)),
        (None, Some(file)) => Some(SecretRef::File(file.0.into())),
        _ => None,
    }
}

/// `Some(None)` when there is none, `None` when there is a bad one.
fn optional_secret(raw: Option<RawSecret>) -> Option<Option<SecretRef>> {
    match raw {
        Some(raw) => secret(raw).map(Some),
        None => Some(None),
    }
}
