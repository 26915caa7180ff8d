package wechatpay

import (
	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// applyAbnormalRefund is POST /v3/refund/domestic/refunds/{refund_id}/
// apply-abnormal-refund (W2.3-1 to W2.3-11): a refund that the payer's account
// could not take goes to a card of theirs, or back to the merchant. The card is
// decrypted in memory, handed on, and kept nowhere.
func (d *Dialect) applyAbnormalRefund(c *call, w *refund.Write) (any, error) {
	if !d.rates.add(c, d.Now(), countReroute, wire.AbnormalPerSecond) {
		return nil, &wire.Error{Code: wire.CodeRateLimitExceeded, Message: "请求过于频繁，请降低频率后重试"}
	}
	id, err := wire.PathNumber("refund_id", c.r.PathValue("refund_id"))
	if err != nil {
		return nil, err
	}
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	request, err := wire.DecodeAbnormalRequest(body)
	if err != nil {
		return nil, err
	}
	if err := wire.CheckMode(request.SubMchID, c.account.partner(), wire.LocationBody); err != nil {
		return nil, err
	}
	// The key is the one that Wechatpay-Serial names, as for the answer.
	card, err := request.Open(c.signer.Key)
	if err != nil {
		return nil, err
	}
	r, charge, err := d.refund(c, request.OutRefundNo, request.SubMchID)
	if err != nil {
		return nil, err
	}
	if refundID(r) != id {
		return nil, &wire.Error{Code: wire.CodeInvalidRequest, Message: "商户退款单号与微信支付退款单号不匹配"}
	}
	if r.State != refund.Abnormal {
		return nil, &wire.Error{Code: wire.CodeInvalidRequest, Message: "退款单不是退款异常状态，不能发起异常退款"}
	}
	w.Makes(r.ID)
	after, err := d.Rerouter.RerouteRefund(c.r.Context(), admin.By{Actor: audit.ByKey(c.serial), RequestID: c.requestID, Write: w}, c.merchantID(), r.ID, channel.Destination{
		Kind: destinations[request.Type], Bank: card.BankType, BankAccount: card.Account.Reveal(), RealName: card.RealName.Reveal(),
	})
	if err != nil {
		return nil, err
	}
	return refundObject(after, charge, c.account.identity), nil
}
