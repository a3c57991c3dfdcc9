//! Connections handed over to another protocol (WebSocket): bytes both ways.

use crate::desk::ActivePlan;
use crate::serve::{Client, Context};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use planb_model::SiteName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::sync::watch;

/// How long a tunnel to a site outlives the plan that sent it there: requests
/// in flight end well, but nobody stays connected to a fenced site.
const TUNNEL_GRACE: Duration = Duration::from_secs(10);

/// Connects both ends once their connections are handed over. The client's
/// place among the connections is held until the tunnel ends.
pub(crate) fn open(
    cx: &Arc<Context>,
    client: Client,
    site: SiteName,
    to_client: OnUpgrade,
    to_origin: OnUpgrade,
) {
    let mut plans = cx.desk.watch();
    let (cx, tasks) = (cx.clone(), cx.tasks.clone());
    tasks.spawn(async move {
        let _place = client;
        let copy = async {
            let (client, origin) = tokio::try_join!(to_client, to_origin)?;
            let (mut client, mut origin) = (TokioIo::new(client), TokioIo::new(origin));
            let copied = copy_bidirectional(&mut client, &mut origin).await;
            Ok::<_, hyper::Error>(copied)
        };
        let sent_away = async {
            left(&mut plans, &site).await;
            cx.clock.sleep(TUNNEL_GRACE).await;
        };
        tokio::select! {
            ended = copy => tracing::debug!(?ended, %site, "a tunnel ended"),
            () = sent_away => tracing::debug!(%site, "a tunnel was closed: its site has left the plan"),
            () = cx.stop.cancelled() => {}
        }
    });
}

/// Returns when the plan no longer names `site`.
async fn left(plans: &mut watch::Receiver<Option<Arc<ActivePlan>>>, site: &SiteName) {
    let is_gone = |active: &Option<Arc<ActivePlan>>| {
        let mut origins = active.iter().flat_map(|a| &a.origins);
        !origins.any(|origin| &origin.site == site)
    };
    if plans.wait_for(is_gone).await.is_err() {
        tracing::debug!("the edge is gone");
    }
}
