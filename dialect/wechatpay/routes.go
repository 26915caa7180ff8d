package wechatpay

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/refundry/refundry/refund"
)

// pathPrefix begins every address of the API.
const pathPrefix = "/v3/"

// route is one call of the API. handle gives the object to answer with, or an
// error for the table of errors.go; serve, in its place, writes its own answer.
type route struct {
	method string
	path   string // below /v3/; {x} takes any segment
	handle func(*Dialect, *call) (any, error)
	serve  func(*Dialect, *call) error
}

// routes lists what is served (section 2).
var routes = []route{
	{method: http.MethodGet, path: "certificates", handle: (*Dialect).getCertificates},
	{method: http.MethodPost, path: "refund/domestic/refunds", handle: (*Dialect).createRefund},
	{method: http.MethodPost, path: "refund/domestic/refunds/{refund_id}/apply-abnormal-refund", handle: (*Dialect).applyAbnormalRefundOnce},
	{method: http.MethodGet, path: "refund/domestic/refunds/{out_refund_no}", handle: (*Dialect).getRefund},
	{method: http.MethodGet, path: "pay/transactions/id/{transaction_id}", handle: (*Dialect).getOrderByID},
	{method: http.MethodGet, path: "pay/transactions/out-trade-no/{out_trade_no}", handle: (*Dialect).getOrderByNumber},
	{method: http.MethodGet, path: "pay/partner/transactions/id/{transaction_id}", handle: (*Dialect).getPartnerOrderByID},
	{method: http.MethodGet, path: "pay/partner/transactions/out-trade-no/{out_trade_no}", handle: (*Dialect).getPartnerOrderByNumber},
	{method: http.MethodGet, path: "bill/tradebill", handle: (*Dialect).getTradeBill},
	{method: http.MethodGet, path: "bill/fundflowbill", handle: (*Dialect).getFundFlowBill},
	{method: http.MethodGet, path: "bill/sub-merchant-fundflowbill", handle: (*Dialect).getSubMerchantBill},
	{method: http.MethodGet, path: "billdownload/file", serve: (*Dialect).downloadBill},
}

// maxSegments is above the deepest route; a longer path is unknown anyway.
const maxSegments = 9

// find gives the route of a request and the ids in its path, or KindNotFound,
// or KindMethodNotAllowed with the methods that there are.
func find(r *http.Request) (found route, ids, allowed []string, err *refund.Error) {
	unknown := refund.Errorf(refund.KindNotFound, "", "nothing is served at this address")
	path, ok := segments(r)
	if !ok {
		return route{}, nil, nil, unknown
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
			r.Pattern = pathPrefix + candidate.path // for metrics: which call it was
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

// segments are the parts of the path below /v3/, decoded once: clients escape
// one and the same number in four ways (section 1.2, rule 1). An escaped slash
// belongs to its segment.
func segments(r *http.Request) ([]string, bool) {
	below, ok := strings.CutPrefix(r.URL.EscapedPath(), pathPrefix)
	if !ok {
		return nil, false
	}
	parts := strings.SplitN(below, "/", maxSegments)
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
