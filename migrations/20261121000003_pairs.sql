-- Forwarding pairs. `options` keeps the place of filters and templates, which have their own rules.
CREATE TYPE copy_mode AS ENUM ('copy', 'forward');
CREATE TYPE pair_status AS ENUM ('active', 'paused', 'blocked');

CREATE TABLE pairs (
    id uuid NOT NULL CONSTRAINT pairs_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT pairs_user_fkey REFERENCES users,
    name text NOT NULL,
    source_account_id uuid NOT NULL CONSTRAINT pairs_source_account_fkey REFERENCES accounts,
    source_chat_id bigint NOT NULL,
    destination_account_id uuid NOT NULL CONSTRAINT pairs_destination_account_fkey REFERENCES accounts,
    destination_chat_id bigint NOT NULL,
    mode copy_mode NOT NULL,
    delay_seconds integer NOT NULL CONSTRAINT pairs_delay_check CHECK (delay_seconds BETWEEN 0 AND 86400),
    silent boolean NOT NULL,
    -- Only messages with a higher id are carried: the newest one when the pair was made.
    source_start_id bigint NOT NULL,
    options jsonb NOT NULL DEFAULT '{}',
    status pair_status NOT NULL,
    reason_code text,
    reason text,
    -- Number of the next delivery: order within the pair.
    next_seq bigint NOT NULL DEFAULT 1,
    -- A wake was sent and no drain has acknowledged it: producers stay silent.
    wake_pending boolean NOT NULL DEFAULT false,
    -- Counts drains: a claim with an older number is refused, so that two drains cannot overlap.
    drain_fence bigint NOT NULL DEFAULT 0,
    -- The drain that runs now and its worker: a worker, started anew, reports what it left behind as failed.
    drain_host text,
    drain_task_token bytea,
    -- False until its workflow is known to have started (or, once deleted, ended).
    workflow_started boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE UNIQUE INDEX pairs_route_key
    ON pairs (user_id, source_account_id, source_chat_id, destination_account_id, destination_chat_id)
    WHERE deleted_at IS NULL;
CREATE INDEX pairs_source_idx ON pairs (source_account_id, source_chat_id) WHERE deleted_at IS NULL;
CREATE INDEX pairs_destination_idx ON pairs (destination_account_id) WHERE deleted_at IS NULL;
CREATE INDEX pairs_user_idx ON pairs (user_id, created_at);
CREATE INDEX pairs_drain_host_idx ON pairs (drain_host) WHERE drain_host IS NOT NULL;
