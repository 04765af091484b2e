//! What is written into the sources: numbered messages, one by one or many in a call.

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::Field;
use crate::{
    client::{CallError, Http},
    scene::{Controls, Direction, Route, Spot, marker},
};

/// Messages in one call of a control API.
const BATCH: usize = 100;

impl Field {
    /// Takes the next `count` message numbers of a pair.
    fn numbers(&mut self, route: &Route, count: usize) -> std::ops::Range<usize> {
        let written = self.written.entry(route.pair.id.clone()).or_default();
        *written += count;
        *written - count..*written
    }

    /// Writes one message, and answers its number.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn say(&mut self, route: &Route) -> anyhow::Result<usize> {
        let number = self.numbers(route, 1).start;
        route.source.say(&self.controls, &body(route.direction, number)).await?;
        Ok(number)
    }

    /// Starts writing one message and does not wait for it.
    pub fn say_soon(&mut self, route: &Route) -> tokio::task::JoinHandle<anyhow::Result<()>> {
        let number = self.numbers(route, 1).start;
        let (controls, source, text) = (self.controls.clone(), route.source.clone(), body(route.direction, number));
        tokio::spawn(async move { Ok(source.say(&controls, &text).await?) })
    }

    /// Writes `messages` into every source, all sources at once, `batch` messages (at most 100) in one call.
    ///
    /// # Errors
    /// When a sandbox refuses.
    pub async fn write(&mut self, routes: &[Route], messages: usize, batch: usize) -> anyhow::Result<()> {
        let work: Vec<_> = routes.iter().map(|route| (route, self.numbers(route, messages))).collect();
        let controls = &self.controls;
        try_join_all(work.into_iter().map(async |(route, numbers)| {
            let numbers: Vec<usize> = numbers.collect();
            for some in numbers.chunks(batch.min(BATCH)) {
                write_batch(controls, route, some).await?;
            }
            anyhow::Ok(())
        }))
        .await?;
        Ok(())
    }

    /// Starts writing `messages` into one source, 100 in a call, and does not wait for it.
    pub fn write_soon(&mut self, route: &Route, messages: usize) -> tokio::task::JoinHandle<anyhow::Result<()>> {
        let numbers: Vec<usize> = self.numbers(route, messages).collect();
        let (controls, route) = (self.controls.clone(), route.clone());
        tokio::spawn(async move {
            for some in numbers.chunks(BATCH) {
                write_batch(&controls, &route, some).await?;
            }
            Ok(())
        })
    }
}

async fn write_batch(controls: &Controls, route: &Route, numbers: &[usize]) -> anyhow::Result<()> {
    let text = |number: &usize| body(route.direction, *number);
    let (http, path, messages): (&Http, String, Vec<Value>) = match &route.source {
        Spot::Telegram { dialog, writer } => (
            controls.telegram.http(),
            format!("/chats/{dialog}/messages/batch"),
            numbers.iter().map(|number| json!({ "from": writer, "text": text(number) })).collect(),
        ),
        Spot::Discord { channel, writer } => (
            controls.discord.http(),
            format!("/channels/{channel}/messages/batch"),
            numbers.iter().map(|number| json!({ "author": writer, "content": text(number) })).collect(),
        ),
    };
    let batch: Result<Value, CallError> = http.post(&path, &json!({ "messages": messages })).await;
    match batch {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.status().map(|it| it.as_u16()), Some(404 | 405)) => {
            for number in numbers {
                route.source.say(controls, &text(number)).await?;
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// The text of message `number`: an ordinary line of some length.
#[must_use]
pub fn body(direction: Direction, number: usize) -> String {
    format!(
        "{} The quick brown fox jumps over the lazy dog, and nobody knows why it still does.",
        marker(direction, number)
    )
}
