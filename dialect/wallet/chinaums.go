package wallet

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/chinaums"
	wire "github.com/refundry/refundry/wire/wallet"
)

// extra is what was sent upstream, for charges that are routed through ChinaUMS
// (L2.5-1 to L2.5-10) by an account there or by the sandbox, which plays it; others
// have {}. Until something was sent its nine members are empty.
func (v voice) extra(r refund.Refund, charge refund.Charge) *wire.Extra {
	if charge.Detail.Route != chinaums.Channel && merchant.ChannelOf(r.ChannelAccount) != chinaums.Channel {
		return nil
	}
	extra := wire.Extra{
		Routed: true, MsgType: r.Shown[chinaums.FieldMsgType], RequestTimestamp: r.Shown[chinaums.FieldRequestTimestamp],
		MsgSrc: r.Shown[chinaums.FieldMsgSrc], MID: r.Shown[chinaums.FieldMID], TID: r.Shown[chinaums.FieldTID],
		MerOrderID: r.Shown[chinaums.FieldMerOrderID], RefundOrder: r.Shown[chinaums.FieldRefundOrderID],
		RefundAmount: r.Shown[chinaums.FieldRefundAmount], Sign: r.Shown[chinaums.FieldSign],
	}
	extra = extra.Masked(extra.Sign != "" && v.showSign)
	return &extra
}
