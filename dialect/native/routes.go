package native

import (
	"context"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// prefix is what all addresses of the API begin with.
const prefix = "/refundry/"

// handler answers one call, or gives the error that is answered as a problem.
type handler func(*call) error

// route is one method of one address. Without a scope it needs no key.
type route struct {
	method, path string
	scope        merchant.Scope
	// testOnly calls are forbidden in live mode.
	testOnly bool
	handle   handler
	// again answers a repeat of a write with an Idempotency-Key; see once. The
	// calls without one read, or look after the key themselves.
	again func(*call, merchant.Write) error
}

// routes lists every call, in the order of openapi/native.yaml.
func (d *Dialect) routes() []route {
	return []route{
		{method: "GET", path: "/openapi.yaml", handle: d.contract},

		{method: "POST", path: "/charges", scope: merchant.ScopeCharge, handle: d.createCharge, again: d.againCharge},
		{method: "GET", path: "/charges", scope: merchant.ScopeRead, handle: d.listCharges},
		{method: "POST", path: "/charges/batch", scope: merchant.ScopeCharge, handle: d.createCharges},
		{method: "GET", path: "/charges/{id}", scope: merchant.ScopeRead, handle: d.getCharge},

		{method: "POST", path: "/refunds", scope: merchant.ScopeRefund, handle: d.createRefund},
		{method: "GET", path: "/refunds", scope: merchant.ScopeRead, handle: d.listRefunds},
		{method: "GET", path: "/refunds/{id}", scope: merchant.ScopeRead, handle: d.getRefund},
		{method: "POST", path: "/refunds/{id}/cancel", scope: merchant.ScopeRefund, handle: d.cancelRefund, again: d.againCanceled},
		{method: "POST", path: "/refunds/{id}/retry", scope: merchant.ScopeRefund, handle: d.retryRefund, again: d.againRefund},
		{method: "POST", path: "/refunds/{id}/settle", scope: merchant.ScopeRefund, handle: d.settleByHand, again: d.againRefund},
		{method: "POST", path: "/quotes", scope: merchant.ScopeRead, handle: d.createQuote},

		{method: "POST", path: "/endpoints", scope: merchant.ScopeEndpoint, handle: d.createEndpoint, again: d.againEndpoint},
		{method: "GET", path: "/endpoints", scope: merchant.ScopeRead, handle: d.listEndpoints},
		{method: "GET", path: "/endpoints/{id}", scope: merchant.ScopeRead, handle: d.getEndpoint},
		{method: "DELETE", path: "/endpoints/{id}", scope: merchant.ScopeEndpoint, handle: d.deleteEndpoint, again: d.againEndpoint},
		{method: "POST", path: "/endpoints/{id}/rotate", scope: merchant.ScopeEndpoint, handle: d.rotateEndpoint, again: d.againEndpoint},
		{method: "GET", path: "/deliveries", scope: merchant.ScopeRead, handle: d.listDeliveries},
		{method: "POST", path: "/deliveries/{id}/replay", scope: merchant.ScopeEndpoint, handle: d.replayDelivery, again: d.againDelivery},
		{method: "GET", path: "/events", scope: merchant.ScopeRead, handle: d.feed},
		{method: "GET", path: "/events/{id}", scope: merchant.ScopeRead, handle: d.getEvent},

		{method: "GET", path: "/merchant", scope: merchant.ScopeRead, handle: d.getMerchant},
		{method: "PATCH", path: "/merchant/settings", scope: merchant.ScopeMerchant, handle: d.changeSettings, again: d.againSettings},
		{method: "PATCH", path: "/identities/{dialect}/{name}", scope: merchant.ScopeMerchant, handle: d.changeIdentity, again: d.againIdentity},
		{method: "GET", path: "/keys", scope: merchant.ScopeMerchant, handle: d.listKeys},
		{method: "POST", path: "/keys", scope: merchant.ScopeMerchant, handle: d.createKey, again: d.againKey},
		{method: "DELETE", path: "/keys/{id}", scope: merchant.ScopeMerchant, handle: d.deleteKey, again: d.againKey},
		{method: "GET", path: "/balances", scope: merchant.ScopeRead, handle: d.listBalances},

		{method: "GET", path: "/payin/reconciliation/{merchant_id}/{file}", scope: merchant.ScopeRead, handle: d.reconciliation},

		{method: "POST", path: "/sandbox/funds", scope: merchant.ScopeSandbox, testOnly: true, handle: d.addFunds, again: d.againFunds},
		{method: "POST", path: "/sandbox/refunds/{id}/settle", scope: merchant.ScopeSandbox, testOnly: true, handle: d.settle, again: d.againRefund},
		{method: "POST", path: "/sandbox/refunds/{id}/reroute", scope: merchant.ScopeSandbox, testOnly: true, handle: d.reroute, again: d.againRefund},
		{method: "POST", path: "/sandbox/clock", scope: merchant.ScopeSandbox, testOnly: true, handle: d.advance, again: d.againAdvanced},
		{method: "POST", path: "/sandbox/reset", scope: merchant.ScopeSandbox, testOnly: true, handle: d.reset, again: d.againReset},
	}
}

// Register adds the API's routes. Whatever is under /refundry/ and not served
// is answered as a problem, too.
func (d *Dialect) Register(mux *http.ServeMux) {
	byPath := make(map[string]map[string]route)
	for _, r := range d.routes() {
		if byPath[r.path] == nil {
			byPath[r.path] = make(map[string]route)
		}
		byPath[r.path][r.method] = r
	}
	for path, methods := range byPath {
		mux.HandleFunc(prefix+"v1"+path, func(w http.ResponseWriter, r *http.Request) {
			d.serve(w, r, func(c *call) error { return d.dispatch(c, methods) })
		})
	}
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
		d.serve(w, r, func(*call) error {
			return refund.Errorf(refund.KindNotFound, "", "nothing is served at this address; see %sv1/openapi.yaml", prefix)
		})
	})
}

// dispatch finds the method, asks who calls and whether they may, and handles.
func (d *Dialect) dispatch(c *call, methods map[string]route) error {
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	found, ok := methods[method]
	if !ok {
		allowed := slices.Sorted(maps.Keys(methods))
		c.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return refund.Errorf(refund.KindMethodNotAllowed, "", "this address takes %s", strings.Join(allowed, " and "))
	}
	if found.scope == "" {
		return found.handle(c)
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	switch {
	case !c.caller.Key.May(found.scope):
		return refund.Errorf(refund.KindForbidden, "", "the key lacks the scope %s", found.scope)
	case found.testOnly && c.caller.Merchant.Mode != merchant.Test:
		return refund.Errorf(refund.KindForbidden, "", "the sandbox is there in test mode only")
	}
	if found.again != nil {
		return d.once(c, found)
	}
	return found.handle(c)
}

// serve handles one request and answers its error.
func (d *Dialect) serve(w http.ResponseWriter, r *http.Request, handle handler) {
	c := &call{d: d, w: w, r: r, ctx: r.Context(), requestID: "iar_" + refund.NewID(d.now())}
	w.Header().Set("Request-Id", c.requestID)
	w.Header().Set("Cache-Control", "no-store")
	defer func() {
		problem := recover()
		if problem == nil {
			return
		}
		if problem == http.ErrAbortHandler { //nolint:errorlint // net/http panics with this very value
			panic(problem)
		}
		d.s.Log.ErrorContext(c.ctx, "native API: panic", "request_id", c.requestID, "panic", problem, "stack", string(debug.Stack()))
		c.fail(&refund.Error{Kind: refund.KindInternal, Detail: "internal error"})
	}()
	if err := handle(c); err != nil {
		c.fail(err)
	}
}

// call is one request being answered.
type call struct {
	d         *Dialect
	w         http.ResponseWriter
	r         *http.Request
	ctx       context.Context
	requestID string
	caller    merchant.Caller
	read      []byte // the body, if it was read before
	hold      bool   // what is written is held, and sent later
	held      *reply
	answered  bool
}

// authenticate finds the caller by the bearer key.
func (c *call) authenticate() error {
	values := c.r.Header.Values("Authorization")
	if len(values) == 1 {
		scheme, key, _ := strings.Cut(values[0], " ")
		key = strings.TrimSpace(key)
		if strings.EqualFold(scheme, "Bearer") && key != "" && len(key) <= mostKeyBytes {
			var err error
			c.caller, err = c.d.s.Directory.Caller(c.ctx, merchant.Native, key)
			return err
		}
	}
	return refund.Errorf(refund.KindUnauthenticated, "Authorization", "send Authorization: Bearer and a native API key")
}

// mostKeyBytes is far above any key of ours; a longer text needs no look-up.
const mostKeyBytes = 256

// merchantID is the caller's.
func (c *call) merchantID() string { return c.caller.Merchant.ID }
