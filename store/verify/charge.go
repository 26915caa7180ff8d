package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// chargeStream puts charges beside their refunds, aliases and disputes; of all, or of
// a slice of one merchant's charges (see sliced).
func chargeStream(slice bool) string {
	return `WITH f AS (SELECT CAST($1 AS TEXT) AS e)
	SELECT c.merchant_id, c.id, 0, 0, c.amount || f.e || COALESCE(c.fee, -1) || f.e || c.already_refunded || f.e || c.reserved || f.e
		|| c.refunded || f.e || c.blocked || f.e || c.excess || f.e || c.fee_used || f.e || c.refunds || f.e
		|| c.currency || f.e || c.used || f.e || c.detail || f.e || c.aliases FROM charges c, f` + sliced(slice, "c", "id") + `
	UNION ALL SELECT r.merchant_id, r.charge_id, 1, r.sequence,
		r.amount || f.e || r.id || f.e || r.currency || f.e || r.state || f.e || r.parts FROM refunds r, f` + sliced(slice, "r", "charge_id") + `
	UNION ALL SELECT a.merchant_id, a.charge_id, 2, 0,
		a.dialect || f.e || a.name || f.e || a.identity || f.e || a.sub FROM charge_aliases a, f` + sliced(slice, "a", "charge_id") + `
	UNION ALL SELECT d.merchant_id, d.charge_id, 3, 0, d.held || f.e || d.amount || f.e || d.id || f.e || d.currency || f.e || d.state FROM disputes d, f` + sliced(slice, "d", "charge_id") + `
	ORDER BY 1, 2, 3, 4`
}

// The fields of a charge in chargeStream; its numbers come first.
const (
	chargeAmount = iota
	chargeFee    // -1 is unknown
	chargeAlready
	chargeReserved
	chargeRefunded
	chargeBlocked
	chargeExcess
	chargeFeeUsed
	chargeRefunds
	chargeCurrency
	chargeUsed
	chargeDetail
	chargeAliases
)

const (
	rowCharge = iota
	rowChargeRefund
	rowChargeAlias
	rowChargeDispute
)

// charges adds up each charge's counters.
func (v *verifier) charges(ctx context.Context) error {
	one := &chargeSums{v: v}
	var withExcess []excess
	err := v.stream(ctx, chargeStream(v.slice), func(row *streamRow) error {
		if row.merchant != one.merchant || row.key != one.id {
			withExcess = one.end(withExcess)
			one.begin(row.merchant, row.key)
		}
		switch row.what {
		case rowCharge:
			one.charge(row)
		case rowChargeRefund:
			one.refund(row)
		case rowChargeDispute:
			one.dispute(row)
		case rowChargeAlias:
			one.aliases = append(one.aliases, refund.Alias{Dialect: row.field[0], Name: row.field[1], Identity: row.field[2], Sub: row.field[3]})
		}
		return nil
	})
	if err != nil {
		return err
	}
	withExcess = one.end(withExcess)
	for _, e := range withExcess {
		if err := v.evidence(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// used is what refunds hold of a charge's coupons and goods, as the charge's
// column has it.
type used struct {
	Coupons []money.Minor               `json:"coupons"`
	Goods   map[string]refund.GoodsUsed `json:"goods"`
}

// chargeSums is one charge as its refunds say that it must be.
type chargeSums struct {
	v            *verifier
	merchant, id string
	there        bool
	stored       [chargeCurrency]int64 // its numbers
	currency     string
	used         used
	coupons      []refund.Coupon

	reserved, refunded, fee total
	blocked                 total
	couponUsed              []total
	goods                   map[string]refund.GoodsUsed
	refunds                 int64
	listed                  string         // its list of names
	aliases                 []refund.Alias // their rows
}

func (c *chargeSums) begin(merchant, id string) {
	*c = chargeSums{v: c.v, merchant: merchant, id: id, goods: c.goods, aliases: c.aliases[:0]}
	if c.goods == nil {
		c.goods = make(map[string]refund.GoodsUsed)
	}
	clear(c.goods)
}

func (c *chargeSums) found(invariant, format string, args ...any) {
	c.v.found(invariant, c.merchant, "charge "+c.id, format, args...)
}

// charge takes the charge's own row, which comes first. What was refunded
// before it came to us is allocated as its registration did.
func (c *chargeSums) charge(row *streamRow) {
	c.there, c.currency = true, row.field[chargeCurrency]
	for n := range c.stored {
		c.stored[n] = row.number(n)
	}
	fresh := refund.Charge{
		ID: c.id, Currency: money.Currency(c.currency),
		Amount: money.Minor(c.stored[chargeAmount]), AlreadyRefunded: money.Minor(c.stored[chargeAlready]),
	}
	if fee := money.Minor(c.stored[chargeFee]); fee >= 0 {
		fresh.Fee = &fee
	}
	if err := fromJSON(row.field[chargeDetail], &fresh.Detail); err != nil {
		c.found(Counters, "its detail can't be read: %v", err)
	}
	c.listed = row.field[chargeAliases]
	if err := fromJSON(row.field[chargeUsed], &c.used); err != nil {
		c.found(Counters, "what is used of its coupons can't be read: %v", err)
	}
	c.coupons = fresh.Detail.Coupons
	c.couponUsed = make([]total, len(c.coupons))
	registered, err := refund.AsRegistered(fresh)
	if err != nil {
		c.found(Counters, "it could not be registered like this: %v", err)
		return
	}
	c.refunded.add(registered.Refunded)
	c.fee.add(registered.FeeUsed)
	for n, x := range registered.CouponUsed {
		c.couponUsed[n].add(x)
	}
}

// refund takes one refund of the charge, in the order of their acceptance.
func (c *chargeSums) refund(row *streamRow) {
	c.refunds++
	amount, name, state := row.number(0), "refund "+row.field[1], refund.State(row.field[3])
	parts, err := readParts(row.field[4])
	if err != nil {
		c.v.found(Parts, c.merchant, name, "its parts can't be read: %v", err)
		return
	}
	if row.place != c.refunds {
		c.v.found(Counters, c.merchant, name, "it is number %d of its charge and says %d", c.refunds, row.place)
	}
	if row.field[2] != c.currency && c.there {
		c.v.found(Parts, c.merchant, name, "it is in %s and its charge in %s", row.field[2], c.currency)
	}
	if text := c.wrongParts(amount, parts); text != "" {
		c.v.found(Parts, c.merchant, name, "%s", text)
	}
	switch {
	case state == refund.Succeeded:
		c.refunded.add(money.Minor(amount))
	case state.Reserves():
		c.reserved.add(money.Minor(amount))
	default:
		return
	}
	if parts.Fee != nil {
		c.fee.add(*parts.Fee)
	}
	for n := range min(len(parts.Coupons), len(c.couponUsed)) {
		c.couponUsed[n].add(parts.Coupons[n])
	}
	for key, g := range parts.Goods {
		was := c.goods[key]
		c.goods[key] = refund.GoodsUsed{Quantity: was.Quantity + g.Quantity, Discount: was.Discount + g.Discount}
	}
}

// dispute takes one dispute of the charge, and what it must hold.
func (c *chargeSums) dispute(row *streamRow) {
	held, amount, state := row.number(0), row.number(1), refund.DisputeState(row.field[4])
	must := int64(0)
	if state.Holds() {
		if must = amount; c.there && row.field[3] != c.currency {
			must = c.stored[chargeAmount] // a part of it can't be told in another currency
		}
	}
	if held != must || !state.Valid() {
		c.v.found(Disputes, c.merchant, "dispute "+row.field[2], "it is %s and holds %d, not %d", state, held, must)
	}
	c.blocked.add(money.Minor(held))
}

func (c *chargeSums) wrongParts(amount int64, parts refund.Parts) string {
	var sum total
	sum.add(parts.Payer)
	least := parts.Payer
	for _, x := range parts.Coupons {
		sum.add(x)
		least = min(least, x)
	}
	switch {
	case !sum.is(amount):
		return fmt.Sprintf("its parts sum to %d, its amount is %d", sum.sum, amount)
	case least < 0, parts.Fee != nil && *parts.Fee < 0:
		return "one of its parts is negative"
	case c.there && len(parts.Coupons) != len(c.coupons):
		return fmt.Sprintf("it has parts of %d coupons, its charge has %d", len(parts.Coupons), len(c.coupons))
	case c.there && (parts.Fee == nil) != (c.stored[chargeFee] < 0):
		return "it gives a fee back and its charge has none, or the other way round"
	}
	return ""
}

// end compares what was added up with what is stored, and notes the charge if
// it holds more than was paid.
func (c *chargeSums) end(withExcess []excess) []excess {
	if c.merchant == "" && c.id == "" {
		return withExcess
	}
	if !c.there {
		c.found(Counters, "its refunds or names are there, and it is not")
		return withExcess
	}
	amount, blocked, over := c.stored[chargeAmount], c.stored[chargeBlocked], c.stored[chargeExcess]
	for _, one := range []struct {
		name   string
		added  total
		stored int64
	}{
		{"reserved", c.reserved, c.stored[chargeReserved]},
		{"refunded", c.refunded, c.stored[chargeRefunded]},
		{"blocked", c.blocked, c.stored[chargeBlocked]},
		{"fee_used", c.fee, c.stored[chargeFeeUsed]},
		{"refunds", total{sum: money.Minor(c.refunds)}, c.stored[chargeRefunds]},
	} {
		if !one.added.is(one.stored) {
			c.found(Counters, "%s is %d, its refunds or disputes add up to %d", one.name, one.stored, one.added.sum)
		}
	}
	c.compareUsed()
	var held total
	held.add(c.reserved.sum)
	held.add(c.refunded.sum)
	held.add(money.Minor(blocked))
	var limit total
	limit.add(money.Minor(amount))
	limit.add(money.Minor(over))
	beyond := max(0, held.sum-money.Minor(amount))
	switch {
	case held.over || held.sum > limit.sum && !limit.over:
		c.found(Cap, "it holds %d of %d, and %d is excess", held.sum, amount, over)
	case money.Minor(over) != beyond:
		c.found(Cap, "its excess is %d, and it holds %d more than was paid", over, beyond)
	}
	c.compareAliases()
	if over > 0 && len(withExcess) < maxFindings {
		withExcess = append(withExcess, excess{c.merchant, c.id, money.Minor(over)})
	}
	return withExcess
}

func (c *chargeSums) compareUsed() {
	stored := make([]money.Minor, max(len(c.couponUsed), len(c.used.Coupons)))
	copy(stored, c.used.Coupons)
	for n := range stored {
		if n >= len(c.couponUsed) || !c.couponUsed[n].is(int64(stored[n])) {
			c.found(Counters, "of its coupons %v is used, its refunds add up to something else", c.used.Coupons)
			break
		}
	}
	nothing := func(_ string, g refund.GoodsUsed) bool { return g == refund.GoodsUsed{} }
	maps.DeleteFunc(c.used.Goods, nothing)
	maps.DeleteFunc(c.goods, nothing)
	if !maps.Equal(c.used.Goods, c.goods) {
		c.found(Counters, "of its goods %v is used, its refunds add up to %v", c.used.Goods, c.goods)
	}
}

// excess is a charge that holds more than was paid.
type excess struct {
	merchant, charge string
	amount           money.Minor
}

// evidence lists what only records what a channel had done: adopted and corrected
// refunds, and disputes. Nothing else may make excess.
func (v *verifier) evidence(ctx context.Context, e excess) error {
	const text = `SELECT r.id, r.amount, r.asked_by,
			(SELECT COUNT(*) FROM transfers t WHERE t.merchant_id = r.merchant_id AND t.refund_id = r.id AND t.kind = 'correct')
		FROM refunds r WHERE r.merchant_id = $1 AND r.charge_id = $2 AND r.state = 'succeeded' ORDER BY r.id`
	const held = `SELECT d.id, d.held FROM disputes d WHERE d.merchant_id = $1 AND d.charge_id = $2 AND d.held > 0 ORDER BY d.id`
	var recorded total
	var names []string
	note := func(id string, amount int64) {
		recorded.add(money.Minor(amount))
		names = append(names, id)
	}
	err := v.q.Query(ctx, held, []any{e.merchant, e.charge}, func(scan func(...any) error) error {
		var id string
		var amount int64
		err := scan(&id, &amount)
		note(id, amount)
		return err
	})
	if err != nil {
		return err
	}
	err = v.q.Query(ctx, text, []any{e.merchant, e.charge}, func(scan func(...any) error) error {
		var id, askedBy string
		var amount, corrected int64
		if err := scan(&id, &amount, &askedBy, &corrected); err != nil {
			return err
		}
		if corrected > 0 || adopted(askedBy) {
			note(id, amount)
		}
		return nil
	})
	if err != nil {
		return err
	}
	f := refund.Finding{Invariant: Excess, MerchantID: e.merchant, Row: "charge " + e.charge, Note: true}
	f.Text = fmt.Sprintf("%d more than was paid, by what the channel did in %v", e.amount, names)
	if !recorded.over && recorded.sum < e.amount {
		f = refund.Finding{Invariant: Cap, MerchantID: e.merchant, Row: "charge " + e.charge}
		f.Text = fmt.Sprintf("%d is excess, and the channel's own doing, in %v, explains only %d", e.amount, names, recorded.sum)
	}
	v.add(f)
	return nil
}

// adopted says that the channel made the refund without us.
func adopted(askedBy string) bool {
	var by refund.Asker
	return askedBy != "" && json.Unmarshal([]byte(askedBy), &by) == nil && by.Dialect == refund.ByChannel
}
