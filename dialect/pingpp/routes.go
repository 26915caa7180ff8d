package pingpp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// route is one call of the API. handle gives the object to answer with, or an
// error for the table of errors.go.
type route struct {
	method string
	path   string // below /v1/; {x} takes any segment
	scope  merchant.Scope
	handle func(*Dialect, *call) (any, error)
	// signed: a POST must be signed as soon as the merchant has a key for that,
	// whether it switched the check on or not (section 3.6).
	signed bool
}

// routes lists what is served (section 1.2).
var routes = []route{
	{method: http.MethodPost, path: "charges", scope: merchant.ScopeCharge, handle: (*Dialect).createCharge},
	{method: http.MethodGet, path: "charges", scope: merchant.ScopeRead, handle: (*Dialect).listCharges},
	{method: http.MethodGet, path: "charges/{ch}", scope: merchant.ScopeRead, handle: (*Dialect).getCharge},
	{method: http.MethodPost, path: "charges/{ch}/reverse", scope: merchant.ScopeRefund, handle: (*Dialect).reverseCharge},
	{method: http.MethodPost, path: "charges/{ch}/refunds", scope: merchant.ScopeRefund, handle: (*Dialect).createRefund},
	{method: http.MethodGet, path: "charges/{ch}/refunds", scope: merchant.ScopeRead, handle: (*Dialect).listRefunds},
	{method: http.MethodGet, path: "charges/{ch}/refunds/{re}", scope: merchant.ScopeRead, handle: (*Dialect).getRefund},
	{method: http.MethodPost, path: "batch_refunds", scope: merchant.ScopeRefund, handle: (*Dialect).createBatch},
	{method: http.MethodGet, path: "batch_refunds", scope: merchant.ScopeRead, handle: (*Dialect).listBatches},
	{method: http.MethodGet, path: "batch_refunds/{id}", scope: merchant.ScopeRead, handle: (*Dialect).getBatch},
	{method: http.MethodPost, path: "orders/{or}/order_refunds", scope: merchant.ScopeRefund, handle: (*Dialect).createOrderRefund, signed: true},
	{method: http.MethodGet, path: "orders/{or}/order_refunds", scope: merchant.ScopeRead, handle: (*Dialect).listOrderRefunds},
	{method: http.MethodGet, path: "orders/{or}/order_refunds/{re}", scope: merchant.ScopeRead, handle: (*Dialect).getOrderRefund},
	{method: http.MethodGet, path: "orders/{or}/charges", scope: merchant.ScopeRead, handle: (*Dialect).listOrderCharges},
	{method: http.MethodGet, path: "orders/{or}/charges/{ch}", scope: merchant.ScopeRead, handle: (*Dialect).getOrderCharge},
	{method: http.MethodGet, path: "events", scope: merchant.ScopeRead, handle: (*Dialect).listEvents},
	{method: http.MethodGet, path: "events/{evt}", scope: merchant.ScopeRead, handle: (*Dialect).getEvent},
}

// maxSegments is above the deepest route; a longer path is unknown anyway.
const maxSegments = 8

// find gives the route of a request and the ids in its path, or
// KindNotFound, or KindMethodNotAllowed with the methods that there are.
func find(r *http.Request) (found route, ids, allowed []string, err *refund.Error) {
	path, ok := segments(r)
	if !ok {
		return route{}, nil, nil, refund.Errorf(refund.KindNotFound, "", "nothing is served at this address")
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body out
	}
	for _, candidate := range routes {
		captured, ok := match(candidate.path, path)
		if !ok {
			continue
		}
		if candidate.method == method {
			r.Pattern = wire.PathPrefix + candidate.path // for metrics: which call it was
			return candidate, captured, nil, nil
		}
		allowed = append(allowed, candidate.method)
	}
	if allowed != nil {
		slices.Sort(allowed)
		return route{}, nil, allowed, refund.Errorf(refund.KindMethodNotAllowed, "", "this address is not served by %s", r.Method)
	}
	return route{}, nil, nil, refund.Errorf(refund.KindNotFound, "", "nothing is served at this address")
}

// segments are the decoded parts of the path below /v1/. A slash at the end is
// tolerated (section 1.2). An escaped slash belongs to its segment.
func segments(r *http.Request) ([]string, bool) {
	below, ok := strings.CutPrefix(r.URL.EscapedPath(), wire.PathPrefix)
	if !ok {
		return nil, false
	}
	parts := strings.SplitN(strings.TrimRight(below, "/"), "/", maxSegments)
	for i, part := range parts {
		decoded, err := url.PathUnescape(part)
		if err != nil {
			return nil, false
		}
		parts[i] = decoded
	}
	return parts, true
}

// match compares a route's path with a request's and gives what {x} took.
func match(path string, parts []string) (ids []string, ok bool) {
	want := strings.Split(path, "/")
	if len(want) != len(parts) {
		return nil, false
	}
	for i, segment := range want {
		switch {
		case strings.HasPrefix(segment, "{"):
			ids = append(ids, parts[i])
		case segment != parts[i]:
			return nil, false
		}
	}
	return ids, true
}
