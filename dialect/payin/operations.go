package payin

import (
	"context"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// operation is one call of the API. handle gives the object to answer with, or
// an error for the table of errors.go.
type operation struct {
	scope  merchant.Scope
	handle func(*Dialect, *call) (any, error)
}

// operations lists what is served: the first six of section 3.
var operations = map[wire.Operation]operation{
	wire.CreateRefund:     {merchant.ScopeRefund, (*Dialect).createRefund},
	wire.QueryRefund:      {merchant.ScopeRead, (*Dialect).getRefund},
	wire.CreateOrder:      {merchant.ScopeCharge, (*Dialect).createOrderOnce},
	wire.QueryOrder:       {merchant.ScopeRead, (*Dialect).getOrder},
	wire.QueryTransaction: {merchant.ScopeRead, (*Dialect).getTransaction},
	wire.QueryMerchant:    {merchant.ScopeRead, (*Dialect).getMerchant},
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
	for _, alias := range charge.Aliases {
		if alias.Dialect == merchant.Payin && alias.Name == id && alias.Identity == c.identity.Name {
			return order{charge, id, alias.Identity}, nil
		}
	}
	return order{}, unknown
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
