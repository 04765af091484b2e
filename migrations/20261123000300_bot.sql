-- The Telegram bot: its session and host, who has linked it, and what was written to it and waits for an answer.
CREATE TABLE bots (
    -- Telegram's id of the bot: the first part of its token.
    id bigint NOT NULL CONSTRAINT bots_pkey PRIMARY KEY,
    -- NULL until it has signed in.
    username text,
    -- Sealed: the session document. Logging in anew is limited, so it outlives its process.
    session bytea,
    -- Why Telegram refuses the token; NULL: it does not.
    refused_code text,
    refused_reason text,
    -- Telegram wants neither log-in nor message before this.
    cooldown_until timestamptz,
    -- Lease: which worker hosts the bot. What is written under an older epoch is refused.
    host text,
    host_task_token bytea,
    lease_epoch bigint NOT NULL DEFAULT 0,
    hosted_at timestamptz,
    -- When its host last said that the bot is at work.
    alive_at timestamptz
);

-- Who gets a user's messages.
CREATE TABLE bot_links (
    user_id uuid NOT NULL CONSTRAINT bot_links_pkey PRIMARY KEY
        CONSTRAINT bot_links_user_fkey REFERENCES users ON DELETE CASCADE,
    bot_id bigint NOT NULL CONSTRAINT bot_links_bot_fkey REFERENCES bots,
    -- The person; their private chat has the same id. One person belongs to one user.
    telegram_user_id bigint NOT NULL CONSTRAINT bot_links_telegram_key UNIQUE,
    -- How the bot addresses the person.
    access_hash bigint NOT NULL,
    -- The name that people see, as it was last seen.
    name text NOT NULL,
    linked_at timestamptz NOT NULL,
    -- When the person was found to have blocked the bot, which ended the link; NULL: it stands.
    blocked_at timestamptz
);
CREATE INDEX bot_links_bot_idx ON bot_links (bot_id);

-- Links to the bot that were handed out.
CREATE TABLE bot_link_tokens (
    -- SHA-256; the token itself is not stored.
    token_hash bytea NOT NULL CONSTRAINT bot_link_tokens_pkey PRIMARY KEY
        CONSTRAINT bot_link_tokens_hash_check CHECK (octet_length(token_hash) = 32),
    user_id uuid NOT NULL CONSTRAINT bot_link_tokens_user_fkey REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX bot_link_tokens_user_idx ON bot_link_tokens (user_id);
CREATE INDEX bot_link_tokens_expires_idx ON bot_link_tokens (expires_at);

-- Messages to the bot: each is carried out once, in the transaction that makes its row, and answered afterwards.
CREATE TABLE bot_messages (
    bot_id bigint NOT NULL CONSTRAINT bot_messages_bot_fkey REFERENCES bots,
    -- Telegram's number of the message in the bot's mailbox.
    message_id bigint NOT NULL,
    telegram_user_id bigint NOT NULL,
    access_hash bigint NOT NULL,
    -- Sealed; NULL once it was given, and for a message that gets none.
    answer bytea,
    -- When the answer may be sent.
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    received_at timestamptz NOT NULL,
    CONSTRAINT bot_messages_pkey PRIMARY KEY (bot_id, message_id)
);
CREATE INDEX bot_messages_due_idx ON bot_messages (bot_id, due_at) WHERE answer IS NOT NULL;
CREATE INDEX bot_messages_person_idx ON bot_messages (bot_id, telegram_user_id) WHERE answer IS NOT NULL;
CREATE INDEX bot_messages_received_idx ON bot_messages (received_at);
