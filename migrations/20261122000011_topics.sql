-- Topics of forums and threads of channels, at both ends of a pair.
ALTER TABLE pairs
    -- Only this Telegram topic is read; NULL: the whole chat.
    ADD COLUMN source_topic_id bigint,
    -- Everything goes to this Telegram topic; NULL: to the chat itself, or, in a forum, to the topic of the same name.
    ADD COLUMN destination_topic_id bigint;
DROP INDEX pairs_route_key;
CREATE UNIQUE INDEX pairs_route_key
    ON pairs (user_id, source_account_id, source_chat_id, source_topic_id,
              destination_account_id, destination_chat_id, destination_topic_id)
    NULLS NOT DISTINCT WHERE deleted_at IS NULL;

-- The channel that a Discord thread hangs under: its messages are those of the channel's pairs too.
ALTER TABLE chats ADD COLUMN parent_id bigint;
CREATE INDEX chats_parent_idx ON chats (account_id, parent_id) WHERE parent_id IS NOT NULL;

-- Which thread at the destination stands for which topic or thread of the source.
CREATE TABLE pair_threads (
    pair_id uuid NOT NULL CONSTRAINT pair_threads_pair_fkey REFERENCES pairs,
    -- A Telegram topic, or the id of a Discord thread.
    source_topic bigint NOT NULL,
    destination_thread bigint NOT NULL,
    title text NOT NULL,
    made_at timestamptz NOT NULL,
    CONSTRAINT pair_threads_pkey PRIMARY KEY (pair_id, source_topic)
);
