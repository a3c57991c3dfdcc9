//! The script: protect, load, kill, watch it come back, compare, go home.

use super::console::Console;
use super::ledger::{Comparison, Ledger};
use super::load::Load;
use super::result::{Moved, assemble};
use super::service::Order;
use super::site::DemoSite;
use super::watch::{OutsideProbe, Stopwatch, http_client};
use super::{PRIMARY, SERVICE, STANDBY, Stage, plan_file};
use crate::cli::DemoArgs;
use crate::error::{CliError, CliResult, Exit};
use planb_engine::{Approval, Service, ServicePorts};
use planb_launch::port::free_port;
use planb_model::drill::DrillResult;
use planb_model::execution::{ExecutionState, StepState, Trigger};
use planb_model::runbook::RunbookKind;
use planb_model::status::{ExecutionHistory, ProtectionState, ServiceStatus};
use planb_model::{ServiceName, SiteName};
use planb_server::audit::AuditOptions;
use planb_server::runtime::{Runtime, RuntimeOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the service runs under load before its site is killed, in seconds.
const LOAD_BEFORE_FAULT_SECS: u64 = 4;
/// How long it runs at the new site before it goes home, in seconds.
const LOAD_BEFORE_FAILBACK_SECS: u64 = 3;
/// Longest wait for protection, a move or a fence, in seconds. Beyond it the
/// demo has failed and says where it stood.
const WAIT_SECS_MAX: u64 = 300;
/// Longest wait for all rows of a database, in seconds.
const EXPORT_TIMEOUT_SECS: u64 = 120;

/// What the acts of the script share.
struct Cast<'a> {
    service: Arc<Service>,
    ports: ServicePorts,
    ledger: Arc<Ledger>,
    probe: OutsideProbe,
    watch: Stopwatch,
    console: &'a Console,
}

/// Runs the whole script.
pub async fn run(
    stage: &mut Stage,
    args: &DemoArgs,
    watch: Stopwatch,
    console: &Console,
) -> CliResult<DrillResult> {
    let ledger = Arc::new(Ledger::new(stage.primary.preload(args.size_mb).await?));
    let edge_port = free_port().map_err(super::launch_failed)?;
    let edge = format!("http://127.0.0.1:{edge_port}");
    let plan = plan_file::write(stage, edge_port)?;
    let runtime = Runtime::open(RuntimeOptions {
        plans: vec![plan],
        state: stage.state_path(),
        api_listen: "127.0.0.1:0".to_owned(),
        audit: AuditOptions::default(),
        crash: crate::crash::from_environment(),
    })
    .await?;
    let name = ServiceName::new(SERVICE).map_err(internal)?;
    let (service, ports) = runtime.parts(&name)?;
    console.line(
        &format!("service at {edge}, control plane at {}", runtime.api_url()),
        &format!("서비스 {edge}, 컨트롤 플레인 {}", runtime.api_url()),
    );
    let stop = CancellationToken::new();
    let running = tokio::spawn(runtime.run(stop.clone()));
    let load = Load::start(&edge, args.rate, &ledger, watch);
    let cast = Cast {
        service,
        ports,
        ledger,
        probe: OutsideProbe::start(&edge, watch),
        watch,
        console,
    };
    let outcome = Box::pin(acts(&cast, stage, args)).await;
    load.stop().await;
    if !args.keep || outcome.is_err() {
        stop.cancel();
        match running.await {
            Ok(ended) => ended?,
            Err(error) => return Err(internal(error)),
        }
    }
    outcome
}

async fn acts(cast: &Cast<'_>, stage: &mut Stage, args: &DemoArgs) -> CliResult<DrillResult> {
    wait_protected(cast, PRIMARY).await?;
    show_load(cast, LOAD_BEFORE_FAULT_SECS).await?;
    let database_bytes = stage.primary.database_bytes();

    let onset = cast.watch.elapsed();
    let state = stage.state_path();
    stage.primary.kill(&state)?;
    cast.console.line(
        &format!("*** {PRIMARY} is killed: SIGKILL to all its processes, its disk is gone"),
        &format!("*** {PRIMARY} 사이트 강제 종료: 모든 프로세스에 SIGKILL, 디스크 사용 불가"),
    );
    let failover = follow(cast, RunbookKind::Failover).await?;
    let back_at = wait_until(cast, "an answer from the new site", |_| {
        cast.probe.first_good(STANDBY, onset)
    })
    .await?;
    let compared = compare(cast, &stage.standby, Some(PRIMARY), &[]).await?;
    tell_comparison(cast, &compared, STANDBY);

    stage.primary.power_on().await?;
    wait_fenced(cast).await?;
    wait_protected(cast, STANDBY).await?;
    show_load(cast, LOAD_BEFORE_FAILBACK_SECS).await?;
    let leave = cast.watch.elapsed();
    let failback = go_home(cast).await?;
    wait_until(cast, "an answer from home", |_| {
        cast.probe.first_good(PRIMARY, leave)
    })
    .await?;
    let home = compare(cast, &stage.primary, None, &compared.lost_ids).await?;
    tell_comparison(cast, &home, PRIMARY);
    assemble(Moved {
        watch: cast.watch,
        args,
        onset,
        back_at,
        leave,
        database_bytes,
        objectives: cast.ports.plan.objectives,
        failover,
        compared,
        failback,
        home,
        probe: &cast.probe,
    })
}

/// Waits until the status satisfies `found`, waking with every change of it.
async fn wait_until<T>(
    cast: &Cast<'_>,
    what: &str,
    mut found: impl FnMut(&ServiceStatus) -> Option<T>,
) -> CliResult<T> {
    let mut changes = cast.service.subscribe();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(WAIT_SECS_MAX);
    let mut looks = tokio::time::interval(Duration::from_millis(LOOK_INTERVAL_MS));
    loop {
        let status = cast.service.status();
        if let Some(value) = found(&status) {
            return Ok(value);
        }
        tokio::select! {
            changed = changes.changed() => changed.map_err(internal)?,
            _ = looks.tick() => {}
            () = tokio::time::sleep_until(deadline) => {
                let state = serde_json::to_string(&status).unwrap_or_default();
                return Err(CliError::new(
                    Exit::Failed,
                    "PB-DEMO-WAIT",
                    format!("waited {WAIT_SECS_MAX} s for {what}; status: {state}"),
                    format!("{WAIT_SECS_MAX}초 동안 기다렸지만 완료되지 않았습니다 ({what}); 상태: {state}"),
                ));
            }
        }
    }
}

/// Status changes wake a wait; this only bounds how late a probe's look is seen.
const LOOK_INTERVAL_MS: u64 = 50;

async fn wait_protected(cast: &Cast<'_>, site: &str) -> CliResult<()> {
    let rpo = wait_until(cast, "protection", |status| {
        let protection = &status.protection;
        let protected = protection.state == ProtectionState::Protected;
        let rpo = protection.rpo_secs.filter(|_| protected)?;
        (status.active.as_str() == site && status.execution.is_none()).then_some(rpo)
    })
    .await?;
    cast.console.line(
        &format!(
            "{site} is protected: snapshot taken, log shipping, canary read back; RPO {rpo:.2} s"
        ),
        &format!("{site} 보호 시작: 스냅샷 완료, 로그 전송 중, 카나리 확인, RPO {rpo:.2}초"),
    );
    Ok(())
}

/// Runs under load for `seconds`, telling the live RPO every second.
async fn show_load(cast: &Cast<'_>, seconds: u64) -> CliResult<()> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    for _ in 0..seconds {
        ticks.tick().await;
        let status = cast.service.status();
        let rpo = status
            .protection
            .rpo_secs
            .map_or_else(|| "–".to_owned(), |s| format!("{s:.2}"));
        let orders = cast.ledger.len();
        cast.console.line(
            &format!(
                "{} at {}: {orders} orders acknowledged, RPO {rpo} s",
                SERVICE, status.active
            ),
            &format!(
                "{} ({}): 접수 확인된 주문 {orders}건, RPO {rpo}초",
                SERVICE, status.active
            ),
        );
    }
    Ok(())
}

/// Follows the execution of `kind` to its end, telling each step.
async fn follow(cast: &Cast<'_>, kind: RunbookKind) -> CliResult<ExecutionHistory> {
    let id = wait_until(cast, "the verdict and its approval", |status| {
        let execution = status.execution.as_ref()?;
        let approved = execution.approved_by.is_some();
        (execution.execution.runbook.kind == kind && approved)
            .then(|| execution.execution.id.clone())
    })
    .await?;
    if let Trigger::Detector { why, .. } = trigger_of(cast, &id).await? {
        cast.console.line(
            &format!(
                "verdict DOWN: {}; approval: automatic (the plan's mode)",
                why.en
            ),
            &format!(
                "판정 DOWN: {}; 승인: 자동 (계획 파일의 failover 모드)",
                why.ko
            ),
        );
    }
    cast.console.live("moving the service", "서비스 이동 중");
    let ended = tokio::select! {
        ended = cast.service.wait(&id) => ended.map_err(engine_failed)?,
        // Ends only with the service itself.
        error = show_progress(cast) => return Err(error),
    };
    cast.console.progress_done();
    for step in &ended.execution.runbook.steps {
        let Some(seen) = ended.steps.get(&step.id) else {
            continue;
        };
        if let (Some(start), Some(end)) = (seen.started_at, seen.ended_at) {
            let took = end.duration_since(start).as_secs_f64();
            let line = format!("  {:<24} {took:6.3} s", step.id);
            cast.console.line(&line, &line);
        }
    }
    if ended.state == ExecutionState::Completed {
        cast.service
            .execution_history(&id)
            .await
            .map_err(engine_failed)
    } else {
        let errors: Vec<&str> = ended
            .steps
            .values()
            .filter_map(|s| s.error.as_deref())
            .collect();
        Err(CliError::new(
            Exit::Failed,
            "PB-DEMO-MOVE",
            format!(
                "the {kind} ended as {:?}: {}",
                ended.state,
                errors.join("; ")
            ),
            format!(
                "{kind} 실행이 {:?} 상태로 끝났습니다: {}",
                ended.state,
                errors.join("; ")
            ),
        ))
    }
}

/// Shows how many steps of the execution are completed, until it is dropped.
async fn show_progress(cast: &Cast<'_>) -> CliError {
    let mut changes = cast.service.subscribe();
    loop {
        if let Some(execution) = &cast.service.status().execution {
            let done = execution
                .steps
                .values()
                .filter(|s| s.state == StepState::Completed);
            let total = execution.execution.runbook.steps.len();
            cast.console.progress(done.count() as u64, total as u64);
        }
        if let Err(error) = changes.changed().await {
            return internal(error);
        }
    }
}

async fn trigger_of(cast: &Cast<'_>, id: &planb_model::ExecutionId) -> CliResult<Trigger> {
    let history = cast
        .service
        .execution_history(id)
        .await
        .map_err(engine_failed)?;
    Ok(history.status.execution.trigger)
}

/// The old primary came back with its old disk: it must find itself fenced.
async fn wait_fenced(cast: &Cast<'_>) -> CliResult<()> {
    let home = SiteName::new(PRIMARY).map_err(internal)?;
    let site = cast
        .ports
        .sites
        .get(&home)
        .ok_or_else(|| internal("the site is not connected"))?;
    let name = &cast.ports.plan.name;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(WAIT_SECS_MAX);
    let mut looks = tokio::time::interval(Duration::from_millis(LOOK_INTERVAL_MS));
    loop {
        looks.tick().await;
        let epoch = cast.service.status().epoch;
        match site.database.fence_state(name).await {
            Ok(fence) if fence.read_only && fence.epoch == Some(epoch) => break,
            Ok(_) | Err(_) if tokio::time::Instant::now() < deadline => {}
            outcome => {
                return Err(internal(format!("{PRIMARY} was not fenced: {outcome:?}")));
            }
        }
    }
    cast.console.line(
        &format!("{PRIMARY} is back with its old disk, and finds itself fenced: read-only"),
        &format!("{PRIMARY} 사이트가 이전 디스크로 복귀했으나 펜싱되어 읽기 전용 상태입니다"),
    );
    Ok(())
}

async fn go_home(cast: &Cast<'_>) -> CliResult<ExecutionHistory> {
    let runbook = cast
        .service
        .plan(RunbookKind::Failback, None)
        .await
        .map_err(engine_failed)?;
    let approval = Approval {
        by: "demo".to_owned(),
        hash: runbook.hash(),
    };
    let trigger = Trigger::Operator {
        who: "demo".to_owned(),
    };
    cast.console.line("failback begins", "페일백 시작");
    cast.service
        .start(RunbookKind::Failback, trigger, Some(approval), None)
        .await
        .map_err(engine_failed)?;
    follow(cast, RunbookKind::Failback).await
}

/// Reads every row at `site` and compares it with the ledger.
async fn compare(
    cast: &Cast<'_>,
    site: &DemoSite,
    acknowledged_by: Option<&str>,
    given_up: &[i64],
) -> CliResult<Comparison> {
    // What is acknowledged from here on may or may not be in the answer.
    let expected = cast.ledger.expected(acknowledged_by, given_up);
    let url = format!("{}/orders", site.origin());
    let read = async {
        let answer = http_client(Duration::from_secs(EXPORT_TIMEOUT_SECS))
            .get(&url)
            .send()
            .await?;
        answer.error_for_status()?.bytes().await
    };
    let body = read
        .await
        .map_err(|e| CliError::io("read all orders back", "모든 주문을 다시 읽기를", e))?;
    let rows: Vec<Order> = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .map_err(|e| CliError::io("understand the orders", "주문 데이터를 해석", e))?;
    Ok(cast.ledger.compare(rows, &expected))
}

fn tell_comparison(cast: &Cast<'_>, compared: &Comparison, site: &str) {
    let Comparison {
        expected,
        recovered,
        lost,
        ..
    } = compared;
    cast.console.line(
        &format!(
            "every row compared at {site}: {expected} acknowledged, {recovered} there, {lost} lost"
        ),
        &format!(
            "{site}에서 모든 행 비교: 접수 확인 {expected}건, 복구 {recovered}건, 손실 {lost}건"
        ),
    );
}

fn internal(error: impl std::fmt::Display) -> CliError {
    CliError::io("run the demo", "데모를 실행", error)
}

fn engine_failed(error: planb_engine::EngineError) -> CliError {
    CliError::from(error)
}
