package verify

import (
	"context"
	"encoding/json"

	"github.com/refundry/refundry/refund"
)

// jsonTexts are the JSON texts of rows that no other pass reads. Which they are of is
// the third column.
const jsonTexts = `SELECT r.merchant_id, 'refund ' || r.id, 0, r.asked_by, r.detail, r.landed, r.shown FROM refunds r
	UNION ALL SELECT e.merchant_id, 'event ' || e.id, 1, e.snapshot, '', '', '' FROM events e
	UNION ALL SELECT j.merchant_id, 'bulk job ' || j.id, 2, j.totals, '', '', '' FROM bulk_jobs j`

// textOf are the columns of jsonTexts by what they are of: their names, and new values
// that they are read into.
var textOf = [][]struct {
	column string
	into   func() any
}{
	{
		{"asked_by", func() any { return new(refund.Asker) }},
		{"detail", func() any { return new(refund.RefundDetail) }},
		{"landed", func() any { return new(refund.Landed) }},
		{"shown", func() any { return new(map[string]string) }},
	},
	{{"snapshot", func() any { return new(refund.Snapshot) }}},
	{{"totals", func() any { return new([]json.RawMessage) }}},
}

// knownTexts bounds the texts that were read already: most rows repeat a few.
const knownTexts = 4096

// readable checks that rows can be read: one that can't is left out of every list, and
// nobody acts on it.
func (v *verifier) readable(ctx context.Context) error {
	type known struct {
		what   int64
		column int
		text   string
	}
	seen := make(map[known]bool)
	return v.q.Query(ctx, jsonTexts, nil, func(scan func(...any) error) error {
		var merchant, row string
		var what int64
		var texts [4]string
		if err := scan(&merchant, &row, &what, &texts[0], &texts[1], &texts[2], &texts[3]); err != nil {
			return err
		}
		for n, column := range textOf[what] {
			one := known{what, n, texts[n]}
			if texts[n] == "" || texts[n] == "{}" || seen[one] {
				continue
			}
			if err := json.Unmarshal([]byte(texts[n]), column.into()); err != nil {
				v.found(Readable, merchant, row, "its %s can't be read: %v", column.column, err)
				continue
			}
			if len(seen) >= knownTexts {
				clear(seen)
			}
			seen[one] = true
		}
		return v.enough(nil)
	})
}
