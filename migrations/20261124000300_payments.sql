-- Payments: what is to be paid, what has come and gone back, agreements with providers, and what providers have told us.
CREATE TYPE payment_purpose AS ENUM ('subscribe', 'renew', 'upgrade');
CREATE TYPE payment_state AS ENUM
    ('created', 'pending', 'processing', 'review', 'settled', 'refunded', 'charged_back', 'failed', 'expired', 'canceled');
CREATE TYPE payment_receipt_state AS ENUM ('undecided', 'granted', 'credited', 'returned');
CREATE TYPE refund_state AS ENUM ('asked', 'pending', 'by_hand', 'done', 'failed');
CREATE TYPE agreement_state AS ENUM ('pending', 'active', 'suspended', 'ended');
CREATE TYPE payment_event_state AS ENUM ('new', 'matched', 'unmatched', 'ignored', 'dismissed');

-- Money is in the smallest unit of the row's currency.
CREATE TABLE payments (
    id uuid NOT NULL CONSTRAINT payments_pkey PRIMARY KEY,
    -- NULL: the tenant has left.
    user_id uuid CONSTRAINT payments_user_fkey REFERENCES users ON DELETE SET NULL,
    state payment_state NOT NULL,
    purpose payment_purpose NOT NULL,
    plan_id uuid NOT NULL CONSTRAINT payments_plan_fkey REFERENCES plans,
    period billing_interval NOT NULL,
    currency text NOT NULL CONSTRAINT payments_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    -- What a whole period costs; what this payment is for, which is less for the rest of a period; and what is taken off:
    -- what was paid before and not used, the coupons' discount, and what the tenant's balance pays.
    price bigint NOT NULL CONSTRAINT payments_price_check CHECK (price >= 0),
    list bigint NOT NULL CONSTRAINT payments_list_check CHECK (list >= 0),
    credit bigint NOT NULL CONSTRAINT payments_credit_check CHECK (credit >= 0),
    discount bigint NOT NULL CONSTRAINT payments_discount_check CHECK (discount >= 0),
    from_balance bigint NOT NULL CONSTRAINT payments_from_balance_check CHECK (from_balance >= 0),
    -- What is left to be paid at the provider.
    amount bigint NOT NULL CONSTRAINT payments_amount_check CHECK (amount = greatest(list - credit, 0) - discount - from_balance),
    -- The codes of the coupons that were asked for.
    coupons text[] NOT NULL DEFAULT '{}',
    -- What of the balance is set aside for it.
    hold_id uuid,
    -- NULL: nothing is to be paid at any.
    provider text CONSTRAINT payments_provider_check CHECK (provider ~ '^[a-z][a-z0-9_]{0,31}$'),
    pay_currency text,
    -- The payer is asked to agree to the payments of the following periods, too.
    recurring boolean NOT NULL DEFAULT false,
    agreement_id uuid,
    -- The provider's id, and what the payer needs to pay.
    external_id text,
    handover jsonb,
    -- What somebody asked for under this key: the same again is answered with this payment.
    idempotency_key text,
    request_hash text,
    reason_code text,
    reason text,
    -- Unpaid until then, it is given up.
    expires_at timestamptz NOT NULL,
    -- When the provider is to be asked next, when it was asked last, and how often in a row it has not answered.
    ask_at timestamptz,
    asked_at timestamptz,
    tries integer NOT NULL DEFAULT 0,
    -- When the provider is to be told that it was given up here.
    end_at timestamptz,
    -- When its workflow has something to do; it is woken by the sweep when it sleeps too long.
    due_at timestamptz,
    refunded bigint NOT NULL DEFAULT 0 CONSTRAINT payments_refunded_check CHECK (refunded >= 0),
    period_start timestamptz,
    period_end timestamptz,
    settled_at timestamptz,
    -- When it was settled, or ended unpaid.
    closed_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT payments_idempotency_key UNIQUE (user_id, idempotency_key),
    CONSTRAINT payments_external_key UNIQUE (provider, external_id),
    CONSTRAINT payments_idempotency_check CHECK ((idempotency_key IS NULL) = (request_hash IS NULL)),
    CONSTRAINT payments_provider_amount_check CHECK (amount = 0 OR provider IS NOT NULL),
    CONSTRAINT payments_period_check CHECK ((period_start IS NULL) = (period_end IS NULL)),
    CONSTRAINT payments_settled_check CHECK (state NOT IN ('settled', 'refunded') OR settled_at IS NOT NULL)
);
-- A tenant pays for one thing once at a time.
CREATE UNIQUE INDEX payments_open_key ON payments (user_id, purpose)
    WHERE state IN ('created', 'pending', 'processing') AND user_id IS NOT NULL;
CREATE INDEX payments_user_idx ON payments (user_id, id);
CREATE INDEX payments_due_idx ON payments (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payments_agreement_idx ON payments (agreement_id) WHERE agreement_id IS NOT NULL;
CREATE INDEX payments_review_idx ON payments (id) WHERE state = 'review';

-- A tenant's consent that a provider makes the payments of the following periods by itself.
CREATE TABLE agreements (
    id uuid NOT NULL CONSTRAINT agreements_pkey PRIMARY KEY,
    user_id uuid CONSTRAINT agreements_user_fkey REFERENCES users ON DELETE SET NULL,
    -- The payment that it began with; its workflow looks after the agreement.
    payment_id uuid NOT NULL CONSTRAINT agreements_payment_key UNIQUE
        CONSTRAINT agreements_payment_fkey REFERENCES payments,
    provider text NOT NULL,
    external_id text NOT NULL,
    state agreement_state NOT NULL,
    plan_id uuid NOT NULL CONSTRAINT agreements_plan_fkey REFERENCES plans,
    period billing_interval NOT NULL,
    currency text NOT NULL CONSTRAINT agreements_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    -- What each of the following periods costs.
    amount bigint NOT NULL CONSTRAINT agreements_amount_check CHECK (amount > 0),
    next_payment_at timestamptz,
    failed_payments integer NOT NULL DEFAULT 0,
    last_failed_at timestamptz,
    last_failure text,
    -- When the provider is to be told that it ends, and why.
    end_at timestamptz,
    end_reason text,
    ended_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT agreements_external_key UNIQUE (provider, external_id)
);
CREATE INDEX agreements_user_idx ON agreements (user_id, id);
ALTER TABLE payments ADD CONSTRAINT payments_agreement_fkey FOREIGN KEY (agreement_id) REFERENCES agreements;

-- Money that has come. The same movement of money is one row, however often and by whomever it is told of.
CREATE TABLE payment_receipts (
    id uuid NOT NULL CONSTRAINT payment_receipts_pkey PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT payment_receipts_payment_fkey REFERENCES payments,
    provider text NOT NULL,
    external_id text NOT NULL,
    state payment_receipt_state NOT NULL,
    currency text NOT NULL CONSTRAINT payment_receipts_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CONSTRAINT payment_receipts_amount_check CHECK (amount >= 0),
    -- What the provider has kept of it.
    fee bigint NOT NULL DEFAULT 0 CONSTRAINT payment_receipts_fee_check CHECK (fee >= 0),
    -- Why it must not be granted by itself.
    review_code text,
    review text,
    received_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
    CONSTRAINT payment_receipts_external_key UNIQUE (provider, external_id),
    CONSTRAINT payment_receipts_decided_check CHECK ((state = 'undecided') = (decided_at IS NULL))
);
CREATE INDEX payment_receipts_payment_idx ON payment_receipts (payment_id, id);
CREATE INDEX payment_receipts_undecided_idx ON payment_receipts (payment_id) WHERE state = 'undecided';

-- Money that is to be given back.
CREATE TABLE refunds (
    id uuid NOT NULL CONSTRAINT refunds_pkey PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT refunds_payment_fkey REFERENCES payments,
    -- The receipt that is given back; NULL: what the balance had paid, to the balance.
    receipt_id uuid CONSTRAINT refunds_receipt_fkey REFERENCES payment_receipts,
    state refund_state NOT NULL,
    currency text NOT NULL CONSTRAINT refunds_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CONSTRAINT refunds_amount_check CHECK (amount > 0),
    -- Everything of the payment goes back with it and others: what was paid for ends.
    whole boolean NOT NULL,
    -- The provider's id of it.
    external_id text,
    -- What of the tenant's balance is set aside for it, where the money was put there.
    hold_id uuid,
    note text NOT NULL CONSTRAINT refunds_note_check CHECK (char_length(note) BETWEEN 1 AND 500),
    -- Who asked; NULL: the operator, or it was made at the provider. And under which key: the same again is this one.
    asked_by uuid,
    request_key text,
    reason text,
    due_at timestamptz,
    tries integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    done_at timestamptz,
    CONSTRAINT refunds_done_check CHECK ((state = 'done') = (done_at IS NOT NULL))
);
CREATE INDEX refunds_payment_idx ON refunds (payment_id, id);
CREATE INDEX refunds_receipt_idx ON refunds (receipt_id) WHERE receipt_id IS NOT NULL;
CREATE UNIQUE INDEX refunds_request_key ON refunds (payment_id, request_key, receipt_id) NULLS NOT DISTINCT
    WHERE request_key IS NOT NULL;
CREATE INDEX refunds_open_idx ON refunds (id) WHERE state IN ('asked', 'pending', 'by_hand');

-- Money that has gone back, by us, by the payer's bank or by the provider.
CREATE TABLE payment_reversals (
    id uuid NOT NULL CONSTRAINT payment_reversals_pkey PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT payment_reversals_payment_fkey REFERENCES payments,
    receipt_id uuid NOT NULL CONSTRAINT payment_reversals_receipt_fkey REFERENCES payment_receipts,
    provider text NOT NULL,
    external_id text NOT NULL,
    refund_id uuid CONSTRAINT payment_reversals_refund_fkey REFERENCES refunds,
    chargeback boolean NOT NULL,
    currency text NOT NULL CONSTRAINT payment_reversals_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CONSTRAINT payment_reversals_amount_check CHECK (amount > 0),
    at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT payment_reversals_external_key UNIQUE (provider, external_id),
    CONSTRAINT payment_reversals_refund_key UNIQUE (refund_id)
);
CREATE INDEX payment_reversals_payment_idx ON payment_reversals (payment_id, id);
CREATE INDEX payment_reversals_receipt_idx ON payment_reversals (receipt_id);

-- What providers have told us, as it came, after it was proved genuine.
CREATE TABLE payment_events (
    id uuid NOT NULL CONSTRAINT payment_events_pkey PRIMARY KEY,
    provider text NOT NULL,
    -- The same key is the same event.
    key text NOT NULL,
    kind text NOT NULL,
    state payment_event_state NOT NULL,
    -- The payment that the provider names, and ids of its own that may belong to one.
    names_payment uuid,
    externals text[] NOT NULL,
    ignorable boolean NOT NULL,
    -- The payment that it was passed on to.
    payment_id uuid CONSTRAINT payment_events_payment_fkey REFERENCES payments,
    -- Sealed: the body, byte by byte. NULL: it is old, or of a tenant who has left.
    body bytea,
    happened_at timestamptz,
    received_at timestamptz NOT NULL,
    -- When it is looked at next, while it fits no payment.
    due_at timestamptz,
    decided_at timestamptz,
    CONSTRAINT payment_events_key UNIQUE (provider, key),
    CONSTRAINT payment_events_due_check CHECK ((state = 'new') = (due_at IS NOT NULL))
);
CREATE INDEX payment_events_due_idx ON payment_events (due_at) WHERE state = 'new';
CREATE INDEX payment_events_payment_idx ON payment_events (payment_id, id) WHERE payment_id IS NOT NULL;
CREATE INDEX payment_events_open_idx ON payment_events (id) WHERE state = 'unmatched';
CREATE INDEX payment_events_externals_idx ON payment_events USING gin (externals) WHERE state IN ('new', 'unmatched');
CREATE INDEX payment_events_received_idx ON payment_events (received_at) WHERE body IS NOT NULL;
