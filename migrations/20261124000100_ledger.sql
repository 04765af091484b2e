-- The double-entry ledger: who has how much of which currency, and every movement that has made it so.
CREATE TYPE ledger_account_kind AS ENUM (
    'user', 'provider', 'revenue', 'refunds', 'discounts', 'fees', 'chargebacks', 'adjustments');
CREATE TYPE ledger_entry_kind AS ENUM (
    'settlement', 'deposit', 'refund', 'chargeback', 'proration', 'adjustment', 'reversal');
CREATE TYPE ledger_hold_state AS ENUM ('open', 'captured', 'released', 'expired');

CREATE TABLE ledger_accounts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ledger_accounts_pkey PRIMARY KEY,
    kind ledger_account_kind NOT NULL,
    -- Of a tenant's account; NULL once they have left: the books outlive them.
    user_id uuid CONSTRAINT ledger_accounts_user_fkey REFERENCES users ON DELETE SET NULL,
    -- The code of the payment provider, such as `paypal`.
    provider text,
    currency text NOT NULL CONSTRAINT ledger_accounts_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    -- The sum of the account's postings, in the currency's smallest unit.
    posted bigint NOT NULL DEFAULT 0,
    -- The sum of its open holds.
    held bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    CONSTRAINT ledger_accounts_owner_check CHECK (
        (kind = 'provider') = (provider IS NOT NULL) AND (kind = 'user' OR user_id IS NULL)),
    -- Nobody spends what they do not have, or what is set aside.
    CONSTRAINT ledger_accounts_available_check CHECK (kind <> 'user' OR posted >= held),
    CONSTRAINT ledger_accounts_held_check CHECK (held = 0 OR kind = 'user' AND held > 0),
    -- For the references of postings and holds, which so have the currency of their account.
    CONSTRAINT ledger_accounts_currency_key UNIQUE (id, currency)
);
CREATE UNIQUE INDEX ledger_accounts_user_key ON ledger_accounts (user_id, currency) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX ledger_accounts_system_key ON ledger_accounts (kind, provider, currency) NULLS NOT DISTINCT
    WHERE kind <> 'user';

CREATE TABLE ledger_entries (
    id uuid NOT NULL CONSTRAINT ledger_entries_pkey PRIMARY KEY,
    -- Named by whoever moves the money: the same movement has the same key, however often it is asked for.
    key text NOT NULL CONSTRAINT ledger_entries_key_check CHECK (char_length(key) BETWEEN 1 AND 200),
    -- SHA-256 of what was asked for under the key.
    request_hash bytea NOT NULL CONSTRAINT ledger_entries_request_hash_check CHECK (octet_length(request_hash) = 32),
    kind ledger_entry_kind NOT NULL,
    -- What it is about, such as a payment. No reference: each kind has a table of its own.
    reference uuid,
    reverses uuid CONSTRAINT ledger_entries_reverses_fkey REFERENCES ledger_entries,
    note text NOT NULL CONSTRAINT ledger_entries_note_check CHECK (char_length(note) <= 500),
    created_at timestamptz NOT NULL,
    CONSTRAINT ledger_entries_key_key UNIQUE (key),
    -- An entry is reversed at most once.
    CONSTRAINT ledger_entries_reverses_key UNIQUE (reverses),
    CONSTRAINT ledger_entries_reversal_check CHECK ((kind = 'reversal') = (reverses IS NOT NULL))
);
CREATE INDEX ledger_entries_reference_idx ON ledger_entries (reference) WHERE reference IS NOT NULL;

CREATE TABLE ledger_postings (
    entry_id uuid NOT NULL CONSTRAINT ledger_postings_entry_fkey REFERENCES ledger_entries,
    -- 0 and 1 are the giving and the taking side of the first posting, 2 and 3 those of the second, and so on.
    leg smallint NOT NULL,
    account_id bigint NOT NULL,
    currency text NOT NULL,
    -- Added to the account; negative on the giving side.
    amount bigint NOT NULL,
    CONSTRAINT ledger_postings_pkey PRIMARY KEY (entry_id, leg),
    CONSTRAINT ledger_postings_account_fkey FOREIGN KEY (account_id, currency) REFERENCES ledger_accounts (id, currency),
    CONSTRAINT ledger_postings_amount_check CHECK (amount <> 0 AND (amount < 0) = (leg % 2 = 0))
);
CREATE INDEX ledger_postings_account_idx ON ledger_postings (account_id, entry_id) INCLUDE (amount);

CREATE TABLE ledger_holds (
    id uuid NOT NULL CONSTRAINT ledger_holds_pkey PRIMARY KEY,
    key text NOT NULL CONSTRAINT ledger_holds_key_check CHECK (char_length(key) BETWEEN 1 AND 200),
    request_hash bytea NOT NULL CONSTRAINT ledger_holds_request_hash_check CHECK (octet_length(request_hash) = 32),
    account_id bigint NOT NULL,
    currency text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ledger_holds_amount_check CHECK (amount > 0),
    state ledger_hold_state NOT NULL DEFAULT 'open',
    -- What it is set aside for.
    reference uuid,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    -- The entry that has spent it, in part or whole.
    entry_id uuid CONSTRAINT ledger_holds_entry_fkey REFERENCES ledger_entries,
    CONSTRAINT ledger_holds_key_key UNIQUE (key),
    CONSTRAINT ledger_holds_account_fkey FOREIGN KEY (account_id, currency) REFERENCES ledger_accounts (id, currency),
    CONSTRAINT ledger_holds_state_check CHECK (
        (state = 'open') = (closed_at IS NULL) AND (state = 'captured') = (entry_id IS NOT NULL))
);
CREATE INDEX ledger_holds_open_idx ON ledger_holds (expires_at, id) WHERE state = 'open';
CREATE INDEX ledger_holds_account_idx ON ledger_holds (account_id) WHERE state = 'open';
CREATE INDEX ledger_holds_reference_idx ON ledger_holds (reference) WHERE reference IS NOT NULL;
CREATE INDEX ledger_holds_entry_idx ON ledger_holds (entry_id) WHERE entry_id IS NOT NULL;

-- Each proof of the books, and what it has found.
CREATE TABLE ledger_proofs (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ledger_proofs_pkey PRIMARY KEY,
    at timestamptz NOT NULL,
    accounts bigint NOT NULL,
    entries bigint NOT NULL,
    -- How much is wrong, and the first of it.
    found bigint NOT NULL,
    discrepancies jsonb NOT NULL
);

-- Entries and their postings are written once.
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are written once: a wrong entry is reversed by another one', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_append_only';
END
$$;
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_postings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

-- At the commit, every entry that was written to has postings, and in each currency as much is taken as given.
CREATE FUNCTION ledger_refuse_imbalance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry uuid;
BEGIN
    IF TG_TABLE_NAME = 'ledger_entries' THEN
        entry := NEW.id;
    ELSE
        entry := NEW.entry_id;
    END IF;
    IF NOT EXISTS (SELECT FROM ledger_postings WHERE entry_id = entry)
       OR EXISTS (SELECT FROM ledger_postings WHERE entry_id = entry GROUP BY currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'the postings of entry % do not sum to zero', entry
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_balanced';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER ledger_entries_balanced AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_refuse_imbalance();
CREATE CONSTRAINT TRIGGER ledger_postings_balanced AFTER INSERT ON ledger_postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_refuse_imbalance();
