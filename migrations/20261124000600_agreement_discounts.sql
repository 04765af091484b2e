-- Coupons that are good for more than one payment go on taking something off the payments that an agreement makes.
ALTER TABLE payments
    -- What each of the payments that follow costs as long as coupons take something off it.
    ADD COLUMN reduced_amount bigint CONSTRAINT payments_reduced_amount_check CHECK (reduced_amount > 0),
    -- How many of them; NULL beside an amount: all.
    ADD COLUMN reduced_payments integer CONSTRAINT payments_reduced_payments_check CHECK (reduced_payments > 0),
    ADD CONSTRAINT payments_reduced_check
        CHECK (CASE WHEN reduced_amount IS NULL THEN reduced_payments IS NULL ELSE recurring END);
ALTER TABLE agreements
    ADD COLUMN reduced_amount bigint CONSTRAINT agreements_reduced_amount_check CHECK (reduced_amount > 0),
    ADD COLUMN reduced_payments integer CONSTRAINT agreements_reduced_payments_check CHECK (reduced_payments > 0),
    ADD CONSTRAINT agreements_reduced_check CHECK (reduced_amount IS NOT NULL OR reduced_payments IS NULL);
