//! `planb up`: runs the control plane until it is told to stop.

use super::read_plan;
use crate::cli::UpArgs;
use crate::error::{CliResult, Exit};
use crate::output;
use planb_model::{Lang, Text};
use planb_server::audit::AuditOptions;
use planb_server::runtime::{Runtime, RuntimeOptions};
use tokio_util::sync::CancellationToken;

pub async fn run(args: UpArgs, lang: Lang) -> CliResult<Exit> {
    let plans = read_plan(&args.plan, lang)?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone());
    let runtime = Runtime::open(RuntimeOptions {
        plans,
        state: args.plan.state.clone(),
        api_listen: args.listen,
        audit: AuditOptions {
            key: args.signing_key,
            checkpoint: args.audit_checkpoint,
            key_lost: args.audit_key_lost,
        },
        crash: crate::crash::from_environment(),
    })
    .await?;
    for notice in runtime.notices() {
        output::note(&format!("✗ {}", notice.get(lang)));
    }
    let address = runtime.api_url().to_owned();
    if args.json {
        output::json(&serde_json::json!({ "api": address, "pid": std::process::id() }))?;
    }
    let ready = Text::new(
        format!("control plane is up: {address} (Ctrl-C stops it; services keep running)"),
        format!("컨트롤 플레인 실행 중: {address} (Ctrl-C로 중지, 서비스는 계속 실행됩니다)"),
    );
    output::note(ready.get(lang));
    runtime.run(stop).await?;
    let done = Text::new(
        "control plane stopped; services keep running, nothing is protected now",
        "컨트롤 플레인이 중지되었습니다. 서비스는 계속 실행되지만 현재 보호되지 않습니다",
    );
    output::note(done.get(lang));
    Ok(Exit::Done)
}

/// Cancels `stop` on Ctrl-C or SIGTERM.
fn stop_on_signal(stop: CancellationToken) {
    tokio::spawn(async move {
        stopped().await;
        stop.cancel();
    });
}

/// Returns on Ctrl-C or SIGTERM.
pub async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "cannot listen for Ctrl-C");
            std::future::pending::<()>().await;
        }
    };
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            () = interrupted => {}
        },
        Err(error) => {
            tracing::warn!(%error, "cannot listen for SIGTERM");
            interrupted.await;
        }
    }
}
