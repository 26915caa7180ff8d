package chinaums

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
)

// Notice implements channelsim.Side: a notice of each refund that succeeds. A bill's
// says so by billStatus, with the payment as JSON text.
func (s *Side) Notice(n channelsim.Notice) (channelsim.Outgoing, bool) {
	if n.Refund.State != channelsim.Succeeded || n.URL == "" {
		return channelsim.Outgoing{}, false
	}
	fields := map[string]string{
		"mid": s.mid, "tid": s.tid, "instMid": n.Payment.Attributes[attributeInst], "notifyId": n.ID, "msgSrc": s.msgSrc, "merOrderId": n.Payment.Number,
		"refundOrderId": n.Refund.Number, "refundAmount": strconv.FormatInt(int64(n.Refund.Amount), 10), "totalAmount": strconv.FormatInt(int64(n.Payment.Amount), 10),
		"refundTargetOrderId": "50" + n.Refund.ID, "refundPayTime": stamp(n.Refund.SucceededAt), "refundSettleDate": n.Refund.SucceededAt.In(beijing).Format(time.DateOnly),
		"refundDesc": n.Refund.Attributes[attributeDesc], "seqId": n.Refund.ID, "status": "TRADE_REFUND", "refundStatus": states[n.Refund.State],
		"targetSys": n.Payment.Attributes[attributeTarget], "signType": signSHA256,
		// A field of a random name and value is signed like the others.
		"r" + strings.ToLower(rand.Text())[:8]: rand.Text(),
	}
	if fields["instMid"] == instBills {
		payment, _ := json.Marshal(billPayment(&n.Payment, n.Refund)) // of texts and amounts
		delete(fields, "status")
		fields["billNo"], fields["billDate"], fields["billStatus"], fields["billPayment"] = n.Payment.Number, billDate(&n.Payment), "REFUND", string(payment)
	}
	fields["sign"] = legacySignature(signedText(fields), s.communicationKey, signSHA256)
	if n.Wrong {
		fields["sign"] = strings.Repeat("0", len(fields["sign"]))
	}
	form := make(url.Values)
	for name, value := range fields {
		if value != "" {
			form.Set(name, value)
		}
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	return channelsim.Outgoing{URL: n.URL, Header: header, Body: []byte(form.Encode())}, true
}

// Accepted implements channelsim.Side: the text decides.
func (*Side) Accepted(status int, body []byte) bool {
	return status == http.StatusOK && strings.TrimSpace(string(body)) == "SUCCESS"
}

// NoticeDelays implements channelsim.Side: a day in all. The contract has no schedule.
func (*Side) NoticeDelays() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 14 * time.Hour}
}
