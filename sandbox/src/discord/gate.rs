//! A listener that closes new connections at once while the fault asks for it.

use std::{io::Result, sync::Arc};

use salvo::{
    conn::{Accepted, Acceptor, Holding},
    fuse::ArcFusePolicy,
};

use super::{clock::now_ms, server::Sandbox};

/// Stands before an acceptor.
#[derive(Debug)]
pub struct Gate<A> {
    inner: A,
    sandbox: Arc<Sandbox>,
}

impl<A> Gate<A> {
    /// Lets connections of `inner` through unless they are to be refused.
    pub const fn new(inner: A, sandbox: Arc<Sandbox>) -> Self {
        Self { inner, sandbox }
    }
}

impl<A: Acceptor> Acceptor for Gate<A> {
    type Coupler = A::Coupler;
    type Stream = A::Stream;

    fn holdings(&self) -> &[Holding] {
        self.inner.holdings()
    }

    async fn accept(&mut self, fuse_policy: Option<ArcFusePolicy>) -> Result<Accepted<Self::Coupler, Self::Stream>> {
        loop {
            let accepted = self.inner.accept(fuse_policy.clone()).await?;
            if !self.sandbox.faults().refuses(now_ms()) {
                return Ok(accepted);
            }
        }
    }
}
