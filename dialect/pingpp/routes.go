package pingpp

import (
	"net/http"
	"strings"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// route is one call of the API. handle gives the object to answer with, or an
// error for the table of errors.go.
type route struct {
	dialect.Route
	scope  merchant.Scope
	handle func(*Dialect, *call) (any, error)
	// signed: a POST must be signed as soon as the merchant has a key for that,
	// whether it switched the check on or not (P1.6-8).
	signed bool
}

// routes lists what is served (P1.2-1 to P1.2-7).
var routes = []route{
	{Route: dialect.Post("/v1/charges"), scope: merchant.ScopeCharge, handle: (*Dialect).createCharge},
	{Route: dialect.Get("/v1/charges"), scope: merchant.ScopeRead, handle: (*Dialect).listCharges},
	{Route: dialect.Get("/v1/charges/{ch}"), scope: merchant.ScopeRead, handle: (*Dialect).getCharge},
	{Route: dialect.Post("/v1/charges/{ch}/reverse"), scope: merchant.ScopeRefund, handle: (*Dialect).reverseCharge},
	{Route: dialect.Post("/v1/charges/{ch}/refunds"), scope: merchant.ScopeRefund, handle: (*Dialect).createRefund},
	{Route: dialect.Get("/v1/charges/{ch}/refunds"), scope: merchant.ScopeRead, handle: (*Dialect).listRefunds},
	{Route: dialect.Get("/v1/charges/{ch}/refunds/{re}"), scope: merchant.ScopeRead, handle: (*Dialect).getRefund},
	{Route: dialect.Post("/v1/batch_refunds"), scope: merchant.ScopeRefund, handle: (*Dialect).createBatch},
	{Route: dialect.Get("/v1/batch_refunds"), scope: merchant.ScopeRead, handle: (*Dialect).listBatches},
	{Route: dialect.Get("/v1/batch_refunds/{id}"), scope: merchant.ScopeRead, handle: (*Dialect).getBatch},
	{Route: dialect.Post("/v1/orders/{or}/order_refunds"), scope: merchant.ScopeRefund, handle: (*Dialect).createOrderRefund, signed: true},
	{Route: dialect.Get("/v1/orders/{or}/order_refunds"), scope: merchant.ScopeRead, handle: (*Dialect).listOrderRefunds},
	{Route: dialect.Get("/v1/orders/{or}/order_refunds/{re}"), scope: merchant.ScopeRead, handle: (*Dialect).getOrderRefund},
	{Route: dialect.Get("/v1/orders/{or}/charges"), scope: merchant.ScopeRead, handle: (*Dialect).listOrderCharges},
	{Route: dialect.Get("/v1/orders/{or}/charges/{ch}"), scope: merchant.ScopeRead, handle: (*Dialect).getOrderCharge},
	{Route: dialect.Get("/v1/events"), scope: merchant.ScopeRead, handle: (*Dialect).listEvents},
	{Route: dialect.Get("/v1/events/{evt}"), scope: merchant.ScopeRead, handle: (*Dialect).getEvent},
}

// Register adds everything under /v1/: a body without "error" breaks two
// clients and is a success to a third (P0-5).
func (d *Dialect) Register(mux *http.ServeMux) {
	api := dialect.API[*call, route]{
		Dialect: d.Name(), Roots: []string{strings.TrimSuffix(wire.PathPrefix, "/")}, Routes: routes,
		// A slash at the end is tolerated (P1.2-8).
		Path:          func(escaped string) string { return strings.TrimRight(escaped, "/") },
		CallerHeaders: []string{"Authorization", wire.HeaderRequestSignature, wire.HeaderRequestTimestamp},
		RequestPrefix: wire.PrefixRequest,
		Open:          open, Before: d.authenticate, Admit: d.read, Handle: d.handle, Fail: d.fail,
		Now: d.Now, Log: d.Log,
	}
	api.Register(mux)
}
