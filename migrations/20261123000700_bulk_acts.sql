-- Acts of staff on many things at once: what was asked for, how far it got, and why.
CREATE TYPE bulk_kind AS ENUM (
    'pause_pairs', 'resume_pairs', 'delete_pairs', 'retry_dead_letters', 'discard_dead_letters');
CREATE TYPE bulk_state AS ENUM ('pending', 'running', 'done', 'cancelled', 'failed');

CREATE TABLE bulk_acts (
    id uuid NOT NULL CONSTRAINT bulk_acts_pkey PRIMARY KEY,
    kind bulk_kind NOT NULL,
    -- Which things.
    scope jsonb NOT NULL,
    state bulk_state NOT NULL,
    -- Why, in the words of who asked for it.
    reason text NOT NULL CONSTRAINT bulk_acts_reason_check CHECK (char_length(reason) BETWEEN 1 AND 500),
    -- No reference: it outlives who asked for it.
    started_by uuid NOT NULL,
    -- NULL until they were counted.
    total bigint,
    done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    -- The last thing that was handled: a batch moves it in its own transaction, so that none is handled twice.
    after_pair uuid,
    after_seq bigint,
    -- Why it cannot go on.
    error text,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    -- Somebody wants it to stop after the batch that is under way.
    cancel_requested_at timestamptz,
    finished_at timestamptz
);
-- The same act twice is the one that is not at its end yet.
CREATE UNIQUE INDEX bulk_acts_open_key ON bulk_acts (kind, scope) WHERE state IN ('pending', 'running');
CREATE INDEX bulk_acts_open_idx ON bulk_acts (created_at) WHERE state IN ('pending', 'running');
