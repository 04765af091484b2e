-- Users who leave: nobody signs in as them, everything of theirs stops, and a workflow deletes it.
ALTER TABLE users
    -- When they were told goodbye; NULL: they stay.
    ADD COLUMN leaving_at timestamptz,
    -- Who wanted it: themselves or staff; NULL: the operator. No reference, because staff may leave sooner.
    ADD COLUMN leaving_by uuid,
    ADD COLUMN leaving_reason text,
    ADD CONSTRAINT users_leaving_check CHECK (leaving_at IS NOT NULL OR leaving_by IS NULL AND leaving_reason IS NULL);
CREATE INDEX users_leaving_idx ON users (leaving_at) WHERE leaving_at IS NOT NULL;

-- One row a user, of no use without the user.
ALTER TABLE plan_usage
    DROP CONSTRAINT plan_usage_user_fkey,
    ADD CONSTRAINT plan_usage_user_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE IF EXISTS user_limits
    DROP CONSTRAINT IF EXISTS user_limits_user_fkey,
    ADD CONSTRAINT user_limits_user_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
