-- A row is there before its thread is made: after a crash in between the thread is looked for, not made again.
ALTER TABLE pair_threads ALTER COLUMN destination_thread DROP NOT NULL;
