//! The parts of the running server, shared by all its connections.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc::UnboundedSender;

use super::{
    clock::now_ms,
    faults::Faults,
    ipn::{Batch, Delivery, Ipn, Ipns, State},
    journal::Journal,
    model::Payment,
    reply::Refusal,
};

/// A token of the list lasts so long, in milliseconds.
const TOKEN_LASTS_MS: u64 = 5 * 60_000;

/// What clients must show.
#[derive(Clone, Debug)]
pub struct Keys {
    /// In the header `x-api-key`.
    pub api_key: String,
    /// What notifications are signed with.
    pub ipn_secret: String,
    /// The log-in of the dashboard.
    pub email: String,
    /// Its password.
    pub password: String,
}

/// What changes.
#[derive(Debug)]
pub struct Core {
    /// Payments and invoices.
    pub journal: Journal,
    /// Notifications.
    pub ipns: Ipns,
    /// How notifications go.
    pub delivery: Delivery,
    /// Tokens with their ends.
    tokens: HashMap<String, u64>,
}

/// The server.
#[derive(Debug)]
pub struct Sandbox {
    /// What clients must show.
    pub keys: Keys,
    /// Where the API listens.
    pub address: SocketAddr,
    core: Mutex<Core>,
    faults: Mutex<Faults>,
    batches: UnboundedSender<Batch>,
}

impl Sandbox {
    /// Opens what `dir` holds.
    ///
    /// # Errors
    /// When the data directory cannot be read or written.
    pub fn open(
        dir: &Path,
        keys: Keys,
        address: SocketAddr,
        delivery: Delivery,
        batches: UnboundedSender<Batch>,
    ) -> anyhow::Result<Self> {
        let (journal, ipns, tokens) = (Journal::open(dir)?, Ipns::default(), HashMap::new());
        let core = Mutex::new(Core { journal, ipns, delivery, tokens });
        Ok(Self { keys, address, core, faults: Mutex::default(), batches })
    }

    /// What changes. Nobody waits for anything else while they have it.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults in force.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is to be sent.
    pub fn send(&self, batch: Batch) {
        let batch: Batch = batch.into_iter().filter(|ipn| ipn.state == State::Sending).collect();
        if !batch.is_empty() {
            // Nobody listens when the server stops: then nothing is to be sent.
            drop(self.batches.send(batch));
        }
    }

    /// The page of an invoice.
    #[must_use]
    pub fn page(&self, invoice: u64) -> String {
        format!("http://{}/payment/?iid={invoice}", self.address)
    }
}

impl Core {
    /// Keeps a payment as it is now.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn keep(&mut self, payment: &mut Payment) -> Result<(), Refusal> {
        payment.updated_ms = now_ms();
        self.journal.keep(payment).map_err(|error| Refusal::broken(&error))
    }

    /// Keeps a payment as it is now, and writes down what is to be told of it.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn tell(&mut self, payment: &mut Payment, delivery: Delivery, secret: &str) -> Result<Option<Ipn>, Refusal> {
        self.keep(payment)?;
        Ok(self.ipns.add(payment, delivery, secret))
    }

    /// Gives out a token of the list.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new_token(&mut self) -> Result<String, Refusal> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(|error| Refusal::broken(&error))?;
        let (token, now) = (hex::encode(bytes), now_ms());
        self.tokens.retain(|_, until| *until > now);
        self.tokens.insert(token.clone(), now + TOKEN_LASTS_MS);
        Ok(token)
    }

    /// True for a token that was given out and has not ended.
    #[must_use]
    pub fn knows_token(&self, token: &str) -> bool {
        self.tokens.get(token).is_some_and(|until| *until > now_ms())
    }

    /// Ends every token.
    pub fn forget_tokens(&mut self) {
        self.tokens.clear();
    }
}
