//! A request and the origins of a plan: which is asked, and when the next one.

use crate::desk::ActivePlan;
use crate::origin::{OriginSite, order};
use crate::page::Notice;
use crate::pool::Sender;
use crate::send::{Outgoing, SendError};
use crate::serve::Context;
use hyper::Response;
use hyper::body::Incoming;
use planb_model::SiteName;

/// A response, and what it came from.
pub(crate) struct Answer {
    pub(crate) site: SiteName,
    pub(crate) response: Response<Incoming>,
}

/// Why one origin gave no response.
enum Attempt {
    /// It did not connect; nothing was sent.
    NoConnection,
    /// See [`SendError`].
    Failed(SendError),
}

/// Asks the origins of `active` in order. The notice says what is known of a
/// request that got no response.
pub(crate) async fn forward(
    cx: &Context,
    active: &ActivePlan,
    request: &mut Outgoing,
) -> Result<Answer, Notice> {
    for (tried, origin) in order(&active.origins, cx.clock.monotonic())
        .into_iter()
        .enumerate()
    {
        if tried > 0 {
            cx.metrics.next_origin.add();
        }
        let failed = match attempt(cx, origin, request).await {
            Ok(response) => {
                let site = origin.site.clone();
                return Ok(Answer { site, response });
            }
            Err(failed) => failed,
        };
        match failed {
            Attempt::Failed(SendError::TimedOut) => return Err(Notice::TimedOut),
            Attempt::Failed(SendError::Client) => return Err(Notice::ClientSilent),
            // Tried again only when that is harmless, whatever became of the first try.
            _ if !request.may_try_next() => break,
            _ => {}
        }
    }
    if request.may_have_acted {
        Err(Notice::Lost)
    } else {
        // Certainly not processed: the client is told when to try again.
        Err(Notice::Maintenance {
            retry_after_secs: active.plan.retry_after_secs,
        })
    }
}

/// Asks one origin, on a kept connection if there is one, else on a new one.
async fn attempt(
    cx: &Context,
    origin: &OriginSite,
    request: &mut Outgoing,
) -> Result<Response<Incoming>, Attempt> {
    if let Some(kept) = cx.pool.take(origin) {
        match send(cx, origin, kept, request).await {
            // The origin closed it while it was idle. Not its fault.
            Err(SendError::Unsent) => cx.metrics.stale_connections.add(),
            Err(SendError::Lost) if request.may_try_next() => cx.metrics.stale_connections.add(),
            other => return other.map_err(Attempt::Failed),
        }
    }
    match cx.pool.connect(origin).await {
        Ok(fresh) => {
            origin.connected();
            let sent = send(cx, origin, fresh, request).await;
            sent.map_err(Attempt::Failed)
        }
        Err(error) => {
            cx.metrics.connect_failures.add();
            origin.failed(&cx.limits, cx.clock.monotonic());
            tracing::debug!(site = %origin.site, %error, "an origin does not connect");
            Err(Attempt::NoConnection)
        }
    }
}

async fn send(
    cx: &Context,
    origin: &OriginSite,
    mut sender: Sender,
    request: &mut Outgoing,
) -> Result<Response<Incoming>, SendError> {
    let host = &origin.authority;
    let response = request
        .send(&mut sender, host, cx.clock.as_ref(), &cx.limits)
        .await?;
    cx.pool.keep(origin, sender);
    Ok(response)
}
