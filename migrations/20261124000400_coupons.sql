-- Coupons: what they take off a price and when, which tenants have redeemed them, and what they took off which payment.
CREATE TYPE coupon_redemption_state AS ENUM ('kept', 'reserved', 'used', 'released');
CREATE TYPE coupon_discount_state AS ENUM ('reserved', 'redeemed', 'released');

CREATE TABLE coupons (
    id uuid NOT NULL CONSTRAINT coupons_pkey PRIMARY KEY,
    -- What tenants type, in capital letters.
    code text NOT NULL CONSTRAINT coupons_code_key UNIQUE
        CONSTRAINT coupons_code_check CHECK (code ~ '^[A-Z0-9][A-Z0-9_-]{2,39}$'),
    -- For staff.
    note text NOT NULL CONSTRAINT coupons_note_check CHECK (char_length(note) <= 500),
    -- Exactly one of the two; an amount is in the currency's smallest unit.
    percent smallint CONSTRAINT coupons_percent_check CHECK (percent BETWEEN 1 AND 100),
    amount bigint CONSTRAINT coupons_amount_check CHECK (amount > 0),
    -- Only prices in this currency; NULL: in any.
    currency text CONSTRAINT coupons_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    -- Payments that it is good for; NULL: all that follow.
    periods integer CONSTRAINT coupons_periods_check CHECK (periods BETWEEN 1 AND 120),
    -- Only prices from this on, in the smallest unit; NULL: any.
    minimum bigint CONSTRAINT coupons_minimum_check CHECK (minimum > 0),
    -- Only these plans; none: every plan.
    plan_ids uuid[] NOT NULL,
    -- Only periods of this length, `month` or `year`; NULL: both.
    plan_interval text CONSTRAINT coupons_interval_check CHECK (plan_interval IN ('month', 'year')),
    -- Only tenants who have not paid before.
    first_purchase boolean NOT NULL,
    -- It may be used beside others.
    combinable boolean NOT NULL,
    -- How often one tenant, and all of them, may redeem it; NULL: without limit.
    per_user_max integer CONSTRAINT coupons_per_user_check CHECK (per_user_max > 0),
    redemptions_max bigint CONSTRAINT coupons_redemptions_check CHECK (redemptions_max > 0),
    -- When it begins to hold, and from when on it does not any more; NULL: always.
    starts_at timestamptz,
    ends_at timestamptz,
    -- Since when staff have switched it off; NULL: they have not.
    inactive_since timestamptz,
    -- Its redemptions that are not released: guarded by `redemptions_max` in the statement that adds to it.
    taken bigint NOT NULL DEFAULT 0 CONSTRAINT coupons_taken_check CHECK (taken >= 0),
    -- No reference: it outlives whoever made it.
    created_by uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT coupons_reduction_check CHECK ((percent IS NULL) <> (amount IS NULL)),
    CONSTRAINT coupons_money_check CHECK (currency IS NOT NULL OR amount IS NULL AND minimum IS NULL),
    CONSTRAINT coupons_times_check CHECK (starts_at < ends_at)
);

-- A tenant has redeemed a coupon: this is what limits count.
CREATE TABLE coupon_redemptions (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT coupon_redemptions_pkey PRIMARY KEY,
    coupon_id uuid NOT NULL CONSTRAINT coupon_redemptions_coupon_fkey REFERENCES coupons,
    -- NULL: the tenant has left.
    user_id uuid CONSTRAINT coupon_redemptions_user_fkey REFERENCES users ON DELETE SET NULL,
    state coupon_redemption_state NOT NULL,
    -- Payments that it may take something off, as the coupon said when it was redeemed; NULL: all that follow.
    periods_max integer,
    -- Of these: discounts that are reserved or redeemed, and count.
    periods_taken integer NOT NULL
        CONSTRAINT coupon_redemptions_periods_check CHECK (periods_taken BETWEEN 0 AND coalesce(periods_max, periods_taken)),
    -- Until when a tenant may keep it without using it; NULL: it came with a checkout.
    kept_until timestamptz,
    created_at timestamptz NOT NULL,
    -- When its first discount was paid, and when it was released.
    used_at timestamptz,
    released_at timestamptz,
    CONSTRAINT coupon_redemptions_kept_check CHECK (state <> 'kept' OR kept_until IS NOT NULL),
    CONSTRAINT coupon_redemptions_used_check CHECK (state <> 'used' OR used_at IS NOT NULL),
    CONSTRAINT coupon_redemptions_released_check CHECK ((state = 'released') = (released_at IS NOT NULL))
);
-- A tenant keeps a coupon once at a time.
CREATE UNIQUE INDEX coupon_redemptions_kept_key ON coupon_redemptions (coupon_id, user_id) WHERE state = 'kept';
CREATE INDEX coupon_redemptions_user_idx ON coupon_redemptions (user_id, coupon_id);
CREATE INDEX coupon_redemptions_coupon_idx ON coupon_redemptions (coupon_id, id);
CREATE INDEX coupon_redemptions_lapse_idx ON coupon_redemptions (coupon_id, kept_until) WHERE state = 'kept';

-- What a redemption has taken off one payment. No reference to the payment: the discount is reserved with it or before it.
CREATE TABLE coupon_discounts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT coupon_discounts_pkey PRIMARY KEY,
    payment_id uuid NOT NULL,
    redemption_id bigint NOT NULL
        CONSTRAINT coupon_discounts_redemption_fkey REFERENCES coupon_redemptions,
    state coupon_discount_state NOT NULL,
    -- In the currency's smallest unit.
    amount bigint NOT NULL CONSTRAINT coupon_discounts_amount_check CHECK (amount > 0),
    currency text NOT NULL CONSTRAINT coupon_discounts_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    -- It is one of the redemption's `periods_taken`.
    counts boolean NOT NULL,
    reserved_at timestamptz NOT NULL,
    -- When it was redeemed or released.
    settled_at timestamptz,
    CONSTRAINT coupon_discounts_payment_key UNIQUE (payment_id, redemption_id),
    CONSTRAINT coupon_discounts_settled_check CHECK ((state = 'reserved') = (settled_at IS NULL))
);
CREATE INDEX coupon_discounts_redemption_idx ON coupon_discounts (redemption_id);
