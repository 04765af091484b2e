//! Sends notifications, again and again until they are answered well.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinSet};

use super::{Ipn, Sequence, State};
use crate::nowpayments::{clock::any_below, server::Sandbox};

/// Whoever is told must have answered by then.
const PATIENCE: Duration = Duration::from_secs(3);

/// Notifications of one act.
pub type Batch = Vec<Ipn>;

/// Sends what comes until nothing can come any more. What is still to be sent when this is dropped is lost.
pub async fn deliver(sandbox: Arc<Sandbox>, mut batches: UnboundedReceiver<Batch>) -> std::io::Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(std::io::Error::other)?;
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            batch = batches.recv() => match batch {
                Some(batch) => drop(under_way.spawn(send(Arc::clone(&sandbox), http.clone(), batch))),
                None => return Ok(()),
            },
            Some(_sent) = under_way.join_next() => {}
        }
    }
}

async fn send(sandbox: Arc<Sandbox>, http: reqwest::Client, mut batch: Batch) {
    let order = batch.first().map_or(Sequence::InOrder, |ipn| ipn.delivery.order);
    if order == Sequence::Reversed {
        batch.reverse();
    }
    let (sandbox, http) = (&*sandbox, &http);
    let late = batch.iter().any(|ipn| ipn.delivery.late_ms_max > 0);
    let mut left = if late || order == Sequence::Together {
        let sent =
            join_all(batch.into_iter().map(|ipn| async move { once(sandbox, http, &ipn, 0).await.then_some(ipn) }));
        sent.await.into_iter().flatten().collect()
    } else {
        let mut left = Vec::new();
        for ipn in batch {
            if once(sandbox, http, &ipn, 0).await {
                left.push(ipn);
            }
        }
        left
    };
    for attempt in 1.. {
        let Some(pause) = left.iter().map(|ipn| ipn.delivery.pause_ms).max() else { return };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let again = left.into_iter().map(|ipn| async move { once(sandbox, http, &ipn, attempt).await.then_some(ipn) });
        left = join_all(again).await.into_iter().flatten().collect();
    }
}

/// Sends each copy once; true when it is to go again.
async fn once(sandbox: &Sandbox, http: &reqwest::Client, ipn: &Ipn, attempt: u32) -> bool {
    if attempt == 0 && ipn.delivery.late_ms_max > 0 {
        tokio::time::sleep(Duration::from_millis(any_below(ipn.delivery.late_ms_max + 1))).await;
    }
    let mut delivered = true;
    let mut answers = Vec::new();
    for _copy in 0..ipn.delivery.copies.max(1) {
        let mut request = http.post(&ipn.url).header("content-type", "application/json").body(ipn.body.clone());
        if let Some(signature) = &ipn.signature {
            request = request.header("x-nowpayments-sig", signature);
        }
        match request.send().await {
            Ok(answer) => {
                delivered &= answer.status().is_success();
                answers.push(answer.status().as_u16().to_string());
            }
            Err(error) => {
                delivered = false;
                answers.push(error.without_url().to_string());
            }
        }
    }
    let again = !delivered && attempt < ipn.delivery.retries;
    let state = match (delivered, again) {
        (true, _) => State::Delivered,
        (false, true) => State::Sending,
        (false, false) => State::Failed,
    };
    for answer in answers {
        sandbox.core().ipns.answered(ipn.number, answer, Some(state));
    }
    again
}
