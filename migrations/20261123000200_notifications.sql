-- Messages to users and to the operator: what is to be said, by which channel, and what has become of it.
CREATE TYPE notification_kind AS ENUM (
    'email_verification', 'password_reset', 'email_change', 'security_notice',
    'session_warning', 'limit_reached', 'health_alert', 'announcement', 'report', 'payment');
CREATE TYPE notification_channel AS ENUM ('email', 'bot');
CREATE TYPE notification_preference AS ENUM ('email', 'bot', 'both', 'off');
CREATE TYPE notification_state AS ENUM ('pending', 'sending', 'sent', 'failed', 'dropped');

-- What a user has chosen; without a row the kind's default holds. The kinds without a choice have none.
CREATE TABLE notification_preferences (
    user_id uuid NOT NULL CONSTRAINT notification_preferences_user_fkey REFERENCES users ON DELETE CASCADE,
    kind notification_kind NOT NULL CONSTRAINT notification_preferences_kind_check
        CHECK (kind NOT IN ('email_verification', 'password_reset', 'email_change', 'security_notice')),
    preference notification_preference NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT notification_preferences_pkey PRIMARY KEY (user_id, kind)
);

-- What holds for all kinds.
CREATE TABLE notification_settings (
    user_id uuid NOT NULL CONSTRAINT notification_settings_pkey PRIMARY KEY
        CONSTRAINT notification_settings_user_fkey REFERENCES users ON DELETE CASCADE,
    -- The zone of the quiet hours.
    zone text NOT NULL DEFAULT 'UTC',
    -- Quiet hours, in minutes since midnight; NULL: none.
    quiet_from_minute smallint,
    quiet_to_minute smallint,
    -- Since when the user takes no promotions; NULL: they do.
    promotions_off_at timestamptz,
    -- Since when the bot is linked; NULL: it is not.
    bot_linked_at timestamptz,
    updated_at timestamptz NOT NULL,
    CONSTRAINT notification_settings_quiet_check CHECK (
        (quiet_from_minute IS NULL) = (quiet_to_minute IS NULL)
        AND quiet_from_minute BETWEEN 0 AND 1439 AND quiet_to_minute BETWEEN 0 AND 1439
        AND quiet_from_minute <> quiet_to_minute)
);

CREATE TABLE notifications (
    id uuid NOT NULL CONSTRAINT notifications_pkey PRIMARY KEY,
    -- Whose; NULL: the operator's, or of an address that is no user's.
    user_id uuid CONSTRAINT notifications_user_fkey REFERENCES users ON DELETE CASCADE,
    kind notification_kind NOT NULL,
    promotional boolean NOT NULL DEFAULT false,
    -- The same key is the same message, however often it is asked for.
    key text NOT NULL CONSTRAINT notifications_key_key UNIQUE,
    -- Where to instead of the user's own address, lower-cased.
    address text,
    -- Sealed; it may hold a token. NULL when nothing is to be sent, or some days after it was.
    content bytea,
    -- When what it says is not true any more.
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT notifications_promotional_check CHECK (NOT promotional OR kind = 'announcement')
);
CREATE INDEX notifications_user_idx ON notifications (user_id, id);
CREATE INDEX notifications_created_idx ON notifications (created_at);
CREATE INDEX notifications_content_idx ON notifications (created_at) WHERE content IS NOT NULL;

-- One message on one channel.
CREATE TABLE notification_sends (
    notification_id uuid NOT NULL
        CONSTRAINT notification_sends_notification_fkey REFERENCES notifications ON DELETE CASCADE,
    channel notification_channel NOT NULL,
    state notification_state NOT NULL,
    -- Who goes first where many wait: 0 before 1.
    priority smallint NOT NULL,
    -- When it may be claimed; for one that is claimed, when its claim is void.
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    first_attempt_at timestamptz,
    claimed_at timestamptz,
    -- When the other side took it.
    sent_at timestamptz,
    reason_code text,
    reason text,
    CONSTRAINT notification_sends_pkey PRIMARY KEY (notification_id, channel),
    CONSTRAINT notification_sends_sent_check CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX notification_sends_due_idx ON notification_sends (channel, priority, due_at)
    WHERE state IN ('pending', 'sending');
