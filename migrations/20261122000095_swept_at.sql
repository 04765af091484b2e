-- The sweep goes round: pairs that it has not roused for longest come first, so that those which wait for good reason
-- hide nobody.
ALTER TABLE pairs
    -- When the sweep last roused it; NULL: never.
    ADD COLUMN swept_at timestamptz;
