-- The audit log is read by what was done to, such as a payment.
CREATE INDEX audit_log_subject_idx ON audit_log (subject, id) WHERE subject IS NOT NULL;
