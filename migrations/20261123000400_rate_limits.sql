-- Rate limits: requests that replicas of the API were allowed to let through, so that all of them keep one limit.
CREATE TABLE rate_limits (
    -- `user_…`, `key_…` or an address; see api/src/limits/caller.rs.
    caller text NOT NULL CONSTRAINT rate_limits_pkey PRIMARY KEY,
    -- The newest window that any replica has asked for.
    window_start timestamptz NOT NULL,
    -- Permits given out in it.
    leased bigint NOT NULL CONSTRAINT rate_limits_leased_check CHECK (leased >= 0),
    -- What the last lease was given: the statement reads its own answer here.
    granted bigint NOT NULL CONSTRAINT rate_limits_granted_check CHECK (granted >= 0)
)
-- A row is written again and again for a minute and then deleted.
WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX rate_limits_window_idx ON rate_limits (window_start);
