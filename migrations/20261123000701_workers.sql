-- The workers that there are, what they have room for, and what staff has told them.
CREATE TABLE workers (
    name text NOT NULL CONSTRAINT workers_pkey PRIMARY KEY,
    version text NOT NULL,
    -- Accounts that it can host, and drains that it can run, at once.
    hosting_slots integer NOT NULL,
    drain_slots integer NOT NULL,
    -- Accounts that are connected, and drains that run.
    hosted integer NOT NULL,
    drains integer NOT NULL,
    started_at timestamptz NOT NULL,
    -- It says that it is alive every few seconds.
    last_seen_at timestamptz NOT NULL,
    -- It has stopped by itself, and was not started anew.
    stopped_at timestamptz,
    -- Since when it takes no more accounts and gives away those that it has.
    draining_since timestamptz,
    -- It gives them away although nobody may take them.
    drain_forced boolean NOT NULL DEFAULT false
);
