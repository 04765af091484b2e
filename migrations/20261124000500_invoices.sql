-- Invoices and credit notes: numbers without gaps in each year, contents that never change, and whom they are made out to.
CREATE TYPE billing_document_kind AS ENUM ('invoice', 'credit_note');
CREATE TYPE invoice_line_kind AS ENUM ('item', 'discount', 'credit', 'refund');

-- The last number given out. The row is locked from the number's taking to the commit, so that a transaction that fails
-- gives its number back.
CREATE TABLE invoice_series (
    kind billing_document_kind NOT NULL,
    year integer NOT NULL,
    last bigint NOT NULL CONSTRAINT invoice_series_last_check CHECK (last >= 0),
    CONSTRAINT invoice_series_pkey PRIMARY KEY (kind, year)
);

CREATE TABLE invoices (
    id uuid NOT NULL CONSTRAINT invoices_pkey PRIMARY KEY,
    kind billing_document_kind NOT NULL,
    year integer NOT NULL,
    serial bigint NOT NULL CONSTRAINT invoices_serial_check CHECK (serial > 0),
    -- As it is printed: the prefix that was set then, year and serial.
    number text NOT NULL,
    -- What it was made for; the same key is the same document.
    key text NOT NULL,
    -- NULL: the tenant has left.
    user_id uuid CONSTRAINT invoices_user_fkey REFERENCES users ON DELETE SET NULL,
    payment_id uuid NOT NULL,
    -- The invoice that a credit note takes back, in part or whole.
    corrects uuid CONSTRAINT invoices_corrects_fkey REFERENCES invoices,
    currency text NOT NULL CONSTRAINT invoices_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    -- In the currency's smallest unit: the sum of the lines, and what of it was paid from the balance.
    total bigint NOT NULL,
    from_balance bigint NOT NULL,
    -- By whom the rest was paid, for people.
    paid_by text,
    -- What is paid for: from, and up to.
    period_start timestamptz,
    period_end timestamptz,
    -- Who has made it out, as was set then.
    issuer jsonb NOT NULL,
    -- Sealed: to whom, as they were then. NULL: the tenant has left.
    customer bytea,
    issued_at timestamptz NOT NULL,
    CONSTRAINT invoices_key_key UNIQUE (key),
    CONSTRAINT invoices_number_key UNIQUE (number),
    CONSTRAINT invoices_serial_key UNIQUE (kind, year, serial),
    CONSTRAINT invoices_corrects_check CHECK ((kind = 'credit_note') = (corrects IS NOT NULL)),
    CONSTRAINT invoices_total_check CHECK (total >= 0 AND from_balance BETWEEN 0 AND total),
    CONSTRAINT invoices_period_check CHECK ((period_start IS NULL) = (period_end IS NULL) AND period_start <= period_end)
);
CREATE INDEX invoices_user_idx ON invoices (user_id, id);
CREATE INDEX invoices_payment_idx ON invoices (payment_id);
CREATE INDEX invoices_corrects_idx ON invoices (corrects) WHERE corrects IS NOT NULL;

CREATE TABLE invoice_lines (
    invoice_id uuid NOT NULL CONSTRAINT invoice_lines_invoice_fkey REFERENCES invoices,
    position integer NOT NULL CONSTRAINT invoice_lines_position_check CHECK (position >= 0),
    kind invoice_line_kind NOT NULL,
    description text NOT NULL,
    -- In the smallest unit of the invoice's currency; discounts and credits are negative.
    amount bigint NOT NULL,
    CONSTRAINT invoice_lines_pkey PRIMARY KEY (invoice_id, position),
    CONSTRAINT invoice_lines_amount_check CHECK (CASE WHEN kind IN ('discount', 'credit') THEN amount <= 0 ELSE amount >= 0 END)
);

-- A document that was handed out stays as it is. Only the tenant who leaves is forgotten, with whatever names them, and
-- the customer may be sealed anew under another key.
CREATE FUNCTION invoices_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'user_id' - 'customer' = to_jsonb(OLD) - 'user_id' - 'customer'
        AND (NEW.user_id IS NULL OR NEW.user_id = OLD.user_id) AND (NEW.customer IS NULL OR OLD.customer IS NOT NULL) THEN
        IF NEW.user_id IS NULL THEN
            NEW.customer := NULL;
        END IF;
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an invoice is never changed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER invoices_keep BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION invoices_keep();

CREATE FUNCTION invoice_lines_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a line of an invoice is never changed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER invoice_lines_keep BEFORE UPDATE OR DELETE ON invoice_lines
    FOR EACH ROW EXECUTE FUNCTION invoice_lines_keep();

-- The sum that is printed is the sum of what is printed, and a document has lines. Checked when the transaction ends.
CREATE FUNCTION invoices_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    document uuid;
BEGIN
    IF TG_TABLE_NAME = 'invoices' THEN
        document := NEW.id;
    ELSE
        document := NEW.invoice_id;
    END IF;
    IF (SELECT coalesce(sum(l.amount), -1) FROM invoice_lines l WHERE l.invoice_id = document)
        <> (SELECT i.total FROM invoices i WHERE i.id = document) THEN
        RAISE EXCEPTION 'the lines of an invoice do not add up' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoices_add_up AFTER INSERT ON invoices DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION invoices_add_up();
CREATE CONSTRAINT TRIGGER invoice_lines_add_up AFTER INSERT ON invoice_lines DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION invoices_add_up();

-- To whom a tenant's invoices are made out from now on.
CREATE TABLE billing_details (
    user_id uuid NOT NULL CONSTRAINT billing_details_pkey PRIMARY KEY
        CONSTRAINT billing_details_user_fkey REFERENCES users ON DELETE CASCADE,
    -- Sealed: name, address, tax number.
    details bytea NOT NULL,
    updated_at timestamptz NOT NULL
);
