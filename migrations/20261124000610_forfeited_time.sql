-- Time that was paid for and given up with its subscription is no credit for the next one, and its refund does not end that.
ALTER TABLE subscription_payments ADD COLUMN forfeited_at timestamptz;
UPDATE subscription_payments p SET forfeited_at = s.ended_at FROM subscriptions s
WHERE s.user_id = p.user_id AND s.status IN ('canceled', 'expired') AND p.covers_to > s.ended_at;
