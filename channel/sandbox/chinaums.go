package sandbox

import (
	"cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/chinaums"
)

// chinaUMS is the account at ChinaUMS that a sandbox account plays. What is not
// set is that of ChinaUMS' own documents.
func chinaUMS(a channel.Account) chinaums.Account {
	return chinaums.Account{
		MsgSrc:   cmp.Or(a.Settings[SettingMsgSrc], chinaums.TestMsgSrc),
		MID:      cmp.Or(a.Settings[SettingMID], chinaums.TestMID),
		TID:      cmp.Or(a.Settings[SettingTID], chinaums.TestTID),
		InstMID:  cmp.Or(a.Settings[SettingInstMID], chinaums.TestInstMID),
		SignType: a.Settings[SettingSignType],
		Key:      cmp.Or(a.Secrets[SecretMessageKey], chinaums.TestKey),
	}
}

// sends is what a submit sends where the sandbox plays another channel: the
// message that this channel would get, by the names of its fields.
func (c connector) sends(i channel.Instruction) refund.Sent {
	if i.Charge.Detail.Route != chinaums.Channel {
		return refund.Sent{}
	}
	return refund.Sent{Shown: c.chinaums.Refund(chinaums.Refund{
		SentAt: c.box.opts.Now(), MerOrderID: cmp.Or(i.Charge.OrderNo, i.TransactionID), RefundOrderID: i.Number, Amount: i.Amount.Minor,
	})}
}
