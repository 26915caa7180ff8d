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
}

// routes lists what is served (section 1.2).
var routes = []route{
	{http.MethodPost, "charges", merchant.ScopeCharge, (*Dialect).createCharge},
	{http.MethodGet, "charges", merchant.ScopeRead, (*Dialect).listCharges},
	{http.MethodGet, "charges/{ch}", merchant.ScopeRead, (*Dialect).getCharge},
	{http.MethodPost, "charges/{ch}/refunds", merchant.ScopeRefund, (*Dialect).createRefund},
	{http.MethodGet, "charges/{ch}/refunds", merchant.ScopeRead, (*Dialect).listRefunds},
	{http.MethodGet, "charges/{ch}/refunds/{re}", merchant.ScopeRead, (*Dialect).getRefund},
	{http.MethodGet, "events", merchant.ScopeRead, (*Dialect).listEvents},
	{http.MethodGet, "events/{evt}", merchant.ScopeRead, (*Dialect).getEvent},
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
