-- Reconciliations: the history of a pair's source, compared with the ledger.
CREATE TABLE reconciliations (
    id uuid NOT NULL CONSTRAINT reconciliations_pkey PRIMARY KEY,
    pair_id uuid NOT NULL CONSTRAINT reconciliations_pair_fkey REFERENCES pairs,
    state text NOT NULL CONSTRAINT reconciliations_state_check CHECK (state IN ('running', 'done', 'failed')),
    -- What is missing is ingested.
    repair boolean NOT NULL,
    -- The chat that is compared now: the source, then the threads below it.
    chat_id bigint NOT NULL,
    -- Its history was compared up to this message.
    cursor bigint NOT NULL,
    -- The threads that are left, and where to begin in each; NULL until the source itself has been compared.
    threads jsonb,
    checked bigint NOT NULL DEFAULT 0,
    missing bigint NOT NULL DEFAULT 0,
    missing_edits bigint NOT NULL DEFAULT 0,
    missing_deletions bigint NOT NULL DEFAULT 0,
    repaired bigint NOT NULL DEFAULT 0,
    -- The first of what is missing: ids, times, and whether it is the message, its last edit or its deletion.
    listed jsonb NOT NULL DEFAULT '[]',
    reason_code text,
    reason text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz
);
-- One at a time, however often it is asked for.
CREATE UNIQUE INDEX reconciliations_running_key ON reconciliations (pair_id) WHERE state = 'running';
CREATE INDEX reconciliations_pair_idx ON reconciliations (pair_id, started_at);

-- Up to when everything that was written in threads below the chat is durable: threads that are not known were opened,
-- or first written in, after it.
ALTER TABLE chats ADD COLUMN threads_read_at timestamptz;
