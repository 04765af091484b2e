-- Messages and their deliveries: a message is a row before it is an event.
CREATE TYPE delivery_state AS ENUM ('pending', 'sending', 'sent', 'skipped', 'dead');
CREATE TYPE media_state AS ENUM ('pending', 'ready', 'failed');

CREATE TABLE source_messages (
    id uuid NOT NULL CONSTRAINT source_messages_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT source_messages_account_fkey REFERENCES accounts,
    chat_id bigint NOT NULL,
    message_id bigint NOT NULL,
    -- 0 as first written; each edit or delete is a revision of its own.
    revision integer NOT NULL,
    content jsonb NOT NULL,
    sent_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT source_messages_identity_key UNIQUE (account_id, chat_id, message_id, revision)
);

-- Attachments: fetched by the source's host after the message is durable, read by the destination's host.
CREATE TABLE media (
    id uuid NOT NULL CONSTRAINT media_pkey PRIMARY KEY,
    source_message_id uuid NOT NULL CONSTRAINT media_source_message_fkey REFERENCES source_messages ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT media_account_fkey REFERENCES accounts,
    position integer NOT NULL,
    state media_state NOT NULL,
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    fetch_after timestamptz NOT NULL,
    bytes bytea,
    CONSTRAINT media_position_key UNIQUE (source_message_id, position)
);
CREATE INDEX media_pending_idx ON media (account_id, fetch_after) WHERE state = 'pending';

CREATE TABLE deliveries (
    pair_id uuid NOT NULL CONSTRAINT deliveries_pair_fkey REFERENCES pairs,
    seq bigint NOT NULL,
    source_message_id uuid NOT NULL CONSTRAINT deliveries_source_message_fkey REFERENCES source_messages,
    state delivery_state NOT NULL,
    reason_code text,
    reason text,
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- When a send may first have happened: beyond the platform's memory, read back before sending again.
    first_attempt_at timestamptz,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT deliveries_pkey PRIMARY KEY (pair_id, seq),
    CONSTRAINT deliveries_message_key UNIQUE (pair_id, source_message_id)
);
CREATE INDEX deliveries_open_idx ON deliveries (pair_id, seq) WHERE state IN ('pending', 'sending');

CREATE TABLE destination_messages (
    pair_id uuid NOT NULL,
    seq bigint NOT NULL,
    part integer NOT NULL,
    account_id uuid NOT NULL,
    chat_id bigint NOT NULL,
    message_id bigint NOT NULL,
    sent_at timestamptz NOT NULL,
    CONSTRAINT destination_messages_pkey PRIMARY KEY (pair_id, seq, part),
    CONSTRAINT destination_messages_delivery_fkey FOREIGN KEY (pair_id, seq) REFERENCES deliveries
);
-- The echo guard asks: did we write this one?
CREATE INDEX destination_messages_echo_idx ON destination_messages (chat_id, message_id);

CREATE TABLE delivery_events (
    pair_id uuid NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    detail text,
    CONSTRAINT delivery_events_pkey PRIMARY KEY (pair_id, seq, id),
    CONSTRAINT delivery_events_delivery_fkey FOREIGN KEY (pair_id, seq) REFERENCES deliveries
);
