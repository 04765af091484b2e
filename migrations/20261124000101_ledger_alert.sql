-- Alerts of the installation itself, which have no tenant: the books are wrong.
ALTER TYPE alert_kind ADD VALUE 'ledger_imbalance';
ALTER TABLE alerts ALTER COLUMN user_id DROP NOT NULL;
DROP INDEX alerts_open_key;
-- One thing is wrong in one way once at a time.
CREATE UNIQUE INDEX alerts_open_key ON alerts (user_id, kind, subject) NULLS NOT DISTINCT WHERE closed_at IS NULL;
