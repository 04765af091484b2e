-- Pace: budgets that are learned and survive restarts, what plans allow, and the state of an account that must stop.
ALTER TYPE account_status ADD VALUE 'limited' BEFORE 'revoked';

-- The user's own wish: at least so long between two messages that the account writes.
ALTER TABLE accounts ADD COLUMN send_interval_ms integer NOT NULL DEFAULT 0
    CONSTRAINT accounts_send_interval_check CHECK (send_interval_ms BETWEEN 0 AND 3600000);

-- An operator's exception for one tenant; NULL means what the plan says.
ALTER TABLE users ADD COLUMN messages_per_minute integer
    CONSTRAINT users_messages_per_minute_check CHECK (messages_per_minute > 0);
ALTER TABLE users ADD COLUMN messages_per_day integer
    CONSTRAINT users_messages_per_day_check CHECK (messages_per_day > 0);

CREATE TYPE pace_scope AS ENUM ('account', 'global', 'chat');

CREATE TABLE pace_budgets (
    account_id uuid NOT NULL CONSTRAINT pace_budgets_account_fkey REFERENCES accounts,
    scope pace_scope NOT NULL,
    -- 0 for budgets that belong to no chat.
    chat_id bigint NOT NULL,
    rate double precision NOT NULL,
    ceiling double precision NOT NULL,
    tokens double precision NOT NULL,
    counted_at timestamptz NOT NULL,
    closed_until timestamptz,
    quiet_since timestamptz NOT NULL,
    spent double precision NOT NULL,
    waits bigint NOT NULL,
    last_wait_at timestamptz,
    last_wait_ms bigint,
    -- An older worker's late word does not replace a newer one.
    stored_at timestamptz NOT NULL,
    CONSTRAINT pace_budgets_pkey PRIMARY KEY (account_id, scope, chat_id)
);

-- What all workers behind one address have done together, in windows of fixed length.
CREATE TABLE pace_egress (
    egress text NOT NULL,
    kind text NOT NULL,
    -- The account, or the nil UUID for the address as a whole.
    subject uuid NOT NULL,
    window_start timestamptz NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT pace_egress_pkey PRIMARY KEY (egress, kind, subject)
);

-- Messages written for a tenant in the current minute and UTC day, with the limits that were in force.
CREATE TABLE plan_usage (
    user_id uuid NOT NULL CONSTRAINT plan_usage_pkey PRIMARY KEY CONSTRAINT plan_usage_user_fkey REFERENCES users,
    minute timestamptz NOT NULL,
    minute_used bigint NOT NULL,
    minute_limit integer,
    day timestamptz NOT NULL,
    day_used bigint NOT NULL,
    day_limit integer
);
