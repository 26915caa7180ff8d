package payin

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// getOrder is GET /orders/{id} (Y3-3).
func (d *Dialect) getOrder(c *call) (any, error) {
	o, err := d.order(c.r.Context(), c, c.id)
	if err != nil {
		return nil, err
	}
	return c.orderObject(o), nil
}

// zero is an amount that there is none of.
const zero json.Number = "0"

// orderObject returns an order in the dialect's form. Every charge of the core
// is paid.
func (c *call) orderObject(o order) wire.Order {
	extra, _ := extraOf(o.Charge)
	method := o.method()
	return wire.Order{
		Amount: wire.Number(o.Amount, o.Currency), Tip: zero, TaxAmount: zero, RefundAmount: wire.Number(o.Refunded, o.Currency),
		ID: o.id, ClientID: c.clientID(o), ClientIP: o.clientIP(), MerchantID: o.merchant,
		Products: wire.Nested(extra.Products), Customer: wire.Nested(extra.Customer),
		Status: wire.OrderPaid, Name: o.Detail.Subject, MerchantOrderID: o.OrderNo, NotificationURL: filled(o.Detail.NotifyURL),
		Currency: string(o.Currency), PaidAt: moment(o.PaidAt), ExpiredAt: moment(o.expiresAt()),
		RefundStatus: o.refundStatus(), RefundTimes: o.Refunds, SuccessPaymentMethod: &method,
		CreatedAt: wire.Time(o.createdAt()), UpdatedAt: wire.Time(o.UpdatedAt),
	}
}

// expiresAt is until when the order could be paid.
func (o order) expiresAt() time.Time {
	if o.Detail.TimeExpire > 0 {
		return time.Unix(o.Detail.TimeExpire, 0)
	}
	return o.createdAt().Add(wire.DefaultExpiry)
}

// clientDigits is one more than all client ids have: CLT and 7 digits.
const clientDigits = 10_000_000

// clientID is the client that made the order. Of one that came another way it
// is what the merchant's settings say, else made of the merchant's id.
func (c *call) clientID(o order) string {
	if extra, _ := extraOf(o.Charge); extra.ClientID != "" {
		return extra.ClientID
	}
	if id := c.identity.Public[wire.SettingClientID]; id != "" {
		return id
	}
	if wire.IsMerchantID(c.identity.Name) {
		return "CLT0" + strings.TrimPrefix(c.identity.Name, "M")
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(c.identity.Name)) // documented never to fail
	return fmt.Sprintf("CLT%07d", hash.Sum32()%clientDigits)
}

// order is a charge under the name that this Payin merchant knows it by.
type order struct {
	refund.Charge
	id       string
	merchant string // the Payin merchant's id
}

// order finds an order by its id. One of another merchant, of another Payin
// identity of the same merchant, or without a name here is not found.
func (d *Dialect) order(ctx context.Context, c *call, id string) (order, error) {
	unknown := refund.Errorf(refund.KindChargeNotFound, "", "there is no such order")
	if !wire.IsPossibleID(id) {
		return order{}, unknown
	}
	charge, err := d.Reader.ChargeByAlias(ctx, c.caller.Merchant.ID, merchant.Payin, id)
	if err != nil {
		return order{}, err
	}
	if o, ok := orderNamed(charge, id, c.identity.Name); ok {
		return o, nil
	}
	return order{}, unknown
}

// orderNamed is a charge under a name, if that is the one by which a Payin merchant
// knows it.
func orderNamed(charge refund.Charge, id, identity string) (order, bool) {
	for _, alias := range charge.Aliases {
		if alias.Dialect == merchant.Payin && alias.Name == id && alias.Identity == identity {
			return order{charge, id, identity}, true
		}
	}
	return order{}, false
}

// orderOf finds the name by which a Payin merchant knows a charge; any of them
// when identity is "".
func orderOf(charge refund.Charge, identity string) (order, bool) {
	for _, alias := range charge.Aliases {
		if alias.Dialect == merchant.Payin && (identity == "" || alias.Identity == identity) {
			return order{charge, alias.Name, alias.Identity}, true
		}
	}
	return order{}, false
}
