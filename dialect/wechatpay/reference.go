package wechatpay

import (
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// References reads a refund_id: it holds the millisecond of the refund's id
// and a hash of it.
func References(text string, _ []merchant.Identity) []refund.Reference {
	ms, ok := wire.RefundIDTime(text)
	if !ok {
		return nil
	}
	return []refund.Reference{{At: time.UnixMilli(ms), Is: func(id string) bool { return wire.MakeRefundID(id, ms) == text }}}
}
