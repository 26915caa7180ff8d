package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// chargeColumns is what scanCharge reads, of a table named c: "FROM charges c".
const chargeColumns = `c.merchant_id, c.id, c.order_no, c.channel, c.channel_account, c.transaction_id,
	c.currency, c.amount, c.fee, c.already_refunded, c.reserved, c.refunded, c.blocked, c.excess, c.fee_used, c.used,
	c.refunds, c.last_refund_at, c.paid_at, c.created_at, c.updated_at, c.detail, c.aliases, c.not_before, c.customer, c.masked_at,
	c.verified_at, c.counted`

// insertCharges takes what chargeValues gives.
const insertCharges = `INSERT INTO charges (merchant_id, id, order_no, channel, channel_account, transaction_id,
	currency, amount, fee, already_refunded, reserved, refunded, blocked, excess, fee_used, used,
	refunds, last_refund_at, paid_at, created_at, updated_at, detail, aliases, not_before, customer, masked_at,
	verified_at, counted, payment_key) VALUES`

// chargeWidth is how many columns insertCharges has: those of chargeColumns and
// payment_key.
const chargeWidth = 29

// chargeValues are a charge's row; key is its payment_key, nil for none.
func chargeValues(c refund.Charge, key any) ([]any, error) {
	used, err := usedText(c)
	if err != nil {
		return nil, err
	}
	detail, err := jsonText(c.Detail)
	if err != nil {
		return nil, fmt.Errorf("encode charge %s: %w", c.ID, err)
	}
	aliases, err := jsonText(nonNil(c.Aliases))
	if err != nil {
		return nil, fmt.Errorf("encode charge %s: %w", c.ID, err)
	}
	var fee any
	if c.Fee != nil {
		fee = int64(*c.Fee)
	}
	return []any{
		c.MerchantID, c.ID, c.OrderNo, c.Channel, c.ChannelAccount, c.TransactionID,
		string(c.Currency), int64(c.Amount), fee, int64(c.AlreadyRefunded), int64(c.Reserved), int64(c.Refunded),
		int64(c.Blocked), int64(c.Excess), int64(c.FeeUsed), used,
		c.Refunds, sqldb.Micros(c.LastRefundAt), sqldb.Micros(c.PaidAt), sqldb.Micros(c.CreatedAt), sqldb.Micros(c.UpdatedAt), detail, aliases,
		sqldb.Micros(c.NotBefore), c.Customer, sqldb.Micros(c.MaskedAt), sqldb.Micros(c.VerifiedAt), int64(c.Counted), key,
	}, nil
}

// scanCharge reads a row of chargeColumns. One that breaks an invariant, or whose
// texts can't be read, is KindCorrupt. The charge has its key also then.
func scanCharge(scan func(...any) error) (refund.Charge, error) {
	var c refund.Charge
	var fee *int64
	var lastRefundAt, paidAt, createdAt, updatedAt, notBefore, maskedAt, verifiedAt int64
	var used, detail, aliases string
	err := scan(&c.MerchantID, &c.ID, &c.OrderNo, &c.Channel, &c.ChannelAccount, &c.TransactionID,
		(*string)(&c.Currency), (*int64)(&c.Amount), &fee, (*int64)(&c.AlreadyRefunded), (*int64)(&c.Reserved), (*int64)(&c.Refunded),
		(*int64)(&c.Blocked), (*int64)(&c.Excess), (*int64)(&c.FeeUsed), &used,
		&c.Refunds, &lastRefundAt, &paidAt, &createdAt, &updatedAt, &detail, &aliases, &notBefore, &c.Customer, &maskedAt,
		&verifiedAt, (*int64)(&c.Counted))
	if err != nil {
		return c, fmt.Errorf("read charge: %w", err)
	}
	if fee != nil {
		minor := money.Minor(*fee)
		c.Fee = &minor
	}
	c.LastRefundAt, c.PaidAt = sqldb.FromMicros(lastRefundAt), sqldb.FromMicros(paidAt)
	c.NotBefore, c.MaskedAt, c.VerifiedAt = sqldb.FromMicros(notBefore), sqldb.FromMicros(maskedAt), sqldb.FromMicros(verifiedAt)
	c.CreatedAt, c.UpdatedAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(updatedAt)
	if err := fromUsedText(used, &c); err != nil {
		return c, err
	}
	if err := fromJSON(detail, &c.Detail); err != nil {
		return c, unreadable("charge", c.ID, err)
	}
	if c.Aliases, err = aliasesOf(aliases); err != nil {
		return c, unreadable("charge", c.ID, err)
	}
	return c, c.Check()
}

// used is what refunds hold of a charge's coupons, as the column's JSON; the
// column is empty while they hold nothing.
type used struct {
	Coupons []money.Minor               `json:"coupons,omitempty"`
	Goods   map[string]refund.GoodsUsed `json:"goods,omitempty"`
	Splits  []money.Minor               `json:"splits,omitempty"`
}

func usedText(c refund.Charge) (string, error) {
	if len(c.CouponUsed) == 0 && len(c.GoodsUsed) == 0 && len(c.SplitUsed) == 0 {
		return "", nil
	}
	text, err := jsonText(used{c.CouponUsed, c.GoodsUsed, c.SplitUsed})
	if err != nil {
		return "", fmt.Errorf("encode charge %s: %w", c.ID, err)
	}
	return text, nil
}

func fromUsedText(text string, c *refund.Charge) error {
	if text == "" {
		return nil
	}
	var u used
	if err := fromJSON(text, &u); err != nil {
		return unreadable("charge", c.ID, err)
	}
	c.CouponUsed, c.GoodsUsed, c.SplitUsed = u.Coupons, u.Goods, u.Splits
	return nil
}

// keyColumns is a list of keys in the order in which their rows are locked:
// the database's own order of texts depends on its collation.
var keyColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "id TEXT")

const chargesByKey = `SELECT ` + chargeColumns + ` FROM v JOIN charges c ON c.merchant_id = v.merchant_id AND c.id = v.id ORDER BY v.n`

// charges reads charges by their keys, under lock if asked for; those that do
// not exist are absent.
func (s *Store) charges(ctx context.Context, q sqldb.Querier, keys []refund.ChargeKey, lock bool) (map[refund.ChargeKey]refund.Charge, error) {
	text := chargesByKey
	if lock {
		text += q.Lock("OF c")
	}
	return readCharges(ctx, q, keys, text)
}

// freeCharges locks and reads those charges that no other transaction holds, and
// returns which are held. It never waits.
func (s *Store) freeCharges(ctx context.Context, q sqldb.Querier, keys []refund.ChargeKey) (free map[refund.ChargeKey]refund.Charge, held map[refund.ChargeKey]bool, err error) {
	if free, err = readCharges(ctx, q, keys, chargesByKey+q.Lock("OF c SKIP LOCKED")); err != nil {
		return nil, nil, err
	}
	var missing []refund.ChargeKey
	for _, key := range keys {
		if _, is := free[key]; !is {
			missing = append(missing, key)
		}
	}
	held = make(map[refund.ChargeKey]bool)
	if len(missing) == 0 {
		return free, held, nil
	}
	const there = `SELECT c.merchant_id, c.id FROM v JOIN charges c ON c.merchant_id = v.merchant_id AND c.id = v.id`
	err = sqldb.QueryValues(ctx, q, keyColumns, chargeKeyRows(missing), there, func(scan func(...any) error) error {
		var key refund.ChargeKey
		err := scan(&key.MerchantID, &key.ID)
		held[key] = true
		return err
	})
	return free, held, err
}

func readCharges(ctx context.Context, q sqldb.Querier, keys []refund.ChargeKey, text string) (map[refund.ChargeKey]refund.Charge, error) {
	found := make(map[refund.ChargeKey]refund.Charge, len(keys))
	err := sqldb.QueryValues(ctx, q, keyColumns, chargeKeyRows(keys), text, func(scan func(...any) error) error {
		c, err := scanCharge(scan)
		found[refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}] = c
		return err
	})
	return found, err
}

// soundCharges is charges without those that are corrupt, and under lock without
// those that another transaction holds: it never waits.
func (s *Store) soundCharges(ctx context.Context, q sqldb.Querier, keys []refund.ChargeKey, lock bool) (map[refund.ChargeKey]refund.Charge, error) {
	text := chargesByKey
	if lock {
		text += q.Lock("OF c SKIP LOCKED")
	}
	found := make(map[refund.ChargeKey]refund.Charge, len(keys))
	err := sqldb.QueryValues(ctx, q, keyColumns, chargeKeyRows(keys), text, func(scan func(...any) error) error {
		c, err := scanCharge(scan)
		switch {
		case err == nil:
			found[refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}] = c
		case c.ID == "":
			return err
		}
		return nil
	})
	return found, err
}

func chargeKeyRows(keys []refund.ChargeKey) [][]any {
	rows := make([]rowKey, len(keys))
	for n, key := range keys {
		rows[n] = rowKey{key.MerchantID, key.ID}
	}
	return keyRows(rows)
}

// rowKey is the key of a charge or refund.
type rowKey struct{ merchant, id string }

// keyRows sorts keys in the one order of locking and drops repeated ones.
func keyRows(keys []rowKey) [][]any {
	slices.SortFunc(keys, func(a, b rowKey) int {
		return cmp.Or(cmp.Compare(a.merchant, b.merchant), cmp.Compare(a.id, b.id))
	})
	keys = slices.Compact(keys)
	rows := make([][]any, len(keys))
	for n, key := range keys {
		rows[n] = []any{int64(n), key.merchant, key.id}
	}
	return rows
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
