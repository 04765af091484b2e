-- What links to a chat's messages, and files that are sent to it, need to know.
ALTER TABLE chats
    -- Telegram: the public name of a channel or supergroup, without the @; NULL: it has none.
    ADD COLUMN username text,
    -- The largest file that can be sent here, in bytes; NULL: what the platform takes everywhere.
    ADD COLUMN file_bytes_max bigint;
