package wechatpay

import (
	"net/http"

	"github.com/refundry/refundry/dialect"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// root begins every address of the API.
const root = "/v3"

// route is one call of the API. handle gives the object to answer with, or an
// error for the table of errors.go; serve, in its place, writes its own answer.
type route struct {
	dialect.Route
	handle func(*Dialect, *call) (any, error)
	serve  func(*Dialect, *call) error
}

// routes lists what is served.
var routes = []route{
	{Route: dialect.Get(root + "/certificates"), handle: (*Dialect).getCertificates},
	{Route: dialect.Post(root + "/refund/domestic/refunds"), handle: (*Dialect).createRefund},
	{Route: dialect.Post(root + "/refund/domestic/refunds/{refund_id}/apply-abnormal-refund"), handle: (*Dialect).applyAbnormalRefundOnce},
	{Route: dialect.Get(root + "/refund/domestic/refunds/{out_refund_no}"), handle: (*Dialect).getRefund},
	{Route: dialect.Get(root + "/pay/transactions/id/{transaction_id}"), handle: (*Dialect).getOrderByID},
	{Route: dialect.Get(root + "/pay/transactions/out-trade-no/{out_trade_no}"), handle: (*Dialect).getOrderByNumber},
	{Route: dialect.Get(root + "/pay/partner/transactions/id/{transaction_id}"), handle: (*Dialect).getPartnerOrderByID},
	{Route: dialect.Get(root + "/pay/partner/transactions/out-trade-no/{out_trade_no}"), handle: (*Dialect).getPartnerOrderByNumber},
	{Route: dialect.Get(root + "/bill/tradebill"), handle: (*Dialect).getTradeBill},
	{Route: dialect.Get(root + "/bill/fundflowbill"), handle: (*Dialect).getFundFlowBill},
	{Route: dialect.Get(root + "/bill/sub-merchant-fundflowbill"), handle: (*Dialect).getSubMerchantBill},
	{Route: dialect.Get(root + "/billdownload/file"), serve: (*Dialect).downloadBill},
}

// Register adds everything under /v3: the Java client can't read the plain text
// that a mux answers for unknown addresses and methods (W5-21).
func (d *Dialect) Register(mux *http.ServeMux) {
	api := dialect.API[*call, route]{
		Dialect: d.Name(), Roots: []string{root}, Routes: routes,
		CallerHeaders: []string{"Authorization", wire.HeaderSerial},
		RequestPrefix: "iar_",
		Open:          open, Before: d.authenticate, Handle: d.handle, Fail: d.fail,
		Now: d.Now, Log: d.Log,
	}
	api.Register(mux)
}
