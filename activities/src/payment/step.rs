//! One step of a payment: what is due is chosen under the row's lock, done without it, and taken in under it again.

use chrono::{DateTime, Utc};
use domain::{PaymentId, RefundId, billing::PaymentState, payment::Step};
use payments::{Phase, Provider, ProviderError, Reference, RefundOrder, Standing, Verdict};
use store::{
    StoreError,
    payments::{self as stored, Books, Effects, Payment, refunds},
};
use temporalio_client::Client;
use url::Url;
use workflows::payment::StepReport;

use super::ask;
use crate::context::Context;

/// Steps of one run of the activity: a payment that goes well needs five.
const STEPS_MAX: usize = 20;
/// The code of a provider that is not set up here any more.
const PROVIDER_GONE: &str = "provider_unavailable";

/// What a run of steps has done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Where it has left the payment.
    pub report: StepReport,
    /// The provider knew something new.
    pub is_news: bool,
}

impl Context {
    /// What a transaction of money needs; `provider` is the one that is concerned.
    pub(crate) fn books(&self, provider: Option<&dyn Provider>, now: DateTime<Utc>) -> Books<'_> {
        let site = self.payment_settings.return_url.as_ref().map(Url::as_str);
        let paid_by = provider.map(Provider::title);
        Books { sealer: &self.sealer, invoices: &self.invoices, site, paid_by, now }
    }

    /// Does all that is due for a payment.
    pub(super) async fn step_payment(&self, client: &Client, id: PaymentId) -> Result<Done, StoreError> {
        let mut done = Done::default();
        for _ in 0..STEPS_MAX {
            let now = self.clock.now();
            let mut transaction = self.pool.begin().await?;
            let chosen = stored::choose(&mut transaction, id, now).await?;
            transaction.commit().await?;
            let Some(stored::Chosen { payment, step }) = chosen else {
                done.report = StepReport { is_over: true, ..StepReport::default() };
                return Ok(done);
            };
            let user = payment.user;
            match step {
                Step::Wait(until) => {
                    let wait = u64::try_from((until - now).num_milliseconds().max(1)).unwrap_or(1);
                    done.report = StepReport { user, ..StepReport::waits(payment.state, Some(wait)) };
                    return Ok(done);
                }
                Step::Rest(_) => {
                    done.report = StepReport { user, ..StepReport::ends(payment.state) };
                    return Ok(done);
                }
                Step::Create | Step::Ask | Step::Refund(_) | Step::Expire | Step::End => {
                    done.is_news |= self.take_step(client, &payment, step).await?;
                    // Whatever comes next, the report says how it was.
                    done.report = StepReport { user, ..StepReport::waits(payment.state, Some(0)) };
                }
            }
        }
        Ok(done)
    }

    /// True when something new was heard.
    async fn take_step(&self, client: &Client, payment: &Payment, step: Step) -> Result<bool, StoreError> {
        self.metrics.payments.step(step);
        if step == Step::Expire {
            let mut transaction = self.pool.begin().await?;
            stored::expire(&mut transaction, payment.id, self.clock.now()).await?;
            transaction.commit().await?;
            return Ok(false);
        }
        let provider = payment.provider.as_deref().and_then(|code| self.payments.get(code)).cloned();
        let Some(provider) = provider else {
            let why = ProviderError::retry(PROVIDER_GONE, "the payment provider is not set up here");
            self.missed(payment, &why).await?;
            if let Step::Refund(refund) = step {
                self.refund_settled(client, payment, (refund, None), &refunds::Outcome::ByHand).await?;
            }
            return Ok(false);
        };
        let provider = provider.as_ref();
        match step {
            Step::Create => self.create(payment, provider).await.map(|()| false),
            Step::Ask => self.ask(client, payment, provider).await,
            Step::Refund(refund) => self.refund(client, payment, provider, refund).await.map(|()| false),
            Step::End => self.end(payment, provider).await.map(|()| false),
            Step::Expire | Step::Wait(_) | Step::Rest(_) => Ok(false),
        }
    }

    /// Makes the payment known to the provider.
    async fn create(&self, payment: &Payment, provider: &dyn Provider) -> Result<(), StoreError> {
        let order = match ask::order(self, payment, provider).await? {
            Ok(order) => order,
            Err(error) => return self.missed(payment, &error).await,
        };
        match provider.create(&order).await {
            Ok(created) => {
                let mut transaction = self.pool.begin().await?;
                let now = self.clock.now();
                stored::handed_over(&mut transaction, payment.id, &created.external, &created.handover, now).await?;
                transaction.commit().await?;
                Ok(())
            }
            Err(error) if error.verdict == Verdict::Final => {
                tracing::warn!(payment.id = %payment.id, %error, "A provider refuses a payment.");
                let mut transaction = self.pool.begin().await?;
                let why = (error.code.as_str(), error.reason.as_str());
                stored::fail(&mut transaction, payment.id, why, self.clock.now()).await?;
                transaction.commit().await?;
                Ok(())
            }
            Err(error) => self.missed(payment, &error).await,
        }
    }

    /// Asks the provider where the payment stands, and takes the money when the payer has agreed. True when something new
    /// was heard.
    async fn ask(&self, client: &Client, payment: &Payment, provider: &dyn Provider) -> Result<bool, StoreError> {
        let Some(reference) = reference(payment) else { return Ok(false) };
        let standing = match provider.look(&reference).await {
            Ok(standing) => standing,
            Err(error) if error.verdict == Verdict::Final => {
                return self.unheard(payment, provider, &error).await.map(|()| false);
            }
            Err(error) => return self.missed(payment, &error).await.map(|()| false),
        };
        let approved = standing.phase == Phase::Approved;
        let news = self.heard(client, payment, provider, &standing).await?;
        if !approved {
            return Ok(news);
        }
        // Only of one that is not given up meanwhile.
        let now = stored::find_any(&mut *self.database().await?, payment.id).await?;
        if now.is_none_or(|now| now.state != PaymentState::Processing) {
            return Ok(news);
        }
        self.metrics.payments.captured();
        match provider.capture(&reference).await {
            Ok(standing) => Ok(self.heard(client, payment, provider, &standing).await? || news),
            Err(error) if error.verdict == Verdict::Final => {
                tracing::warn!(payment.id = %payment.id, %error, "The money of a payment was not given.");
                let why = (error.code.as_str(), error.reason.as_str());
                let mut transaction = self.pool.begin().await?;
                stored::declined(&mut transaction, payment.id, why, self.clock.now()).await?;
                transaction.commit().await?;
                Ok(news)
            }
            Err(error) => self.missed(payment, &error).await.map(|()| news),
        }
    }

    /// Takes in what the provider says. True when something new was heard.
    async fn heard(
        &self,
        client: &Client,
        payment: &Payment,
        provider: &dyn Provider,
        standing: &Standing,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let books = self.books(Some(provider), now);
        let mut transaction = self.pool.begin().await?;
        let effects = stored::hear(&mut transaction, &books, payment.id, standing).await?;
        transaction.commit().await?;
        let Some(effects) = effects else { return Ok(false) };
        self.follow_others(client, payment.id, &effects, now).await?;
        Ok(effects.is_news)
    }

    /// [`Self::follow_up`] of a step: the payment's own workflow is what runs.
    async fn follow_others(
        &self,
        client: &Client,
        own: PaymentId,
        effects: &Effects,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let others = effects.payments.iter().copied().filter(|payment| *payment != own).collect();
        self.follow_up(client, &Effects { payments: others, ..effects.clone() }, now).await
    }

    /// Gives money back.
    async fn refund(
        &self,
        client: &Client,
        payment: &Payment,
        provider: &dyn Provider,
        id: RefundId,
    ) -> Result<(), StoreError> {
        let due = refunds::due(&mut *self.database().await?, id).await?;
        let outcome = match due {
            None => refunds::Outcome::Failed { reason: "there is no money that could be given back".into() },
            Some(_) if !provider.has_refunds() => refunds::Outcome::ByHand,
            Some(due) => {
                let order = RefundOrder {
                    refund: id,
                    payment: payment.id,
                    receipt: due.receipt,
                    amount: due.refund.amount,
                    note: due.refund.note,
                    external: due.refund.external,
                };
                ask::refunded(provider.refund(&order).await)
            }
        };
        self.refund_settled(client, payment, (id, Some(provider)), &outcome).await
    }

    async fn refund_settled(
        &self,
        client: &Client,
        payment: &Payment,
        (id, provider): (RefundId, Option<&dyn Provider>),
        outcome: &refunds::Outcome,
    ) -> Result<(), StoreError> {
        if let refunds::Outcome::Failed { reason } = outcome {
            tracing::warn!(refund.id = %id, reason, "A refund was refused.");
        }
        let now = self.clock.now();
        let books = self.books(provider, now);
        let mut transaction = self.pool.begin().await?;
        let effects = refunds::settle(&mut transaction, &books, id, outcome).await?;
        transaction.commit().await?;
        self.follow_others(client, payment.id, &effects, now).await
    }

    /// Tells the provider that the payment was given up, or that its agreement ends.
    async fn end(&self, payment: &Payment, provider: &dyn Provider) -> Result<(), StoreError> {
        if let Some(reference) = reference(payment) {
            let reason = payment.reason.as_ref().map_or("it is not needed any more", |(_, words)| words.as_str());
            match provider.cancel(&reference, reason).await {
                Ok(()) => (),
                Err(error) if error.verdict == Verdict::Final => {
                    tracing::warn!(payment.id = %payment.id, %error, "A provider does not end a payment.");
                }
                Err(error) => return self.missed(payment, &error).await,
            }
        }
        let mut transaction = self.pool.begin().await?;
        stored::ended(&mut transaction, payment.id, self.clock.now()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The provider says nothing of the payment, and will not.
    async fn unheard(
        &self,
        payment: &Payment,
        provider: &dyn Provider,
        error: &ProviderError,
    ) -> Result<(), StoreError> {
        tracing::warn!(payment.id = %payment.id, %error, "A provider says nothing of a payment.");
        let books = self.books(Some(provider), self.clock.now());
        let mut transaction = self.pool.begin().await?;
        let why = (error.code.as_str(), error.reason.as_str());
        stored::unheard(&mut transaction, &books, payment.id, why).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The provider has not answered, or not well: it is asked again later.
    async fn missed(&self, payment: &Payment, error: &ProviderError) -> Result<(), StoreError> {
        let after = match error.verdict {
            Verdict::Retry(after) => after,
            Verdict::Final => None,
        };
        tracing::warn!(payment.id = %payment.id, %error, "A provider could not be asked about a payment.");
        let why = (after, error.code.as_str(), error.reason.as_str());
        let mut transaction = self.pool.begin().await?;
        stored::missed(&mut transaction, payment.id, why, self.clock.now()).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Which order is meant; `None`: the provider does not know of it.
fn reference(payment: &Payment) -> Option<Reference> {
    Some(Reference {
        payment: payment.id,
        external: payment.external.clone()?,
        agreement: payment.recurring,
        amount: payment.amount,
        since: payment.created_at,
    })
}
