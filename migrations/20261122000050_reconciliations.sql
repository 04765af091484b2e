-- Reconciliations: the history of a pair's source, compared with the ledger.
CREATE TABLE reconciliations (
    id uuid NOT NULL CONSTRAINT reconciliations_pkey PRIMARY KEY,
    pair_id uuid NOT NULL CONSTRAINT reconciliations_pair_fkey REFERENCES pairs,
    state text NOT NULL CONSTRAINT reconciliations_state_check CHECK (state IN ('running', 'done', 'failed')),
    -- What is missing is ingested.
    repair boolean NOT NULL,
    -- The history was compared up to this message.
    cursor bigint NOT NULL,
    checked bigint NOT NULL DEFAULT 0,
    missing bigint NOT NULL DEFAULT 0,
    repaired bigint NOT NULL DEFAULT 0,
    -- The first of the missing messages, with their ids and times.
    listed jsonb NOT NULL DEFAULT '[]',
    reason_code text,
    reason text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz
);
-- One at a time, however often it is asked for.
CREATE UNIQUE INDEX reconciliations_running_key ON reconciliations (pair_id) WHERE state = 'running';
CREATE INDEX reconciliations_pair_idx ON reconciliations (pair_id, started_at);
