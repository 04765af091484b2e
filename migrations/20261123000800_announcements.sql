-- Announcements: news of the operator to all tenants of some plans, and what became of each recipient.
CREATE TYPE announcement_state AS ENUM ('draft', 'scheduled', 'running', 'paused', 'canceled', 'done');

CREATE TABLE announcements (
    id uuid NOT NULL CONSTRAINT announcements_pkey PRIMARY KEY,
    state announcement_state NOT NULL,
    -- What it says: subject, blocks, button, note. Everybody may read it, so it is not sealed.
    content jsonb NOT NULL,
    -- Subject to the opt-out of promotions.
    promotional boolean NOT NULL,
    -- The ids of the plans whose tenants get it.
    plan_ids uuid[] NOT NULL CONSTRAINT announcements_plans_check CHECK (cardinality(plan_ids) > 0),
    -- By which channels it goes where its reader wants that too.
    via notification_preference NOT NULL CONSTRAINT announcements_via_check CHECK (via <> 'off'),
    -- Messages asked for in a minute.
    per_minute integer NOT NULL CONSTRAINT announcements_per_minute_check CHECK (per_minute BETWEEN 1 AND 6000),
    -- When it begins; NULL for a draft.
    starts_at timestamptz,
    -- When the first batch was handed out. Who registered later does not get it.
    started_at timestamptz,
    finished_at timestamptz,
    -- The last tenant who had their turn, and when the next batch may have theirs.
    cursor uuid,
    next_batch_at timestamptz,
    -- Tenants of its plans when it began; of these, messages asked for, and tenants who do not get it.
    total bigint NOT NULL DEFAULT 0,
    enqueued bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    -- It was changed, and its workflow has not been told; NULL: it has.
    untold_since timestamptz,
    -- No reference: it outlives whoever wrote it.
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT announcements_finished_check CHECK ((state IN ('canceled', 'done')) = (finished_at IS NOT NULL))
);
CREATE INDEX announcements_live_idx ON announcements (id) WHERE state IN ('scheduled', 'running', 'paused');
CREATE INDEX announcements_untold_idx ON announcements (untold_since) WHERE untold_since IS NOT NULL;

CREATE TABLE announcement_recipients (
    announcement_id uuid NOT NULL
        CONSTRAINT announcement_recipients_announcement_fkey REFERENCES announcements ON DELETE CASCADE,
    user_id uuid NOT NULL CONSTRAINT announcement_recipients_user_fkey REFERENCES users ON DELETE CASCADE,
    -- The message that was asked for; NULL: none, or it is forgotten by now.
    notification_id uuid
        CONSTRAINT announcement_recipients_notification_fkey REFERENCES notifications ON DELETE SET NULL,
    -- Why they do not get it; NULL: they do.
    skip_code text,
    at timestamptz NOT NULL,
    CONSTRAINT announcement_recipients_pkey PRIMARY KEY (announcement_id, user_id),
    CONSTRAINT announcement_recipients_skip_check CHECK (skip_code IS NULL OR notification_id IS NULL)
);
CREATE INDEX announcement_recipients_user_idx ON announcement_recipients (user_id);
CREATE INDEX announcement_recipients_notification_idx ON announcement_recipients (notification_id)
    WHERE notification_id IS NOT NULL;
