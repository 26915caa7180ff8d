-- Lines of files are found by whom and what they are about, so that a person's data can
-- be masked in them.

-- +goose Up
CREATE INDEX bulk_lines_about ON bulk_lines (merchant_id, charge_id) WHERE charge_id <> '';
CREATE INDEX bulk_lines_customer ON bulk_lines (merchant_id, customer) WHERE customer NOT IN ('', '***');

-- +goose Down
DROP INDEX bulk_lines_customer;
DROP INDEX bulk_lines_about;
