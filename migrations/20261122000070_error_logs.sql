-- What went wrong for a user. The same trouble within an hour is one row that counts, so that a destination which refuses
-- every message does not fill the table.
CREATE TABLE error_logs (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT error_logs_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT error_logs_user_fkey REFERENCES users,
    account_id uuid CONSTRAINT error_logs_account_fkey REFERENCES accounts,
    pair_id uuid CONSTRAINT error_logs_pair_fkey REFERENCES pairs,
    code text NOT NULL,
    detail text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    count bigint NOT NULL DEFAULT 1
);
CREATE INDEX error_logs_user_idx ON error_logs (user_id, id);
CREATE INDEX error_logs_last_idx ON error_logs (last_at);

-- Dead letters are few and looked for by pair.
CREATE INDEX deliveries_dead_idx ON deliveries (pair_id, seq) WHERE state = 'dead';
