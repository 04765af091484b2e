-- Alerts: what is wrong with tenants' accounts, pairs and limits, and what was told of it.
CREATE TYPE alert_kind AS ENUM (
    'session_revoked', 'session_banned', 'session_limited', 'account_unreachable', 'pair_blocked', 'pair_lagging',
    'dead_letters', 'day_limit', 'minute_limit', 'plan_surplus');

CREATE TABLE alerts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT alerts_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT alerts_user_fkey REFERENCES users ON DELETE CASCADE,
    kind alert_kind NOT NULL,
    -- The account, the pair, or the tenant.
    subject uuid NOT NULL,
    -- What people call it, and more about what is wrong.
    label text NOT NULL,
    detail text,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    -- What its tenant was told, and whether there is no more to tell.
    told_at timestamptz,
    times_told smallint NOT NULL DEFAULT 0,
    settled_at timestamptz,
    -- The same for the operator.
    operator_told_at timestamptz,
    operator_times_told smallint NOT NULL DEFAULT 0,
    operator_settled_at timestamptz,
    CONSTRAINT alerts_settled_check CHECK (closed_at IS NOT NULL OR settled_at IS NULL)
);
-- One thing is wrong in one way once at a time.
CREATE UNIQUE INDEX alerts_open_key ON alerts (user_id, kind, subject) WHERE closed_at IS NULL;
CREATE INDEX alerts_unsettled_idx ON alerts (user_id, id) WHERE settled_at IS NULL OR operator_settled_at IS NULL;
CREATE INDEX alerts_closed_idx ON alerts (closed_at) WHERE settled_at IS NOT NULL AND operator_settled_at IS NOT NULL;
