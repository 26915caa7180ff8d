package wechatpay_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// An abnormal refund goes to a debit card of the payer's, encrypted with the key
// that the request names, or to the merchant.
func TestAnAbnormalRefundIsSentElsewhere(t *testing.T) {
	card := channel.Destination{Kind: channel.ToPayerCard, Bank: "ICBC_DEBIT", BankAccount: cardNumber, RealName: cardHolder}
	for _, signedBy := range []string{"certificate", "public_key"} {
		for _, of := range []struct{ mchID, sub string }{{mchID, ""}, {spMchID, subMchID}} {
			for kind, to := range map[string]channel.Destination{"card": card, "merchant": {Kind: channel.ToMerchant}} {
				t.Run(signedBy+" "+of.mchID+" "+kind, func(t *testing.T) {
					f := newFake(t, of.mchID, of.sub)
					f.ends["R1"] = "ABNORMAL"
					connector, i := f.open(f.account(map[string]string{"answers_signed_by": signedBy})), instruction("R1")
					connector.Submit(t.Context(), i)
					asked := connector.Query(t.Context(), i)
					i.ChannelRefundID = asked.ChannelRefundID
					o := connector.Reroute(t.Context(), i, to)
					if asked.Kind != refund.OutcomeAbnormal || o.Kind != refund.OutcomeAccepted || o.ChannelRefundID != i.ChannelRefundID {
						t.Errorf("asked %+v, rerouted %+v", asked, o)
					}
					if kind == "card" && (o.Landed.Way != refund.WayOtherCard || o.Landed.Account != "工商银行储蓄卡0403") {
						t.Errorf("landed %+v", o.Landed)
					}
					if done := connector.Query(t.Context(), i); done.Kind != refund.OutcomeDone || f.entries["R1"].moves != 1 {
						t.Errorf("then %+v", done)
					}
					if again := connector.Reroute(t.Context(), i, to); again.Kind != refund.OutcomeRefused {
						t.Errorf("again %+v", again)
					}
					for _, one := range f.seen {
						if strings.Contains(string(one.body), cardNumber) || strings.Contains(string(one.body), cardHolder) {
							t.Errorf("sent in clear: %s", one.body)
						}
					}
				})
			}
		}
	}
	t.Run("what can't work is refused and not sent", func(t *testing.T) {
		f := newFake(t, mchID, "")
		connector, i := f.open(f.account(nil)), instruction("R1")
		if o := connector.Reroute(t.Context(), i, card); o.Kind != refund.OutcomeRefused || o.Code != "NO_REFUND_ID" {
			t.Errorf("%+v", o)
		}
		i.ChannelRefundID = "50R1"
		for _, to := range []channel.Destination{
			{Kind: "PAYPAL"},
			{Kind: channel.ToPayerCard, Bank: "ICBC_CREDIT", BankAccount: cardNumber, RealName: cardHolder},
			{Kind: channel.ToPayerCard, Bank: "ICBC_DEBIT", RealName: cardHolder},
			{Kind: channel.ToPayerCard, Bank: "ICBC_DEBIT", BankAccount: cardNumber},
			{Kind: channel.ToPayerCard, Bank: "ICBC_DEBIT", BankAccount: strings.Repeat("1", 300), RealName: cardHolder},
		} {
			if o := connector.Reroute(t.Context(), i, to); o.Kind != refund.OutcomeRefused || o.Code != "CARD" || strings.Contains(o.Message, cardHolder) {
				t.Errorf("%v: %+v", to, o)
			}
		}
		if len(f.seen) != 0 {
			t.Errorf("%d requests were sent", len(f.seen))
		}
	})
}
