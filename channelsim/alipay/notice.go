package alipay

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// Notice implements channelsim.Side: a trade notice of a refund to the address that its
// request names, and to the app's own gateway what a bank did, where the request asked
// for that. The address of POST /sim/notify is both.
func (s *Side) Notice(n channelsim.Notice) (channelsim.Outgoing, bool) {
	params, address := map[string]string(nil), n.URL
	switch {
	case !succeeded(n.Refund):
	case n.Refund.Attributes[attributeDeposit] != "":
		params = s.message(n)
	case n.Refund.State == channelsim.Succeeded:
		params, address = s.tradeNotice(n), cmp.Or(n.Refund.NotifyURL, n.URL)
	}
	if params == nil || address == "" {
		return channelsim.Outgoing{}, false
	}
	form := make(url.Values)
	for name, value := range params {
		form.Set(name, value)
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	return channelsim.Outgoing{URL: address, Header: header, Body: []byte(form.Encode())}, true
}

// tradeNotice is trade_status_sync. Its signature leaves out sign_type.
func (s *Side) tradeNotice(n channelsim.Notice) map[string]string {
	params := map[string]string{
		"notify_id": n.ID, "notify_type": "trade_status_sync", "notify_time": stamp(n.At), "app_id": s.appID, "auth_app_id": s.appID, "charset": "utf-8", "version": "1.0",
		"trade_no": n.Payment.TransactionID, "out_trade_no": n.Payment.Number, "out_biz_no": n.Refund.Number, "seller_id": s.sellerID,
		"trade_status": "TRADE_SUCCESS", "total_amount": yuan(n.Payment.Amount), "refund_fee": yuan(n.Refund.Amount + others(n)),
		"gmt_refund": stamp(n.Refund.SucceededAt) + ".000", "gmt_payment": stamp(n.Payment.PaidAt), "sign_type": "RSA2",
	}
	if n.Refund.Amount+others(n) >= n.Payment.Amount {
		params["trade_status"] = "TRADE_CLOSED"
	}
	params["sign"] = s.sign(text(params, "sign", "sign_type"), n.Wrong)
	return params
}

// others is what was refunded of the trade besides the notice's refund.
func others(n channelsim.Notice) (sum money.Minor) {
	for _, r := range n.Books.RefundsOf(&n.Payment) {
		if r.ID != n.Refund.ID && succeeded(*r) {
			sum += r.Amount
		}
	}
	return sum
}

// messageDeposit is the method of the message about a bank.
const messageDeposit = "alipay.trade.refund.depositback.completed"

// message is what a bank did. Its signature is over sign_type too, as those of requests
// are: which of both is right, the documents leave open.
func (s *Side) message(n channelsim.Notice) map[string]string {
	type content struct {
		TradeNo      string `json:"trade_no"`
		OutTradeNo   string `json:"out_trade_no"`
		OutRequestNo string `json:"out_request_no"`
		Status       string `json:"dback_status"`
		Amount       string `json:"dback_amount,omitempty"`
		BankAckTime  string `json:"bank_ack_time"`
	}
	back := deposit(&n.Payment, n.Refund)
	params := map[string]string{
		"notify_id": n.ID, "utc_timestamp": strconv.FormatInt(n.At.UnixMilli(), 10), "msg_method": messageDeposit, "app_id": s.appID, "version": "1.1",
		"charset": "UTF-8", "sign_type": "RSA2",
		"biz_content": compact(content{n.Payment.TransactionID, n.Payment.Number, n.Refund.Number, back.Status, back.Amount, back.BankAckTime}),
	}
	params["sign"] = s.sign(text(params, "sign"), n.Wrong)
	return params
}

// Accepted implements channelsim.Side: the text decides.
func (*Side) Accepted(status int, body []byte) bool {
	return status == http.StatusOK && strings.TrimSpace(string(body)) == "success"
}

// NoticeDelays implements channelsim.Side: eight attempts in about 25 hours.
func (*Side) NoticeDelays() []time.Duration {
	return []time.Duration{4 * time.Minute, 10 * time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour}
}
