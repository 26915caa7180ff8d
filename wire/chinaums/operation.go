package chinaums

// Where ChinaUMS is called: the open platform and the older route, for payments
// and for tests.
const (
	HostOpen       = "https://api-mop.chinaums.com"
	HostOpenTest   = "https://test-api-open.chinaums.com"
	HostLegacy     = "https://qr.chinaums.com"
	HostLegacyTest = "https://qr-test2.chinaums.com"
)

// PathLegacy is where every message of the older form goes.
const PathLegacy = "/netpay-route-server/api/"

// Operation is what is asked of ChinaUMS: a path of the open platform, or a
// message's type in the older form.
type Operation struct{ Path, MsgType string }

// The operations. The older name of the refund query is not documented.
var (
	Refunding      = Operation{"/v1/netpay/refund", MessageRefund}
	RefundQuery    = Operation{"/v1/netpay/refund-query", "refundQuery"}
	OrderQuery     = Operation{"/v1/netpay/query", "query"}
	BillRefunding  = Operation{"/v1/netpay/bills/refund", "bills.refund"}
	BillQuery      = Operation{"/v1/netpay/bills/query", "bills.query"}
	nestedInBodies = map[string]bool{FieldSubOrders: true}
)
