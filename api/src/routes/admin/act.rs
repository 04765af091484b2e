//! Acts: whatever staff or the operator changes is written to the audit log in the transaction that changes it.
//!
//! A handler that changes something takes [`Acting`] instead of `Staff`, and gets its transaction from there: the only way to
//! commit it is to say what was done.

use std::ops::{Deref, DerefMut};

use domain::{Role, UserId};
use salvo::{
    Extractible,
    extract::Metadata,
    oapi::{Components, EndpointArgRegister, Operation},
    prelude::*,
};
use serde_json::Value;
use store::{PgConnection, Postgres, StoreError, Transaction, audit::Act};

use crate::{auth::Identity, edge::RequestId, error::ApiError, state::AppState};

/// Who acts, from where, in which request.
#[derive(Clone, Debug)]
pub(crate) struct Acting {
    actor: Option<UserId>,
    role: Option<Role>,
    address: String,
    request_id: String,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deed<'a> {
    /// Stable name, such as `user.suspend`.
    pub(crate) action: &'a str,
    /// Whom or what it was done to, as on the wire.
    pub(crate) subject: String,
    /// Whose data it was done to.
    pub(crate) user: Option<UserId>,
    /// What was there before; never a secret.
    pub(crate) before: Option<Value>,
    /// What is there now; never a secret.
    pub(crate) after: Option<Value>,
    /// Why, as the actor said.
    pub(crate) reason: Option<&'a str>,
}

/// A transaction that is committed with its entry in the audit log, or not at all.
pub(crate) struct ActTransaction<'a> {
    acting: &'a Acting,
    app: AppState,
    transaction: Transaction<'static, Postgres>,
}

impl Acting {
    /// Who acts; `None` is the operator.
    pub(crate) const fn actor(&self) -> Option<UserId> {
        self.actor
    }

    /// Begins the transaction of an act.
    pub(crate) async fn begin(&self, app: &AppState) -> Result<ActTransaction<'_>, ApiError> {
        Ok(ActTransaction { acting: self, app: app.clone(), transaction: app.transaction().await? })
    }
}

impl ActTransaction<'_> {
    /// Records what was done and commits both.
    pub(crate) async fn commit(mut self, deed: Deed<'_>) -> Result<(), ApiError> {
        let Acting { actor, role, address, request_id } = self.acting;
        let act = Act {
            actor: *actor,
            role: *role,
            action: deed.action,
            subject: Some(&deed.subject),
            user: deed.user,
            before: deed.before,
            after: deed.after,
            reason: deed.reason,
            address: Some(address),
            request_id: Some(request_id),
        };
        store::audit::record(&mut self.transaction, &act, self.app.clock.now()).await?;
        self.transaction.commit().await.map_err(StoreError::from)?;
        tracing::info!(act.name = deed.action, act.subject = deed.subject, "Staff has acted.");
        Ok(())
    }
}

impl Deref for ActTransaction<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for ActTransaction<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

static ACTING: Metadata = Metadata::new("acting");

impl<'ex> Extractible<'ex> for Acting {
    fn metadata() -> &'static Metadata {
        &ACTING
    }

    #[expect(refining_impl_trait, reason = "the caller may name the error")]
    async fn extract(req: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, ApiError> {
        let (actor, role) = match depot.get_typed::<Identity>() {
            Ok(Identity::Staff(staff)) => (Some(staff.user), Some(staff.role)),
            Ok(Identity::Operator) => (None, None),
            Ok(Identity::Tenant { .. }) | Err(_) => {
                return Err(ApiError::internal("the door has let nobody in who may act for others"));
            }
        };
        let address = AppState::of(depot)?.address(req).to_string();
        Ok(Self { actor, role, address, request_id: RequestId::of(depot) })
    }
}

impl EndpointArgRegister for Acting {
    fn register(_components: &mut Components, _operation: &mut Operation, _arg: &str) {}
}
