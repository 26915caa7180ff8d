package verify

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// jsonText is a column that holds JSON, and a new value that it is read into.
type jsonText struct {
	column string
	into   func() any
}

// needed are those whose text has to be there: the others may be empty.
var needed = map[int64]bool{eventTexts: true, merchantTexts: true, identityTexts: true}

// object is any JSON object: what is in it, the package that writes it knows.
func object() any { return new(map[string]json.RawMessage) }

func list() any { return new([]json.RawMessage) }

// words are settings by their names.
func words() any { return new(map[string]string) }

// What the rows of textsOf, manyTexts and settingTexts are, in their third column.
const (
	refundTexts = iota
	eventTexts
	attemptTexts
	disputeTexts
	bulkTexts
	batchTexts
	noticeTexts
	merchantTexts
	identityTexts
	keyTexts
	accountTexts
	numberTexts
)

// jsonTexts are the columns of each.
var jsonTexts = map[int64][]jsonText{
	refundTexts: {
		{"asked_by", func() any { return new(refund.Asker) }},
		{"detail", func() any { return new(refund.RefundDetail) }},
		{"landed", func() any { return new(refund.Landed) }},
		{"shown", words},
	},
	eventTexts:    {{"snapshot", func() any { return new(refund.Snapshot) }}},
	attemptTexts:  {{"sent", func() any { return new(refund.Sent) }}},
	disputeTexts:  {{"snapshot", object}},
	bulkTexts:     {{"totals", list}},
	batchTexts:    {{"snapshots", func() any { return new([]refund.Snapshot) }}},
	noticeTexts:   {{"content", object}},
	merchantTexts: {{"settings", func() any { return new(merchant.Settings) }}},
	identityTexts: {{"settings", words}},
	keyTexts:      {{"settings", words}, {"limits", func() any { return new(merchant.KeyLimits) }}},
	accountTexts:  {{"settings", words}},
	numberTexts:   {{"contents", list}},
}

// textsOf are the JSON texts of refunds and of what belongs to them that no other pass
// reads; of all, or of a slice (see sliced).
func textsOf(slice bool) string {
	return `WITH f AS (SELECT CAST($1 AS TEXT) AS e)` + sliceOfRefunds(slice) + `
	SELECT r.merchant_id, 'refund ' || r.id, 0, 0, r.asked_by || f.e || r.detail || f.e || r.landed || f.e || r.shown FROM refunds r, f` + sliced(slice, "r", "charge_id") + `
	UNION ALL SELECT e.merchant_id, 'event ' || e.id, 1, 0, e.snapshot FROM ` + eventsOfSlice(slice) + `
	UNION ALL SELECT a.merchant_id, 'attempt ' || a.id, 2, 0, a.sent FROM ` + ofSlice(slice, "attempts a", "a", "a.sent <> ''") + `
	UNION ALL SELECT e.merchant_id, 'event ' || e.id, 3, 0, e.snapshot FROM ` + disputeEventsOfSlice(slice)
}

const (
	// manyTexts are those of rows that belong to no charge.
	manyTexts = `WITH f AS (SELECT CAST($1 AS TEXT) AS e)
	SELECT j.merchant_id, 'bulk job ' || j.id, 4, 0, j.totals FROM bulk_jobs j, f
	UNION ALL SELECT b.merchant_id, 'event ' || b.id, 5, 0, b.snapshots FROM batch_events b
	UNION ALL SELECT n.merchant_id, 'notice ' || n.id, 6, 0, n.content FROM channel_notices n
	UNION ALL SELECT n.merchant_id, n.namespace || ' ' || n.value, 11, 0, n.contents FROM refund_numbers n`
	// settingTexts are those of the few rows that every request or call needs.
	settingTexts = `WITH f AS (SELECT CAST($1 AS TEXT) AS e)
	SELECT m.id, 'merchant ' || m.id, 7, 0, m.settings FROM merchants m, f
	UNION ALL SELECT i.merchant_id, 'identity ' || i.dialect || ' ' || i.name, 8, 0, i.settings FROM identities i
	UNION ALL SELECT k.merchant_id, 'key ' || k.id, 9, 0, k.settings || f.e || k.limits FROM api_keys k, f
	UNION ALL SELECT a.merchant_id, 'channel account ' || a.id, 10, 0, a.settings FROM channel_accounts a
	UNION ALL SELECT a.merchant_id, 'channel account ' || a.id || ' version ' || p.version, 10, 0, p.settings
		FROM channel_account_versions p JOIN channel_accounts a ON a.id = p.account_id`
)

// knownTexts bounds the texts that were read already: most rows repeat a few.
const knownTexts = 4096

// readable checks that rows can be read: one that can't is left out of every list, and
// nobody acts on it.
func (v *verifier) readable(ctx context.Context) error {
	return errors.Join(v.texts(ctx, textsOf(v.slice)), v.texts(ctx, manyTexts), v.texts(ctx, settingTexts))
}

// texts reads the JSON texts of a statement's rows.
func (v *verifier) texts(ctx context.Context, sql string) error {
	type known struct {
		what   int64
		column int
		text   string
	}
	seen := make(map[known]bool)
	return v.stream(ctx, sql, func(row *streamRow) error {
		for n, column := range jsonTexts[row.what] {
			one := known{row.what, n, row.field[n]}
			// An empty text stands for nothing, except in settings that have to be there.
			if one.text == "" && !needed[row.what] || one.text == "{}" || seen[one] {
				continue
			}
			if err := json.Unmarshal([]byte(one.text), column.into()); err != nil {
				v.found(Readable, row.merchant, row.key, "its %s can't be read: %v", column.column, err)
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
