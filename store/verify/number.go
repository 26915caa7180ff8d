package verify

import (
	"context"
	"encoding/json"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// uniqueChecks find what has to be there once and is there more often. The
// indexes say the same; this says it from the rows. Each gives a merchant,
// what is repeated, and how often.
var uniqueChecks = []struct{ invariant, what, sql string }{
	{ChannelNumber, "channel number", `SELECT merchant_id, channel_account || ' ' || channel_number, COUNT(*) FROM refunds
		GROUP BY merchant_id, channel_account, channel_number HAVING COUNT(*) > 1`},
	{ChannelNumber, "the channel's refund id", `SELECT merchant_id, channel_account || ' ' || channel_refund_id, COUNT(*) FROM refunds
		WHERE channel_refund_id <> '' GROUP BY merchant_id, channel_account, channel_refund_id HAVING COUNT(*) > 1`},
	{Numbers, "refund number", `SELECT merchant_id, number, COUNT(*) FROM refunds
		WHERE number <> '' GROUP BY merchant_id, number HAVING COUNT(*) > 1`},
	{Feed, "feed number", `SELECT merchant_id, CAST(feed_number AS TEXT), COUNT(*) FROM events
		WHERE feed_number > 0 GROUP BY merchant_id, feed_number HAVING COUNT(*) > 1`},
}

const (
	// pastCounter finds merchants whose events have numbers that were not given yet.
	pastCounter = `SELECT e.merchant_id, MAX(e.feed_number), COALESCE(MAX(f.last_number), 0) FROM events e
		LEFT JOIN feed_counters f ON f.merchant_id = e.merchant_id WHERE e.feed_number > 0
		GROUP BY e.merchant_id HAVING MAX(e.feed_number) > COALESCE(MAX(f.last_number), 0)`
	// withoutNumber finds refunds whose number does not stand for them. The
	// list of a refund number's refunds is that one id: ["re_..."].
	withoutNumber = `SELECT r.merchant_id, r.id, r.number, COALESCE(n.refunds, '') FROM refunds r
		LEFT JOIN refund_numbers n ON n.merchant_id = r.merchant_id AND n.namespace = 'number' AND n.value = r.number
		WHERE r.number <> '' AND (n.refunds IS NULL OR n.refunds <> '["' || r.id || '"]')`
	// numberOfOne are the numbers and keys of one refund that do not stand for
	// one that is there and has that number.
	numberOfOne = `SELECT n.merchant_id, n.namespace, n.value, n.refunds, COALESCE(r.number, '') FROM refund_numbers n
		LEFT JOIN refunds r ON r.merchant_id = n.merchant_id AND r.id = SUBSTR(n.refunds, 3, LENGTH(n.refunds) - 4)
		WHERE n.refunds NOT LIKE '%,%' AND n.refunds <> '[]' AND (r.id IS NULL OR n.namespace = 'number' AND r.number <> n.value)`
	// keyOfWrite are claims for no refunds and for other writes that say too
	// little, claim refunds as well, or made a charge or refund that is not
	// there. What they say is in writes, or beside the claim where a replica of
	// the version before it wrote it.
	keyOfWrite = `SELECT n.merchant_id, n.namespace, n.value, n.write_call, n.write_made FROM (
			SELECT n.merchant_id, n.namespace, n.value, n.refunds, n.contents, COALESCE(w.call, n.write_call) AS write_call,
				COALESCE(w.content, n.write_content) AS write_content, COALESCE(w.made, n.write_made) AS write_made
			FROM refund_numbers n LEFT JOIN writes w ON w.merchant_id = n.merchant_id AND w.namespace = n.namespace AND w.key = n.value
			WHERE n.refunds = '[]' OR n.write_call <> '' OR w.call <> '') n
		WHERE n.namespace <> 'key' OR n.refunds <> '[]' OR n.contents <> '[]' OR n.write_call = '' OR n.write_content = ''
			OR SUBSTR(n.write_made, 1, 3) = 'ch_' AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.merchant_id = n.merchant_id AND c.id = n.write_made)
			OR SUBSTR(n.write_made, 1, 3) = 're_' AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.merchant_id = n.merchant_id AND r.id = n.write_made)`
	// wrongBatch are batches whose claim is of another name or for no refunds,
	// and claims of batches that are not entered.
	wrongBatch = `SELECT b.merchant_id, b.key FROM batches b
			LEFT JOIN refund_numbers n ON n.merchant_id = b.merchant_id AND n.namespace = 'key' AND n.value = b.key
			WHERE b.key <> ' ' || b.dialect || ' batch ' || b.id OR n.refunds IS NULL OR n.refunds = '[]' OR n.created_at <> b.created_at
		UNION ALL SELECT r.merchant_id, r.value FROM refund_numbers r WHERE r.namespace = 'key' AND substr(r.value, 1, 14) = ' pingpp batch '
			AND NOT EXISTS (SELECT 1 FROM batches b WHERE b.merchant_id = r.merchant_id AND b.key = r.value)`
	// numberOfSeveral are keys of units, and whatever else is no list of one.
	numberOfSeveral = `SELECT n.merchant_id, n.namespace, n.value, n.refunds FROM refund_numbers n
		WHERE n.refunds LIKE '%,%' AND (n.merchant_id, n.namespace, n.value) > ($1, $2, $3)
		ORDER BY n.merchant_id, n.namespace, n.value LIMIT $4`
)

// numbers checks what must be unique, and what stands for what.
func (v *verifier) numbers(ctx context.Context) error {
	for _, check := range uniqueChecks {
		err := v.q.Query(ctx, check.sql, nil, func(scan func(...any) error) error {
			var merchant, value string
			var times int64
			err := scan(&merchant, &value, &times)
			v.found(check.invariant, merchant, check.what+" "+value, "it is there %d times", times)
			return v.enough(err)
		})
		if err != nil {
			return err
		}
	}
	err := v.q.Query(ctx, pastCounter, nil, func(scan func(...any) error) error {
		var merchant string
		var highest, last int64
		err := scan(&merchant, &highest, &last)
		v.found(Feed, merchant, "feed counter", "it is at %d, and an event has number %d", last, highest)
		return v.enough(err)
	})
	if err != nil {
		return err
	}
	err = v.q.Query(ctx, withoutNumber, nil, func(scan func(...any) error) error {
		var merchant, id, number, refunds string
		err := scan(&merchant, &id, &number, &refunds)
		v.found(Numbers, merchant, "refund "+id, "its number %q stands for %q", number, refunds)
		return v.enough(err)
	})
	if err != nil {
		return err
	}
	err = v.q.Query(ctx, numberOfOne, nil, func(scan func(...any) error) error {
		var merchant, namespace, value, refunds, number string
		err := scan(&merchant, &namespace, &value, &refunds, &number)
		v.found(Numbers, merchant, namespace+" "+value, "it stands for %s, which is not there or has number %q", refunds, number)
		return v.enough(err)
	})
	if err != nil {
		return err
	}
	err = v.q.Query(ctx, keyOfWrite, nil, func(scan func(...any) error) error {
		var merchant, namespace, value, call, made string
		err := scan(&merchant, &namespace, &value, &call, &made)
		v.found(Numbers, merchant, namespace+" "+value, "it stands for %q, which says too little or made %q, which is not there", call, made)
		return v.enough(err)
	})
	if err != nil {
		return err
	}
	if err := v.batches(ctx); err != nil {
		return err
	}
	return v.units(ctx)
}

// batches checks that batches and their claims say the same.
func (v *verifier) batches(ctx context.Context) error {
	return v.q.Query(ctx, wrongBatch, nil, func(scan func(...any) error) error {
		var merchant, key string
		err := scan(&merchant, &key)
		v.found(Numbers, merchant, "batch"+key, "it and its claim differ, or it is not entered (hint: refundry migrate enters batches of older versions)")
		return v.enough(err)
	})
}

// unitPage is how many keys of units are looked at together.
const unitPage = 500

// units checks keys that stand for several refunds, page by page.
func (v *verifier) units(ctx context.Context) error {
	var last [3]string
	for {
		type key struct{ merchant, name, refunds string }
		var keys []key
		err := v.q.Query(ctx, numberOfSeveral, []any{last[0], last[1], last[2], int64(unitPage)}, func(scan func(...any) error) error {
			var k key
			err := scan(&last[0], &last[1], &last[2], &k.refunds)
			k.merchant, k.name = last[0], last[1]+" "+last[2]
			keys = append(keys, k)
			return err
		})
		if err != nil {
			return err
		}
		wanted := make(map[refund.Key]bool)
		for _, k := range keys {
			var ids []string
			if err := json.Unmarshal([]byte(k.refunds), &ids); err != nil {
				v.found(Numbers, k.merchant, k.name, "what it stands for can't be read: %v", err)
			}
			for _, id := range ids {
				wanted[refund.Key{MerchantID: k.merchant, ID: id}] = true
			}
		}
		missing, err := v.missing(ctx, wanted)
		if err != nil {
			return err
		}
		for one := range missing {
			v.found(Numbers, one.MerchantID, "refund "+one.ID, "a key stands for it, and it is not there")
		}
		if v.full {
			return errEnough
		}
		if len(keys) < unitPage {
			return nil
		}
	}
}

var refundColumns = sqldb.NewColumns("merchant_id TEXT", "id TEXT")

// missing takes out of wanted the refunds that are there.
func (v *verifier) missing(ctx context.Context, wanted map[refund.Key]bool) (map[refund.Key]bool, error) {
	const there = `SELECT r.merchant_id, r.id FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.id = v.id`
	rows := make([][]any, 0, len(wanted))
	for key := range wanted {
		rows = append(rows, []any{key.MerchantID, key.ID})
	}
	err := sqldb.QueryValues(ctx, v.q, refundColumns, rows, there, func(scan func(...any) error) error {
		var key refund.Key
		err := scan(&key.MerchantID, &key.ID)
		delete(wanted, key)
		return err
	})
	return wanted, err
}

// enough ends a statement when the list is full.
func (v *verifier) enough(err error) error {
	if err == nil && v.full {
		return errEnough
	}
	return err
}
