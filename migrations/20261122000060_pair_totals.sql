-- Totals of a pair, added to at the end of each drain: its workflow no longer sees every drain.
ALTER TABLE pairs
    ADD COLUMN sent_total bigint NOT NULL DEFAULT 0,
    ADD COLUMN dead_total bigint NOT NULL DEFAULT 0;
UPDATE pairs p SET sent_total = (SELECT count(*) FROM deliveries d WHERE d.pair_id = p.id AND d.state = 'sent'),
                   dead_total = (SELECT count(*) FROM deliveries d WHERE d.pair_id = p.id AND d.state = 'dead');
-- Every message updates its pair and its delivery a few times: with room on the page, an update touches no index.
ALTER TABLE pairs SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE deliveries SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
