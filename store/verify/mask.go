package verify

import "context"

// unmasked finds masked rows that name a person. What they hold in JSON texts is
// written by the same statement.
const unmasked = `SELECT c.merchant_id, 'charge ' || c.id FROM charges c WHERE c.masked_at > 0 AND c.customer NOT IN ('', '***')
	UNION ALL SELECT r.merchant_id, 'refund ' || r.id FROM refunds r
	WHERE r.masked_at > 0 AND (r.customer NOT IN ('', '***') OR r.reason NOT IN ('', '***'))
	UNION ALL SELECT l.merchant_id, 'line ' || CAST(l.line AS TEXT) || ' of bulk job ' || l.job_id FROM bulk_lines l
		JOIN refunds r ON r.merchant_id = l.merchant_id AND r.id = l.refund_id
	WHERE l.refund_id <> '' AND r.masked_at > 0 AND (l.customer NOT IN ('', '***') OR l.reason NOT IN ('', '***'))`

// masked checks that what was masked is.
func (v *verifier) masked(ctx context.Context) error {
	return v.q.Query(ctx, unmasked, nil, func(scan func(...any) error) error {
		var merchant, row string
		if err := scan(&merchant, &row); err != nil {
			return err
		}
		v.found(Personal, merchant, row, "it was masked, and names a person (hint: refundry charge mask does it again)")
		return v.enough(nil)
	})
}
