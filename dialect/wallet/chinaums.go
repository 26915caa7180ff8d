package wallet

import (
	"cmp"
	"strconv"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/chinaums"
	wire "github.com/refundry/refundry/wire/wallet"
)

// routeChinaUMS marks charges whose refunds show what was sent to ChinaUMS.
const routeChinaUMS = "chinaums"

// extra is what was sent upstream, for charges that went through ChinaUMS
// (L2.5-1 to L2.5-9); others have {}. In test mode the sandbox plays ChinaUMS,
// and the account of its documents stands in for what is not set.
func (v voice) extra(r refund.Refund, charge refund.Charge) *wire.Extra {
	if charge.Detail.Route != routeChinaUMS {
		return nil
	}
	sentAt := r.SubmittedAt
	if sentAt.IsZero() {
		sentAt = r.CreatedAt
	}
	order := charge.OrderNo
	if order == "" {
		alias, _ := aliasIn(charge, v.wallet)
		order = alias.Name
	}
	extra := wire.Extra{
		MsgType: wire.MessageRefund, RequestTimestamp: wire.LocalTime(sentAt),
		MsgSrc:     v.account(wire.SettingMsgSrc, chinaums.TestMsgSrc),
		MID:        v.account(wire.SettingMID, chinaums.TestMID),
		TID:        v.account(wire.SettingTID, chinaums.TestTID),
		MerOrderID: order, RefundOrder: r.ChannelNumber, RefundAmount: strconv.FormatInt(int64(r.Amount), 10),
	}
	extra.Sign = v.sign(extra)
	shown := extra.Masked(extra.Sign != "" && v.public[wire.SettingShowSign] == wire.SettingOn)
	return &shown
}

// account is a setting of the account at ChinaUMS, else in test mode the
// sandbox's.
func (v voice) account(name, sandbox string) string {
	if value := v.public[name]; value != "" || v.mode != merchant.Test {
		return value
	}
	return sandbox
}

// sign is the signature that the older form of the message carries: over the
// members that extra shows, and instMid, which it does not. An account without
// a communication key has none.
func (v voice) sign(e wire.Extra) string {
	key := v.signs
	if key == "" && v.mode == merchant.Test {
		key = chinaums.TestKey
	}
	if key == "" {
		return ""
	}
	signType := cmp.Or(v.public[wire.SettingSignType], chinaums.MD5)
	message := chinaums.Message{
		"msgType": e.MsgType, "requestTimestamp": e.RequestTimestamp, "msgSrc": e.MsgSrc, "mid": e.MID, "tid": e.TID,
		"instMid":    v.account(wire.SettingInstMID, chinaums.TestInstMID),
		"merOrderId": e.MerOrderID, "refundOrderId": e.RefundOrder, "refundAmount": e.RefundAmount,
	}
	if signType != chinaums.MD5 { // which nobody need name
		message[chinaums.FieldSignType] = signType
	}
	return message.Sign(signType, key)
}
