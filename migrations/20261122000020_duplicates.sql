-- Content that pairs carried a short time ago, by fingerprint: the same is not carried twice within their window.
CREATE TABLE carried_content (
    -- A hash of the content and of the pair or destination within which it is compared.
    fingerprint bytea NOT NULL CONSTRAINT carried_content_pkey PRIMARY KEY,
    -- The delivery that carries it: asking again for the same delivery is no duplicate.
    pair_id uuid NOT NULL CONSTRAINT carried_content_pair_fkey REFERENCES pairs,
    seq bigint NOT NULL,
    -- When it was written at the source.
    written_at timestamptz NOT NULL,
    -- Beyond this nobody asks for it.
    expires_at timestamptz NOT NULL
);
CREATE INDEX carried_content_expires_idx ON carried_content (expires_at);
CREATE INDEX carried_content_delivery_idx ON carried_content (pair_id, seq);
