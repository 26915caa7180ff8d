package wallet

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// route is one call of the API. handle gives the object to answer with, or an
// error for the table of errors.go.
type route struct {
	method string
	path   string // {x} takes any segment
	scope  merchant.Scope
	handle func(*Dialect, *call) (any, error)
}

// routes lists what is served (sections 2 and 3). {wallet} comes first in a
// path that has it.
var routes = []route{
	{http.MethodPost, "wallet/{wallet}/refund", merchant.ScopeRefund, (*Dialect).createRefund},
	{http.MethodGet, "wallet/{wallet}", merchant.ScopeRead, (*Dialect).getWallet},
	{http.MethodGet, "wallet/{wallet}/obj/{id}", merchant.ScopeRead, (*Dialect).getObject},
	{http.MethodPost, "wallet/{wallet}/charges", merchant.ScopeCharge, (*Dialect).createChargeOnce},
	{http.MethodGet, "wallet/{wallet}/charges/list", merchant.ScopeRead, (*Dialect).listCharges},
	{http.MethodGet, "wallet/{wallet}/charges/{charge}/refunds", merchant.ScopeRead, (*Dialect).listRefunds},

	{http.MethodPost, "charges/{charge}/refunds", merchant.ScopeRefund, (*Dialect).createOldRefund},
	{http.MethodGet, "charges/{charge}/refunds", merchant.ScopeRead, (*Dialect).listOldRefunds},
	{http.MethodGet, "charges/{charge}/refunds/{refund}", merchant.ScopeRead, (*Dialect).getOldRefund},
}

// walletSegment begins the paths that name a wallet.
const walletSegment = "wallet"

// belowWallet are segments that follow a wallet's name. One in its place means
// that the name was empty: proxies and clients fold the two slashes into one.
var belowWallet = []string{"refund", "obj", "charges"}

// maxSegments is above the deepest route; a longer path is unknown anyway.
const maxSegments = 8

// find gives the route of a request and the names in its path, or
// KindNotFound, or KindMethodNotAllowed with the methods that there are.
func find(r *http.Request) (found route, names, allowed []string, err error) {
	unknown := refund.Errorf(refund.KindNotFound, "", "nothing is served at this address")
	path, ok := segments(r)
	if !ok {
		return route{}, nil, nil, unknown
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body out
	}
	if len(path) > 1 && path[0] == walletSegment && (path[1] == "" || slices.Contains(belowWallet, path[1]) && (len(path) > 2 || method == http.MethodPost)) {
		return route{}, nil, nil, &wire.ParamError{Code: wire.CodeWalletIDNull, Text: wire.CodeWalletIDNull.Name()}
	}
	for _, candidate := range routes {
		captured, ok := match(candidate.path, path)
		if !ok {
			continue
		}
		if candidate.method == method {
			r.Pattern = "/" + candidate.path // for metrics: which call it was
			return candidate, captured, nil, nil
		}
		allowed = append(allowed, candidate.method)
	}
	if allowed != nil {
		slices.Sort(allowed)
		return route{}, nil, allowed, refund.Errorf(refund.KindMethodNotAllowed, "", "this address is not served by %s", r.Method)
	}
	return route{}, nil, nil, unknown
}

// segments are the decoded parts of the path, without /api/v1. A slash at the
// end is tolerated. An escaped slash belongs to its segment.
func segments(r *http.Request) ([]string, bool) {
	path := r.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(path, wire.PathPrefix+"/"); ok {
		path = "/" + rest
	}
	parts := strings.SplitN(strings.Trim(path, "/"), "/", maxSegments)
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
func match(path string, parts []string) (names []string, ok bool) {
	want := strings.Split(path, "/")
	if len(want) != len(parts) {
		return nil, false
	}
	for i, segment := range want {
		switch {
		case strings.HasPrefix(segment, "{"):
			names = append(names, parts[i])
		case segment != parts[i]:
			return nil, false
		}
	}
	return names, true
}
