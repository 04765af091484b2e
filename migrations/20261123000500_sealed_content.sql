-- What people write is sealed at rest. Rows from before stay readable in clear until `causeway-api reseal` has sealed them.
ALTER TABLE source_messages
    ALTER COLUMN content DROP NOT NULL,
    -- Sealed: the message as JSON. `content` holds it in clear in rows that are older than this column.
    ADD COLUMN sealed_content bytea,
    -- What questions about where a message stands need of its content; in older rows it stands in `content`.
    ADD COLUMN topic bigint,
    ADD COLUMN parent_id bigint,
    -- Older rows satisfy it as they are: to look at all of them would hold up the writers.
    ADD CONSTRAINT source_messages_content_check CHECK (num_nonnulls(content, sealed_content) = 1) NOT VALID;
-- What is sealed does not compress.
ALTER TABLE source_messages ALTER COLUMN sealed_content SET STORAGE EXTERNAL;

ALTER TABLE media_chunks
    -- `bytes` is sealed; false in older rows.
    ADD COLUMN sealed boolean NOT NULL DEFAULT false;

ALTER TABLE avatars
    -- `bytes` is sealed; false in older rows.
    ADD COLUMN sealed boolean NOT NULL DEFAULT false;
ALTER TABLE avatars ALTER COLUMN bytes SET STORAGE EXTERNAL;

ALTER TABLE destination_messages
    -- Sealed: the digests of what it shows, which tell a guess from the truth. In older rows they stand in `text_digest`
    -- and `media_digest`.
    ADD COLUMN shown bytea;

ALTER TABLE pair_threads
    ALTER COLUMN title DROP NOT NULL,
    -- Sealed: the title, which may be the beginning of a message. `title` holds it in clear in older rows.
    ADD COLUMN sealed_title bytea,
    ADD CONSTRAINT pair_threads_title_check CHECK (num_nonnulls(title, sealed_title) = 1) NOT VALID;
