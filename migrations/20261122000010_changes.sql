-- Edits and deletions take the road of messages: deliveries of their own, or folded into one that still waits.
CREATE TYPE delivery_operation AS ENUM ('post', 'edit', 'delete');

ALTER TABLE source_messages
    -- The message was deleted at the source; the content is that of the revision before.
    ADD COLUMN deleted boolean NOT NULL DEFAULT false,
    -- The revision whose rows in `media` hold this revision's attachments; NULL: its own.
    ADD COLUMN media_from uuid,
    -- The chats that the message passed before, because pairs carried it here; NULL for what somebody wrote here.
    ADD COLUMN lineage jsonb;

ALTER TABLE deliveries
    ADD COLUMN operation delivery_operation NOT NULL DEFAULT 'post',
    -- The delivery that this one changes, or with which it travels as a part of an album; NULL: stands for itself.
    ADD COLUMN root_seq bigint,
    -- The album of the message: later items join a delivery that still waits.
    ADD COLUMN album bigint,
    -- It has attachments, so a claim has to ask whether they are here.
    ADD COLUMN has_media boolean NOT NULL DEFAULT false;
UPDATE deliveries d SET has_media = EXISTS (SELECT FROM media m WHERE m.source_message_id = d.source_message_id)
    WHERE d.state IN ('pending', 'sending');
-- Which deliveries does a message have? Edits, deletions, replies and attachments ask.
CREATE INDEX deliveries_source_message_idx ON deliveries (source_message_id);
CREATE INDEX deliveries_root_idx ON deliveries (pair_id, root_seq) WHERE root_seq IS NOT NULL;
CREATE INDEX deliveries_album_idx ON deliveries (pair_id, album) WHERE album IS NOT NULL AND state = 'pending';

ALTER TABLE destination_messages
    -- One send may leave several messages: the items of a Telegram album.
    ADD COLUMN item integer NOT NULL DEFAULT 0,
    -- The source platform's id of the message that it carries; NULL for rows older than this column.
    ADD COLUMN carries bigint,
    -- The Telegram topic or Discord thread that it stands in.
    ADD COLUMN thread bigint,
    -- It was written through a Discord webhook, which alone can change it.
    ADD COLUMN by_webhook boolean NOT NULL DEFAULT false,
    -- What it shows, as digests: an edit leaves alone what has not changed. NULL `media`: text only.
    ADD COLUMN text_digest text,
    ADD COLUMN media_digest text,
    -- It was deleted.
    ADD COLUMN gone_at timestamptz,
    DROP CONSTRAINT destination_messages_pkey,
    ADD CONSTRAINT destination_messages_pkey PRIMARY KEY (pair_id, seq, part, item);

-- Which chats are written to? A message there may be something that a pair has carried.
CREATE INDEX pairs_destination_chat_idx ON pairs (destination_chat_id);
