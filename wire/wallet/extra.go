package wallet

import "time"

// shanghai is the time zone of what the older generation writes as a date and a
// time.
var shanghai = time.FixedZone("UTC+8", 8*60*60)

// MaskedSign stands for a signature that is not shown: it is over known text,
// and could be sent again (L2.5-9).
const MaskedSign = "XXX"

// Extra is a refund's member extra (L2.5-1): for charges routed through
// ChinaUMS what was really sent there, nine texts in the order of the page's
// sample, named in snake case. The zero Extra is {}, which all others have.
type Extra struct {
	// Routed says that the charge is routed through ChinaUMS: all nine members are
	// written, as empty texts until something was sent.
	Routed           bool   `json:"-"`
	MsgType          string `json:"msg_type"`
	RequestTimestamp string `json:"request_timestamp"`
	MsgSrc           string `json:"msg_src"`
	MID              string `json:"mid"`
	TID              string `json:"tid"`
	MerOrderID       string `json:"mer_order_id"`
	// RefundOrder is the number sent upstream, ChinaUMS' refundOrderId; the
	// page drops the _id. It is not the one of the request.
	RefundOrder  string `json:"refund_order"`
	RefundAmount string `json:"refund_amount"` // fen, in digits
	Sign         string `json:"sign"`
}

// MarshalJSON writes all nine members, or {}.
func (e Extra) MarshalJSON() ([]byte, error) {
	if e == (Extra{}) {
		return []byte("{}"), nil
	}
	type plain Extra // drops this method, which would call itself
	return Marshal(plain(e))
}

// Masked hides the signature of what was sent unless the merchant has switched
// it on.
func (e Extra) Masked(showSign bool) Extra {
	if !showSign && e.MsgType != "" {
		e.Sign = MaskedSign
	}
	return e
}

// LocalTime writes a time as 2020-02-26 17:06:20 in Asia/Shanghai.
func LocalTime(t time.Time) string { return t.In(shanghai).Format(time.DateTime) }
