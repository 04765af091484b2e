-- Subscriptions: what plans cost, what each tenant subscribes to, what was bought with each payment, and what happened.
CREATE TYPE billing_interval AS ENUM ('month', 'year');
CREATE TYPE subscription_status AS ENUM ('trialing', 'active', 'past_due', 'grace', 'canceled', 'expired');

ALTER TABLE plans
    -- For so many days a tenant may try it out, once; 0: not at all.
    ADD COLUMN trial_days integer NOT NULL DEFAULT 0
        CONSTRAINT plans_trial_days_check CHECK (trial_days BETWEEN 0 AND 365);

-- What one period of a plan costs whoever subscribes from now on. A plan without a price is given by staff only.
CREATE TABLE plan_prices (
    plan_id uuid NOT NULL CONSTRAINT plan_prices_plan_fkey REFERENCES plans ON DELETE CASCADE,
    billing_interval billing_interval NOT NULL,
    -- In the currency's smallest unit.
    amount bigint NOT NULL CONSTRAINT plan_prices_amount_check CHECK (amount BETWEEN 1 AND 1000000000000),
    currency text NOT NULL CONSTRAINT plan_prices_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    updated_at timestamptz NOT NULL,
    CONSTRAINT plan_prices_pkey PRIMARY KEY (plan_id, billing_interval)
);

-- The ids are constants of `domain::PlanId`.
INSERT INTO plan_prices (plan_id, billing_interval, amount, currency, updated_at)
VALUES
    ('01935000-0000-7000-8000-000000000002', 'month', 1000, 'USD', now()),
    ('01935000-0000-7000-8000-000000000002', 'year', 10000, 'USD', now()),
    ('01935000-0000-7000-8000-000000000003', 'month', 3000, 'USD', now()),
    ('01935000-0000-7000-8000-000000000003', 'year', 30000, 'USD', now());
UPDATE plans SET trial_days = 14 WHERE id = '01935000-0000-7000-8000-000000000002';

-- A plan that staff has given holds before the subscription, until it ends.
ALTER TABLE users ADD COLUMN plan_granted boolean NOT NULL DEFAULT false;
UPDATE users SET plan_granted = true WHERE plan_id <> '01935000-0000-7000-8000-000000000001';

-- One row for each tenant who has ever subscribed or tried a plan out.
CREATE TABLE subscriptions (
    user_id uuid NOT NULL CONSTRAINT subscriptions_pkey PRIMARY KEY
        CONSTRAINT subscriptions_user_fkey REFERENCES users ON DELETE CASCADE,
    status subscription_status NOT NULL,
    plan_id uuid NOT NULL CONSTRAINT subscriptions_plan_fkey REFERENCES plans,
    billing_interval billing_interval NOT NULL,
    -- What a period costs, as it was agreed: a new price of the plan is for those who come after it.
    amount bigint NOT NULL CONSTRAINT subscriptions_amount_check CHECK (amount > 0),
    currency text NOT NULL CONSTRAINT subscriptions_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    -- The period that runs, and until when is paid (or tried out): its end, or that of a later one.
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    paid_until timestamptz NOT NULL,
    -- The day of the month on which periods begin, where the month has it.
    anchor_day smallint NOT NULL CONSTRAINT subscriptions_anchor_day_check CHECK (anchor_day BETWEEN 1 AND 31),
    -- What it becomes at `next_at`; NULL: it stays as it is.
    next_plan_id uuid CONSTRAINT subscriptions_next_plan_fkey REFERENCES plans,
    next_interval billing_interval,
    next_amount bigint CONSTRAINT subscriptions_next_amount_check CHECK (next_amount > 0),
    next_at timestamptz,
    -- When it ends by its tenant's wish; NULL: it goes on.
    cancel_at timestamptz,
    -- The agreement with a provider by which renewals are paid.
    agreement_id uuid,
    -- Since when the renewal is missing, and how often it was asked for.
    past_due_since timestamptz,
    attempts smallint NOT NULL DEFAULT 0 CONSTRAINT subscriptions_attempts_check CHECK (attempts >= 0),
    grace_until timestamptz,
    -- The last reminder of this period came so many days before its end.
    reminded_days smallint,
    -- When it ended, and why.
    ended_at timestamptz,
    end_reason text,
    -- When its tenant began to try a plan out; NULL: never.
    trial_at timestamptz,
    -- When something is due; NULL: not before somebody changes it. In the past: its workflow has to be woken.
    due_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT subscriptions_period_check CHECK (period_start < period_end AND period_end <= paid_until),
    CONSTRAINT subscriptions_next_check CHECK (
        num_nonnulls(next_plan_id, next_interval, next_amount, next_at) IN (0, 4)),
    CONSTRAINT subscriptions_ended_check CHECK (
        (status IN ('canceled', 'expired')) = (ended_at IS NOT NULL) AND (ended_at IS NULL) = (end_reason IS NULL)),
    CONSTRAINT subscriptions_past_due_check CHECK (status <> 'past_due' OR past_due_since IS NOT NULL),
    CONSTRAINT subscriptions_grace_check CHECK ((status = 'grace') = (grace_until IS NOT NULL))
);
CREATE INDEX subscriptions_due_idx ON subscriptions (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX subscriptions_status_idx ON subscriptions (status, user_id);
CREATE INDEX subscriptions_agreement_idx ON subscriptions (agreement_id) WHERE agreement_id IS NOT NULL;
CREATE INDEX subscriptions_plan_idx ON subscriptions (plan_id);

-- What was bought with each payment. A payment is known once, so that it buys once.
CREATE TABLE subscription_payments (
    -- No reference: payments came later, and outlive their tenant.
    payment_id uuid NOT NULL CONSTRAINT subscription_payments_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT subscription_payments_user_fkey REFERENCES users ON DELETE CASCADE,
    plan_id uuid NOT NULL CONSTRAINT subscription_payments_plan_fkey REFERENCES plans,
    billing_interval billing_interval NOT NULL,
    -- What was paid, after any discount; and what the time was worth that it bought, with the credit for what it replaced.
    net bigint NOT NULL CONSTRAINT subscription_payments_net_check CHECK (net >= 0),
    value bigint NOT NULL CONSTRAINT subscription_payments_value_check CHECK (value >= 0),
    currency text NOT NULL CONSTRAINT subscription_payments_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    -- The time that it bought; NULL: nothing, because it came too late.
    covers_from timestamptz,
    covers_to timestamptz,
    -- What was left of it was counted for another plan; NULL: it counts.
    superseded_at timestamptz,
    -- It was refunded in whole or taken back.
    taken_back_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT subscription_payments_covers_check CHECK (
        num_nonnulls(covers_from, covers_to) IN (0, 2) AND (covers_from IS NULL OR covers_from < covers_to))
);
CREATE INDEX subscription_payments_user_idx ON subscription_payments (user_id, covers_to);

-- What happened to a subscription: its tenant may look it up.
CREATE TABLE subscription_events (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT subscription_events_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT subscription_events_user_fkey REFERENCES users ON DELETE CASCADE,
    kind text NOT NULL CONSTRAINT subscription_events_kind_check CHECK (kind ~ '^[a-z_]{1,40}$'),
    -- How it stood afterwards.
    status subscription_status NOT NULL,
    plan_id uuid NOT NULL CONSTRAINT subscription_events_plan_fkey REFERENCES plans,
    billing_interval billing_interval NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    -- The payment that brought it about.
    payment_id uuid,
    -- What else there is to say, as a code.
    detail text CONSTRAINT subscription_events_detail_check CHECK (char_length(detail) <= 100),
    at timestamptz NOT NULL
);
CREATE INDEX subscription_events_user_idx ON subscription_events (user_id, id);
