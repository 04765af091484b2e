-- Plans become rows, so that operators may add some: their limits and features, and exceptions made for single tenants.
CREATE TABLE plans (
    id uuid NOT NULL CONSTRAINT plans_pkey PRIMARY KEY,
    -- The stable name for programs.
    code text NOT NULL CONSTRAINT plans_code_key UNIQUE
        CONSTRAINT plans_code_check CHECK (code ~ '^[a-z][a-z0-9_-]{0,31}$'),
    name text NOT NULL CONSTRAINT plans_name_check CHECK (char_length(name) BETWEEN 1 AND 100),
    -- The place in the list of plans, the lowest first.
    position integer NOT NULL,
    -- Anybody may see it and choose it; others are given by operators.
    is_public boolean NOT NULL,
    -- Limits; NULL is no limit.
    pairs_max integer CONSTRAINT plans_pairs_check CHECK (pairs_max >= 0),
    telegram_accounts_max integer CONSTRAINT plans_telegram_accounts_check CHECK (telegram_accounts_max >= 0),
    discord_accounts_max integer CONSTRAINT plans_discord_accounts_check CHECK (discord_accounts_max >= 0),
    messages_per_minute integer CONSTRAINT plans_messages_per_minute_check CHECK (messages_per_minute > 0),
    messages_per_day integer CONSTRAINT plans_messages_per_day_check CHECK (messages_per_day > 0),
    requests_per_minute integer CONSTRAINT plans_requests_per_minute_check CHECK (requests_per_minute > 0),
    media_bytes_max bigint CONSTRAINT plans_media_bytes_check CHECK (media_bytes_max >= 0),
    -- Features.
    copy_mode boolean NOT NULL,
    chain_forwarding boolean NOT NULL,
    discord_forwarding boolean NOT NULL,
    webhook_identity boolean NOT NULL,
    filters boolean NOT NULL,
    reports boolean NOT NULL,
    -- Temporal's priority of the tenants' tasks, and their share of a contended queue.
    priority integer NOT NULL CONSTRAINT plans_priority_check CHECK (priority BETWEEN 1 AND 5),
    fairness_weight real NOT NULL CONSTRAINT plans_fairness_weight_check CHECK (fairness_weight BETWEEN 0.001 AND 1000),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- The ids are constants of `domain::PlanId`.
INSERT INTO plans (id, code, name, position, is_public, pairs_max, telegram_accounts_max, discord_accounts_max,
                   messages_per_minute, messages_per_day, requests_per_minute, media_bytes_max,
                   copy_mode, chain_forwarding, discord_forwarding, webhook_identity, filters, reports,
                   priority, fairness_weight, created_at, updated_at)
VALUES
    ('01935000-0000-7000-8000-000000000001', 'free', 'Free', 1, true, 3, 1, 1, 20, 1000, 120, 20971520,
     true, false, true, false, true, false, 4, 1, now(), now()),
    ('01935000-0000-7000-8000-000000000002', 'pro', 'Pro', 2, true, 25, 5, 5, 200, 50000, 600, 209715200,
     true, true, true, true, true, true, 2, 2, now(), now()),
    ('01935000-0000-7000-8000-000000000003', 'elite', 'Elite', 3, true, 250, 25, 25, 2000, 1000000, 3000, NULL,
     true, true, true, true, true, true, 1, 4, now(), now());

ALTER TABLE users
    ADD COLUMN plan_id uuid NOT NULL DEFAULT '01935000-0000-7000-8000-000000000001'
        CONSTRAINT users_plan_fkey REFERENCES plans,
    -- When they fall back to Free; NULL: never by itself.
    ADD COLUMN plan_expires_at timestamptz,
    -- Why they have this plan, in the words of who gave it.
    ADD COLUMN plan_reason text CONSTRAINT users_plan_reason_check CHECK (char_length(plan_reason) <= 500),
    -- What the plan allows may have changed since, and was not applied to pairs and accounts yet.
    ADD COLUMN plan_stale_since timestamptz;
UPDATE users u SET plan_id = p.id FROM plans p WHERE p.code = u.plan::text;
ALTER TABLE users DROP COLUMN plan;
DROP TYPE plan;
CREATE INDEX users_plan_idx ON users (plan_id);
CREATE INDEX users_plan_expires_idx ON users (plan_expires_at) WHERE plan_expires_at IS NOT NULL;
CREATE INDEX users_plan_stale_idx ON users (plan_stale_since) WHERE plan_stale_since IS NOT NULL;

-- What an operator has settled for one tenant, whatever the plan says; NULL is what the plan says.
CREATE TABLE user_limits (
    user_id uuid NOT NULL CONSTRAINT user_limits_pkey PRIMARY KEY CONSTRAINT user_limits_user_fkey REFERENCES users,
    pairs_max integer CONSTRAINT user_limits_pairs_check CHECK (pairs_max >= 0),
    telegram_accounts_max integer CONSTRAINT user_limits_telegram_accounts_check CHECK (telegram_accounts_max >= 0),
    discord_accounts_max integer CONSTRAINT user_limits_discord_accounts_check CHECK (discord_accounts_max >= 0),
    messages_per_minute integer CONSTRAINT user_limits_messages_per_minute_check CHECK (messages_per_minute > 0),
    messages_per_day integer CONSTRAINT user_limits_messages_per_day_check CHECK (messages_per_day > 0),
    requests_per_minute integer CONSTRAINT user_limits_requests_per_minute_check CHECK (requests_per_minute > 0),
    media_bytes_max bigint CONSTRAINT user_limits_media_bytes_check CHECK (media_bytes_max >= 0),
    copy_mode boolean,
    chain_forwarding boolean,
    discord_forwarding boolean,
    webhook_identity boolean,
    filters boolean,
    reports boolean,
    reason text NOT NULL CONSTRAINT user_limits_reason_check CHECK (char_length(reason) BETWEEN 1 AND 500),
    -- When the plan's word holds again; NULL: never by itself.
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX user_limits_expires_idx ON user_limits (expires_at) WHERE expires_at IS NOT NULL;

-- Whoever was here before plans had limits keeps what they have, and the exceptions that were made for them.
INSERT INTO user_limits (user_id, pairs_max, telegram_accounts_max, discord_accounts_max, messages_per_minute,
                         messages_per_day, chain_forwarding, webhook_identity, reason, created_at, updated_at)
SELECT u.id, CASE WHEN h.pairs > p.pairs_max THEN h.pairs END,
       CASE WHEN h.telegram > p.telegram_accounts_max THEN h.telegram END,
       CASE WHEN h.discord > p.discord_accounts_max THEN h.discord END,
       u.messages_per_minute, u.messages_per_day,
       CASE WHEN h.pairs > 1 AND NOT p.chain_forwarding THEN true END,
       CASE WHEN h.personas > 0 AND NOT p.webhook_identity THEN true END,
       'as it was before plans had limits', now(), now()
FROM users u JOIN plans p ON p.id = u.plan_id
CROSS JOIN LATERAL (
    SELECT (SELECT count(*)::integer FROM pairs w WHERE w.user_id = u.id AND w.deleted_at IS NULL) AS pairs,
           (SELECT count(*)::integer FROM pairs w WHERE w.user_id = u.id AND w.deleted_at IS NULL
                                                    AND w.options ->> 'webhook_identity' = 'true') AS personas,
           (SELECT count(*)::integer FROM accounts a
            WHERE a.user_id = u.id AND a.status <> 'logged_out' AND a.platform = 'telegram') AS telegram,
           (SELECT count(*)::integer FROM accounts a
            WHERE a.user_id = u.id AND a.status <> 'logged_out' AND a.platform = 'discord') AS discord) h
WHERE h.pairs > p.pairs_max OR h.telegram > p.telegram_accounts_max OR h.discord > p.discord_accounts_max
   OR h.pairs > 1 AND NOT p.chain_forwarding OR h.personas > 0 AND NOT p.webhook_identity
   OR u.messages_per_minute IS NOT NULL OR u.messages_per_day IS NOT NULL;
ALTER TABLE users DROP COLUMN messages_per_minute, DROP COLUMN messages_per_day;
