-- Pictures of Telegram authors, for messages that are written under their names on Discord: Telegram has no addresses
-- for them, so they are kept and served by us.
CREATE TABLE avatars (
    id uuid NOT NULL CONSTRAINT avatars_pkey PRIMARY KEY,
    -- Sees the author, and fetches.
    account_id uuid NOT NULL CONSTRAINT avatars_account_fkey REFERENCES accounts,
    -- Telegram's id of the photo: another one means another picture.
    photo_id bigint NOT NULL,
    -- Whose it is, and a message by which they can be addressed.
    person_id bigint NOT NULL,
    chat_id bigint NOT NULL,
    message_id bigint NOT NULL,
    state media_state NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    fetch_after timestamptz NOT NULL,
    bytes bytea,
    created_at timestamptz NOT NULL,
    -- When a message last needed it, to the day: what nobody needs any more is forgotten.
    wanted_at timestamptz NOT NULL,
    CONSTRAINT avatars_photo_key UNIQUE (account_id, photo_id)
);
CREATE INDEX avatars_pending_idx ON avatars (account_id, fetch_after) WHERE state = 'pending';
