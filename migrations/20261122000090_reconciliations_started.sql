-- Old reconciliations are forgotten, oldest first: the sweep finds them without reading the ones that stay.
CREATE INDEX reconciliations_started_idx ON reconciliations (started_at);
