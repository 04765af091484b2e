-- The second factor: time-based codes, and recovery codes for when the device is gone.
CREATE TABLE second_factors (
    user_id uuid NOT NULL CONSTRAINT second_factors_pkey PRIMARY KEY
        CONSTRAINT second_factors_user_fkey REFERENCES users ON DELETE CASCADE,
    -- Sealed.
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL,
    -- When the first code was right; NULL: log-in does not ask for one yet.
    confirmed_at timestamptz,
    -- The newest step of 30 s whose code was taken: neither it nor an older one is taken again.
    used_step bigint
);

CREATE TABLE recovery_codes (
    user_id uuid NOT NULL CONSTRAINT recovery_codes_factor_fkey REFERENCES second_factors ON DELETE CASCADE,
    -- SHA-256 of the code, which has 80 random bits.
    hash bytea NOT NULL CONSTRAINT recovery_codes_hash_check CHECK (octet_length(hash) = 32),
    used_at timestamptz,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, hash)
);
