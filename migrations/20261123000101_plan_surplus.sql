-- Pairs and accounts that a plan has paused, and what their workflows have not been told of it.
ALTER TABLE pairs
    -- The plan has paused or resumed it, and its workflow has not been told; NULL: it has.
    ADD COLUMN plan_untold_since timestamptz;
CREATE INDEX pairs_plan_untold_idx ON pairs (plan_untold_since) WHERE plan_untold_since IS NOT NULL;
-- Whether a tenant has something that waits for room.
CREATE INDEX pairs_plan_held_idx ON pairs (user_id) WHERE reason_code = 'plan_limit' AND deleted_at IS NULL;

ALTER TABLE accounts
    -- The plan keeps it from being hosted. The status alone cannot say so: a host has its own last word on that.
    ADD COLUMN plan_held_since timestamptz,
    -- It may be hosted again, and its workflow has not been told; NULL: it has.
    ADD COLUMN plan_untold_since timestamptz;
CREATE INDEX accounts_plan_held_idx ON accounts (user_id) WHERE plan_held_since IS NOT NULL;
CREATE INDEX accounts_plan_untold_idx ON accounts (plan_untold_since) WHERE plan_untold_since IS NOT NULL;
