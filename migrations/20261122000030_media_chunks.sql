-- Attachments in pieces: bytes stream in and out, and a link may need them after the last delivery.
CREATE TABLE media_chunks (
    media_id uuid NOT NULL CONSTRAINT media_chunks_media_fkey REFERENCES media ON DELETE CASCADE,
    -- Counted from 0; each piece but the last has 512 KiB.
    place integer NOT NULL,
    bytes bytea NOT NULL,
    CONSTRAINT media_chunks_pkey PRIMARY KEY (media_id, place)
);
-- Photos and videos are compressed already: do not try again.
ALTER TABLE media_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;

ALTER TABLE media
    -- How many bytes the file has; NULL until all are here.
    ADD COLUMN size_bytes bigint,
    -- How many of them stand in media_chunks: 0 again when nobody needs them any more.
    ADD COLUMN stored_bytes bigint NOT NULL DEFAULT 0,
    -- Until when a link to it is good; NULL: there is none.
    ADD COLUMN link_until timestamptz;

INSERT INTO media_chunks (media_id, place, bytes)
    SELECT id, place, substring(bytes FROM place * 524288 + 1 FOR 524288)
    FROM media, generate_series(0, (length(bytes) - 1) / 524288) AS place
    WHERE state = 'ready' AND length(bytes) > 0;
UPDATE media SET size_bytes = coalesce(length(bytes), 0), stored_bytes = coalesce(length(bytes), 0) WHERE state = 'ready';
ALTER TABLE media DROP COLUMN bytes;

-- How much does a tenant keep, and what can go?
CREATE INDEX media_stored_idx ON media (account_id) WHERE stored_bytes > 0;
