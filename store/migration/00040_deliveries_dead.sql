-- +goose Up
-- The list of deliveries that were given up, whether somebody sent them again or not:
-- few rows of many. The text of the condition is that of store/delivery_list.go.
CREATE INDEX deliveries_given_up ON deliveries (merchant_id, created_at, id) WHERE state = 'dead';

-- +goose Down
DROP INDEX deliveries_given_up;
