-- Tenants: everything else hangs off a user. Identity (refresh tokens, API keys) adds tables, not columns, here.
CREATE TYPE plan AS ENUM ('free', 'pro', 'elite');

CREATE TABLE users (
    id uuid NOT NULL CONSTRAINT users_pkey PRIMARY KEY,
    email text NOT NULL CONSTRAINT users_email_key UNIQUE,
    password_hash text NOT NULL,
    plan plan NOT NULL DEFAULT 'free',
    created_at timestamptz NOT NULL
);
