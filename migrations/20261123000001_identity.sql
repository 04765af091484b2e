-- Who somebody is: roles, sessions with their rotating refresh tokens, API keys, and what guessing costs.
CREATE TYPE role AS ENUM ('user', 'support', 'admin');
CREATE TYPE scope AS ENUM ('read', 'forward', 'accounts', 'notifications', 'billing');
CREATE TYPE session_kind AS ENUM ('tenant', 'staff');

ALTER TABLE users
    ADD COLUMN role role NOT NULL DEFAULT 'user',
    -- NULL: nobody has proven yet that the address is theirs.
    ADD COLUMN email_verified_at timestamptz,
    ADD COLUMN password_changed_at timestamptz,
    -- Nothing is hosted or carried, and nobody signs in, until it is lifted.
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN suspended_reason text;
-- Whoever registered before addresses were verified has been using theirs.
UPDATE users SET email_verified_at = created_at;

CREATE TABLE sessions (
    id uuid NOT NULL CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT sessions_user_fkey REFERENCES users ON DELETE CASCADE,
    kind session_kind NOT NULL,
    -- From where and with what it was begun, for the user's own list.
    address text NOT NULL,
    user_agent text,
    created_at timestamptz NOT NULL,
    -- To the minute.
    last_used_at timestamptz NOT NULL,
    -- Moves with each refresh, up to the longest life of a session.
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text
);
CREATE INDEX sessions_user_idx ON sessions (user_id, created_at);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);

-- Every refresh token that a session has had: one that comes back a second time was stolen.
CREATE TABLE refresh_tokens (
    hash bytea NOT NULL CONSTRAINT refresh_tokens_pkey PRIMARY KEY,
    session_id uuid NOT NULL CONSTRAINT refresh_tokens_session_fkey REFERENCES sessions ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_tokens_session_idx ON refresh_tokens (session_id);

CREATE TABLE api_keys (
    id uuid NOT NULL CONSTRAINT api_keys_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT api_keys_user_fkey REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    -- SHA-256 of the secret part, which has 256 random bits.
    hash bytea NOT NULL,
    scopes scope[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    -- To the minute.
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_user_idx ON api_keys (user_id, created_at);

-- What failed lately, by what was guessed at or from where; the subject is a digest.
CREATE TABLE sign_in_failures (
    subject bytea NOT NULL CONSTRAINT sign_in_failures_pkey PRIMARY KEY,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL
);
CREATE INDEX sign_in_failures_last_idx ON sign_in_failures (last_at);

-- API replicas remember for a few seconds who a token belongs to; this makes them forget at once.
CREATE FUNCTION notify_identity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched uuid;
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        touched := OLD.id;
    ELSE
        touched := OLD.user_id;
    END IF;
    PERFORM pg_notify('identity', touched::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER users_identity AFTER UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION notify_identity();
CREATE TRIGGER sessions_identity AFTER UPDATE OF revoked_at ON sessions FOR EACH ROW
    WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at) EXECUTE FUNCTION notify_identity();
CREATE TRIGGER api_keys_identity AFTER UPDATE OF revoked_at ON api_keys FOR EACH ROW
    WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at) EXECUTE FUNCTION notify_identity();
