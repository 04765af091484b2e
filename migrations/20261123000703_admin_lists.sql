-- What the lists of the administration look for: the latest trouble of a pair or an account, and what is not as it should be.
CREATE INDEX error_logs_pair_idx ON error_logs (pair_id, id) WHERE pair_id IS NOT NULL;
CREATE INDEX error_logs_account_idx ON error_logs (account_id, id) WHERE account_id IS NOT NULL;
CREATE INDEX pairs_troubled_idx ON pairs (status, id) WHERE deleted_at IS NULL AND status <> 'active';
CREATE INDEX users_staff_idx ON users (role, id) WHERE role <> 'user';
CREATE INDEX users_suspended_idx ON users (id) WHERE suspended_at IS NOT NULL;
