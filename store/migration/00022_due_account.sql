-- +goose Up
-- The due refunds of one channel account, those whose next step is a submit apart
-- from those that the channel is asked about. The expression is that of
-- store/due_account.go.
CREATE INDEX refunds_due_account ON refunds (merchant_id, channel_account,
    (CASE WHEN (doubt & 7) = 0 AND held_reason <> 'cancel' AND lease_until = 0
        AND (state IN ('created', 'held') OR state = 'pending' AND submitted_at = 0) THEN 1 ELSE 0 END), due_at) WHERE due_at > 0;

-- +goose Down
DROP INDEX refunds_due_account;
