-- What staff and the operator have done, and what befell an account's identity: who, what, before, after, from where.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_log_pkey PRIMARY KEY,
    at timestamptz NOT NULL,
    -- NULL: the operator at the console, or the machinery. No reference: the log outlives its subjects.
    actor_id uuid,
    actor_role role,
    action text NOT NULL,
    -- Whom or what it was done to, as on the wire: `user_…`, `pair_…`, `announcement_…`.
    subject text,
    -- Whose data it was done to.
    user_id uuid,
    before jsonb,
    after jsonb,
    reason text,
    address text,
    request_id text
);
CREATE INDEX audit_log_user_idx ON audit_log (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_log_actor_idx ON audit_log (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_action_idx ON audit_log (action, id);
