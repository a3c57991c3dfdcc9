//! `planb edge`: an edge in a process of its own. It keeps serving its last
//! plan when the control plane is gone.

use crate::cli::EdgeArgs;
use crate::error::{CliResult, Exit};
use crate::output;
use planb_model::{Lang, Text};

pub async fn run(args: EdgeArgs, lang: Lang) -> CliResult<Exit> {
    let edge = planb_server::edge::start_alone(planb_server::edge::AloneOptions {
        service: args.service,
        listen: args.listen,
        admin: args.admin,
        token_file: args.token_file,
        state: args.state,
    })
    .await?;
    let listen = edge.url();
    let admin = edge
        .admin_address()
        .map_or_else(String::new, |address| format!("http://{address}"));
    let ready = Text::new(
        format!("edge serves at {listen}, admin API at {admin}"),
        format!("엣지 서비스 주소 {listen}, 관리 API {admin}"),
    );
    output::note(ready.get(lang));
    super::up::stopped().await;
    if !edge.shutdown().await {
        tracing::warn!("requests in flight were cut off");
    }
    Ok(Exit::Done)
}
