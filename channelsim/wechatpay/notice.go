package wechatpay

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/refundry/refundry/channelsim"
)

// events are the notices, by the refund's status. A refund that is processed has none.
var events = map[string]struct{ name, summary string }{
	"SUCCESS": {"REFUND.SUCCESS", "退款成功"}, "ABNORMAL": {"REFUND.ABNORMAL", "退款异常"}, "CLOSED": {"REFUND.CLOSED", "退款关闭"},
}

// Notice implements channelsim.Side.
func (s *Side) Notice(n channelsim.Notice) (channelsim.Outgoing, bool) {
	status := statuses[n.Refund.State]
	event, ok := events[status]
	address := cmp.Or(n.Refund.NotifyURL, n.URL)
	if !ok || address == "" {
		return channelsim.Outgoing{}, false
	}
	content, _ := json.Marshal(s.noticeContent(n, status)) // texts and numbers
	nonce := fmt.Sprintf("%x", sha256.Sum256([]byte(n.ID+n.At.String())))[:12]
	body, _ := json.Marshal(map[string]any{ // likewise
		"id": n.ID, "create_time": stamp(n.Refund.EndedAt), "event_type": event.name, "summary": event.summary, "resource_type": "encrypt-resource",
		"resource": map[string]string{
			"original_type": "refund", "algorithm": "AEAD_AES_256_GCM", "associated_data": "refund", "nonce": nonce, "ciphertext": s.seal(nonce, "refund", content),
		},
	})
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Mozilla/4.0"}}
	for name, value := range s.standing().headers(n.At, n.ID, body, n.Wrong) {
		header.Set(name, value)
	}
	return channelsim.Outgoing{URL: address, Header: header, Body: body}, true
}

func (s *Side) noticeContent(n channelsim.Notice, status string) map[string]any {
	made := s.partsOf(n.Books, &n.Payment, n.Refund)
	out := map[string]any{
		"mchid": s.mchID, "transaction_id": n.Payment.TransactionID, "out_trade_no": n.Payment.Number, "refund_id": n.Refund.ID, "out_refund_no": n.Refund.Number,
		"refund_status": status, "user_received_account": landed(&n.Payment, n.Refund),
		"amount": map[string]any{"total": n.Payment.Amount, "refund": n.Refund.Amount, "payer_total": whole(&n.Payment).payer, "payer_refund": min(made.payer, n.Refund.Amount)},
	}
	if sub := n.Payment.Attributes[attributeSub]; sub != "" {
		delete(out, "mchid")
		out["sp_mchid"], out["sub_mchid"] = s.mchID, sub
	}
	if status == "SUCCESS" {
		out["success_time"] = stamp(n.Refund.SucceededAt)
	}
	return out
}

// seal encrypts with the APIv3 key.
func (s *Side) seal(nonce, data string, plain []byte) string {
	block, err := aes.NewCipher([]byte(s.apiV3Key))
	if err != nil {
		return "" // the key has 32 bytes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "" // a block of AES has the right size
	}
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), plain, []byte(data)))
}

// Accepted implements channelsim.Side: the status alone decides.
func (*Side) Accepted(status int, _ []byte) bool {
	return status == http.StatusOK || status == http.StatusNoContent
}

// NoticeDelays implements channelsim.Side: fifteen attempts in a day.
func (*Side) NoticeDelays() []time.Duration {
	return []time.Duration{
		15 * time.Second, 15 * time.Second, 30 * time.Second, 3 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, 30 * time.Minute,
		30 * time.Minute, time.Hour, 3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour,
	}
}

// certificates lists the platform's certificate, sealed. It is signed with the
// certificate's own key, whatever the caller names: clients verify it by the
// certificates that they had before.
func (s *Side) certificates(c *channelsim.Call) channelsim.Answer {
	c.Header.Set("Wechatpay-Serial", s.certificate.name)
	nonce := fmt.Sprintf("%x", sha256.Sum256([]byte(c.At.String())))[:12]
	return answer(http.StatusOK, map[string]any{"data": []any{map[string]any{
		"serial_no": s.certificate.name, "effective_time": stamp(s.effective), "expire_time": stamp(s.expires),
		"encrypt_certificate": map[string]string{
			"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": "certificate", "ciphertext": s.seal(nonce, "certificate", []byte(s.certificatePEM)),
		},
	}}})
}
