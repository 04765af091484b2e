//! What `account_session` and the workflows that ask an account leave to activities.

#![expect(
    missing_docs,
    clippy::unimplemented,
    reason = "the macros of Temporal make items without documentation, and want such bodies"
)]

use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

use super::payload::{
    AccountRef, ChatReply, ChatRequest, HostOutcome, Located, LoginReply, LoginRequest, StatusChange,
};

/// Declarations; the crate `activities` implements them.
pub struct AccountActivities;

#[activity_definitions]
impl AccountActivities {
    /// One step of a login.
    #[activity(name = "account.log_in")]
    pub fn log_in(input: LoginRequest) -> Result<LoginReply, ActivityError> {
        unimplemented!()
    }

    /// Hosts the account until told to stop: connection, updates, ingest.
    #[activity(name = "account.host_account")]
    pub fn host_account(input: AccountRef) -> Result<HostOutcome, ActivityError> {
        unimplemented!()
    }

    /// Where is the account hosted?
    #[activity(name = "account.locate")]
    pub fn locate(input: AccountRef) -> Result<Located, ActivityError> {
        unimplemented!()
    }

    /// Does the hosted account still work? Runs on its host.
    #[activity(name = "account.check_health")]
    pub fn check_health(input: AccountRef) -> Result<bool, ActivityError> {
        unimplemented!()
    }

    /// What does the platform say of a chat, or of all? Runs on the account's host.
    #[activity(name = "account.ask_chats")]
    pub fn ask_chats(input: ChatRequest) -> Result<ChatReply, ActivityError> {
        unimplemented!()
    }

    /// Records a change of state that the workflow decided.
    #[activity(name = "account.set_status")]
    pub fn set_status(input: StatusChange) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Ends the session at the platform and forgets the secrets.
    #[activity(name = "account.log_out")]
    pub fn end_session(input: AccountRef) -> Result<(), ActivityError> {
        unimplemented!()
    }
}
pub use account_activities::{AskChats, CheckHealth, EndSession, HostAccount, Locate, LogIn, SetStatus};
