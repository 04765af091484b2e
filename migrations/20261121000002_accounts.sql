-- Linked platform accounts, with their sealed secrets and the lease of the worker that hosts them.
CREATE TYPE platform AS ENUM ('telegram', 'discord');
CREATE TYPE account_status AS ENUM (
    'new', 'awaiting_code', 'awaiting_password', 'connecting', 'online', 'reconnecting',
    'paused', 'revoked', 'banned', 'logged_out'
);
CREATE TYPE chat_kind AS ENUM ('direct', 'group', 'channel', 'text', 'thread');

CREATE TABLE accounts (
    id uuid NOT NULL CONSTRAINT accounts_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT accounts_user_fkey REFERENCES users,
    platform platform NOT NULL,
    status account_status NOT NULL,
    -- Stable code and human text of why the status is what it is.
    reason_code text,
    reason text,
    display_name text,
    -- Telegram user id or Discord bot id; NULL until the platform has told us.
    external_id bigint,
    -- What the user typed, to tell accounts apart before they are signed in. Telegram only.
    phone text,
    -- Sealed: Telegram session document or Discord bot token.
    secret bytea,
    -- Sealed: the login under way (phone_code_hash and such). Cleared at sign-in.
    login bytea,
    -- Lease: which worker hosts the account. Every claim of work checks the epoch.
    host text,
    lease_epoch bigint NOT NULL DEFAULT 0,
    host_task_token bytea,
    hosted_at timestamptz,
    -- The platform told us to send nothing before this.
    cooldown_until timestamptz,
    health_checked_at timestamptz,
    -- False until its workflow is known to have started: the sweep starts what a crash left between the two.
    workflow_started boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX accounts_user_idx ON accounts (user_id, created_at);
CREATE INDEX accounts_host_idx ON accounts (host) WHERE host IS NOT NULL;
-- One tenant links one platform identity once; a logged-out row no longer counts.
CREATE UNIQUE INDEX accounts_identity_key ON accounts (user_id, platform, external_id) WHERE status <> 'logged_out';
CREATE UNIQUE INDEX accounts_phone_key ON accounts (user_id, phone) WHERE phone IS NOT NULL AND status <> 'logged_out';

CREATE TABLE chats (
    account_id uuid NOT NULL CONSTRAINT chats_account_fkey REFERENCES accounts,
    chat_id bigint NOT NULL,
    kind chat_kind NOT NULL,
    title text NOT NULL,
    guild_id text,
    guild_name text,
    can_read boolean NOT NULL,
    can_write boolean NOT NULL,
    -- The newest message that is durable here: after downtime, history is fetched from here on.
    cursor bigint NOT NULL,
    seen_at timestamptz NOT NULL,
    CONSTRAINT chats_pkey PRIMARY KEY (account_id, chat_id)
);
