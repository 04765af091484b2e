-- Settings that staff changes while everything runs.
CREATE TABLE settings (
    key text NOT NULL CONSTRAINT settings_pkey PRIMARY KEY,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    -- No reference: it outlives who changed it. NULL: the operator.
    updated_by uuid
);

-- Processes remember settings for a minute; this makes them forget at once.
CREATE FUNCTION notify_settings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('settings', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER settings_changed AFTER INSERT OR UPDATE OR DELETE ON settings
    FOR EACH STATEMENT EXECUTE FUNCTION notify_settings();
