-- Addresses prove themselves by mailed tokens: registrations that wait for theirs, forgotten passwords, new addresses.
CREATE TYPE proof_purpose AS ENUM ('verify_email', 'reset_password', 'change_email', 'undo_email_change');

-- Whoever has not proven yet that the address is theirs is no user: several may wait for the same address.
CREATE TABLE registrations (
    id uuid NOT NULL CONSTRAINT registrations_pkey PRIMARY KEY,
    email text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX registrations_email_idx ON registrations (email, created_at);
CREATE INDEX registrations_created_idx ON registrations (created_at);

-- Tokens that were mailed; one that was used is gone.
CREATE TABLE proofs (
    -- SHA-256 of the token, which has 256 random bits.
    hash bytea NOT NULL CONSTRAINT proofs_pkey PRIMARY KEY
        CONSTRAINT proofs_hash_check CHECK (octet_length(hash) = 32),
    purpose proof_purpose NOT NULL,
    user_id uuid CONSTRAINT proofs_user_fkey REFERENCES users ON DELETE CASCADE,
    registration_id uuid CONSTRAINT proofs_registration_fkey REFERENCES registrations ON DELETE CASCADE,
    -- The address that it is about: the one to be proven, or the one to be had back.
    email text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT proofs_owner_check CHECK (num_nonnulls(user_id, registration_id) = 1),
    CONSTRAINT proofs_registration_check CHECK (registration_id IS NULL OR purpose = 'verify_email')
);
CREATE INDEX proofs_user_idx ON proofs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX proofs_registration_idx ON proofs (registration_id) WHERE registration_id IS NOT NULL;
CREATE INDEX proofs_expires_idx ON proofs (expires_at);

-- How many such mails an address was sent in the current hour, whoever asked for them; the subject is a digest.
CREATE TABLE mailed_addresses (
    subject bytea NOT NULL CONSTRAINT mailed_addresses_pkey PRIMARY KEY,
    window_start timestamptz NOT NULL,
    mails integer NOT NULL
);
CREATE INDEX mailed_addresses_window_idx ON mailed_addresses (window_start);

-- What has ended is forgotten after a while, found without reading what has not.
CREATE INDEX sessions_revoked_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX api_keys_revoked_idx ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX api_keys_expires_idx ON api_keys (expires_at) WHERE expires_at IS NOT NULL;
