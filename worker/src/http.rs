//! The worker's own HTTP: metrics and health, for operators and orchestrators.

use std::{net::SocketAddr, sync::Arc};

use activities::context::Context;
use prometheus::{Encoder as _, Registry, TextEncoder};
use salvo::prelude::*;
use tokio_util::sync::CancellationToken;

struct State {
    registry: Registry,
    context: Arc<Context>,
    ready: CancellationToken,
}

/// Serves `/metrics`, `/health/live` and `/health/ready` until the process ends.
pub async fn serve(listen: SocketAddr, registry: Registry, context: Arc<Context>, ready: CancellationToken) {
    let state = Arc::new(State { registry, context, ready });
    let acceptor = match TcpListener::new(listen).try_bind().await {
        Ok(acceptor) => acceptor,
        Err(error) => {
            tracing::error!(%error, %listen, "METRICS_LISTEN cannot be bound; there are no metrics and no health.");
            return;
        }
    };
    let router = Router::new()
        .hoop(salvo::affix_state::inject(state))
        .push(Router::with_path("metrics").get(metrics))
        .push(Router::with_path("health/live").get(live))
        .push(Router::with_path("health/ready").get(readiness));
    Server::new(acceptor).serve(router).await;
}

#[handler]
async fn metrics(depot: &mut Depot, res: &mut Response) {
    let Ok(state) = depot.get_typed::<Arc<State>>() else {
        res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
        return;
    };
    let (encoder, mut text) = (TextEncoder::new(), Vec::new());
    if encoder.encode(&state.registry.gather(), &mut text).is_err() {
        res.status_code(StatusCode::INTERNAL_SERVER_ERROR);
        return;
    }
    res.render(Text::Plain(String::from_utf8_lossy(&text).into_owned()));
}

#[handler]
async fn live() -> &'static str {
    "ok"
}

#[handler]
async fn readiness(depot: &mut Depot, res: &mut Response) {
    let (temporal, database, hosted, bot) = match depot.get_typed::<Arc<State>>() {
        Ok(state) => {
            let database = store::ping(&state.context.pool).await.is_ok();
            (state.ready.is_cancelled(), database, state.context.hosts.len(), state.context.bot.describe())
        }
        Err(_) => (false, false, 0, String::new()),
    };
    if !(temporal && database) {
        res.status_code(StatusCode::SERVICE_UNAVAILABLE);
    }
    res.render(Json(serde_json::json!({
        "temporal": temporal,
        "database": database,
        "hosted_accounts": hosted,
        "bot": bot,
    })));
}
