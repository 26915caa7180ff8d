package payin

import (
	"net/http"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/payin"
)

// route is one operation of the API. handle gives the object to answer with, or
// an error for the table of errors.go; nil is an operation that is not served.
type route struct {
	dialect.Route
	operation wire.Operation
	scope     merchant.Scope
	handle    func(*Dialect, *call) (any, error)
}

func at(o wire.Operation, scope merchant.Scope, handle func(*Dialect, *call) (any, error)) route {
	return route{Route: dialect.Route{Method: o.Verb(), Path: o.Path("{id}")}, operation: o, scope: scope, handle: handle}
}

// routes lists the operations (Y3-1 to Y3-6), of which the first six are
// served.
var routes = []route{
	at(wire.CreateRefund, merchant.ScopeRefund, (*Dialect).createRefund),
	at(wire.QueryRefund, merchant.ScopeRead, (*Dialect).getRefund),
	at(wire.CreateOrder, merchant.ScopeCharge, (*Dialect).createOrderOnce),
	at(wire.QueryOrder, merchant.ScopeRead, (*Dialect).getOrder),
	at(wire.QueryTransaction, merchant.ScopeRead, (*Dialect).getTransaction),
	at(wire.QueryMerchant, merchant.ScopeRead, (*Dialect).getMerchant),
	at(wire.StartMastercard, "", nil),
	at(wire.StartSTCPay, "", nil),
}

// Register adds everything under /api_v1, and the same collections without it
// (Y1-1 and Y1-2).
func (d *Dialect) Register(mux *http.ServeMux) { d.api().Register(mux) }

func (d *Dialect) api() *dialect.API[*call, route] {
	return &dialect.API[*call, route]{
		Dialect: d.Name(), Roots: append([]string{wire.Prefix}, wire.Collections()...), Routes: routes,
		Path: wire.WithoutPrefix, NoEmpty: true,
		// An operation is signed under the name that verb and path have: without
		// one there is nothing that a client could have signed. Headers that come
		// twice are looked after by wire.ReadAuthentication.
		NoMethods:     true,
		RequestPrefix: "iar_",
		Open:          open, Admit: d.admit, Handle: d.handle, Fail: d.fail,
		Now: d.Now, Log: d.Log,
	}
}
