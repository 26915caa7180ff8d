package alipay

import (
	"time"

	"github.com/refundry/refundry/wire/exactjson"
)

// TradeQuery is the content of MethodTradeQuery.
type TradeQuery struct {
	OutTradeNo string `json:"out_trade_no,omitempty"`
	TradeNo    string `json:"trade_no,omitempty"`
}

// Words of trade_status.
const (
	TradeWaits    = "WAIT_BUYER_PAY"
	TradeSuccess  = "TRADE_SUCCESS"  // paid, and perhaps refunded in part
	TradeFinished = "TRADE_FINISHED" // paid, and past the time for refunds
	TradeClosed   = "TRADE_CLOSED"   // never paid, or refunded in full
)

// Trade is a successful answer to a trade query.
type Trade struct {
	TradeNo, OutTradeNo, Status string
	Total                       *int64
	PaidAt                      time.Time
}

// DecodeTrade reads the answer. Errors are ErrAnswer.
func DecodeTrade(node exactjson.Value) (Trade, error) {
	r := reader{node: node}
	trade := Trade{
		TradeNo: r.text("trade_no"), OutTradeNo: r.text("out_trade_no"), Status: r.text("trade_status"), Total: r.yuan("total_amount"), PaidAt: r.moment("send_pay_date"),
	}
	return trade, r.failure
}

// BillQuery is the content of MethodBill.
type BillQuery struct {
	Type string `json:"bill_type"`
	Date string `json:"bill_date"` // yyyy-MM-dd, before today in Beijing
}

// BillTrade is the bill of trades and their refunds.
const BillTrade = "trade"

// BillReadyHour is the hour in Beijing after which the bill of the day before is
// there: the platform says about nine.
const BillReadyHour = 10

// BillURL is where a bill may be downloaded, within BillURLLife of the answer.
func BillURL(node exactjson.Value) string { return text(node, "bill_download_url") }

// BillURLLife is how long the address of a bill works.
const BillURLLife = 30 * time.Second

// CertificateQuery is the content of MethodCertificate.
type CertificateQuery struct {
	SN string `json:"alipay_cert_sn"`
}

// CertificateContent is the certificate of the answer, as base64 of its PEM text.
func CertificateContent(node exactjson.Value) string { return text(node, "alipay_cert_content") }
