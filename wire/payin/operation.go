package payin

import "strings"

// Prefix is the root of the API's paths. It is not part of what is signed, and
// paths are served without it too (Y1-2 and Y2-20).
const Prefix = "/api_v1"

// Operation is the name of an operation. It is signed and never sent: the
// server derives it from verb and path (Y2-17).
type Operation string

// The operations (Y3-1 to Y3-6). There is no order.create and no order.query.
const (
	CreateOrder      Operation = "merchant.addOrder"
	QueryMerchant    Operation = "merchant.detail"
	QueryOrder       Operation = "order.detail"
	CreateRefund     Operation = "order.refund"
	QueryRefund      Operation = "refund.detail"
	QueryTransaction Operation = "transaction.detailForMerchant"
	// The last two start payments. They are named, so that a signed call gets
	// an answer about what is not served and not about its signature.
	StartMastercard Operation = "order.startByDirectMastercard"
	StartSTCPay     Operation = "order.startByStcpay"
)

// routes are the paths of the operations; {} stands for one segment, the id.
var routes = []struct {
	operation Operation
	verb      string
	path      string
}{
	{CreateRefund, "POST", "/orders/{}/refunds"},
	{QueryRefund, "GET", "/refunds/{}"},
	{CreateOrder, "POST", "/merchants/{}/orders"},
	{QueryOrder, "GET", "/orders/{}"},
	{QueryTransaction, "GET", "/transactions/{}/merchant"},
	{QueryMerchant, "GET", "/merchants/{}"},
	{StartMastercard, "POST", "/orders/{}/direct/payment/mastercard/transactions"},
	{StartSTCPay, "POST", "/orders/{}/payment/stcpay/transactions"},
}

// FindOperation returns the operation of a verb and a path with or without
// Prefix, and the id in it as it stands there, not decoded. ok is false when
// there is none, or when the id is empty.
func FindOperation(verb, path string) (operation Operation, id string, ok bool) {
	path = WithoutPrefix(path)
	for _, route := range routes {
		before, after, _ := strings.Cut(route.path, "{}")
		if verb != route.verb || !strings.HasPrefix(path, before) || !strings.HasSuffix(path, after) {
			continue
		}
		if len(path) <= len(before)+len(after) {
			continue
		}
		id = path[len(before) : len(path)-len(after)]
		if !strings.Contains(id, "/") {
			return route.operation, id, true
		}
	}
	return "", "", false
}

// Verb is the HTTP method of the operation, "" for an unknown one.
func (o Operation) Verb() string {
	for _, route := range routes {
		if route.operation == o {
			return route.verb
		}
	}
	return ""
}

// Path is the operation's path for an id, without Prefix; "" for an unknown
// operation. The id is put in as it is: ids of this API need no escape.
func (o Operation) Path(id string) string {
	for _, route := range routes {
		if route.operation == o {
			return strings.Replace(route.path, "{}", id, 1)
		}
	}
	return ""
}

// Collections are the first segments of all paths, with a slash before them.
func Collections() []string { return []string{"/orders", "/refunds", "/merchants", "/transactions"} }

// WithoutPrefix cuts Prefix off a path or request target. /api_v1x is no
// prefixed path and stays.
func WithoutPrefix(target string) string {
	if rest, ok := strings.CutPrefix(target, Prefix); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return target
}
