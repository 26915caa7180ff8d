package wechatpay

import (
	"cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// The core's words in WeChat Pay's, and back.

// waysBack are a refund's channel (W2.1a-5).
var waysBack = map[refund.Way]string{
	refund.WayOfPayment: wire.ChannelOriginal, refund.WayBalance: wire.ChannelBalance,
	refund.WayOtherBalance: wire.ChannelOtherBalance, refund.WayOtherCard: wire.ChannelOtherBankCard,
}

func wayBack(landed refund.Landed) string {
	return cmp.Or(waysBack[landed.Way], wire.ChannelOriginal)
}

// funds are the accounts of a request and of an answer (W2.1a-14).
var funds = map[refund.Funds]string{
	refund.FundsUnsettled: wire.FundsUnsettled, refund.FundsAvailable: wire.FundsAvailable, refund.FundsUnavailable: wire.FundsUnavailable,
	refund.FundsOperation: wire.FundsOperation, refund.FundsBasic: wire.FundsBasic, refund.FundsDigital: wire.FundsECNYBasic,
}

// fundsWord is an account in WeChat Pay's word; one that the core does not know
// was named by whoever registered the charge.
func fundsWord(f refund.Funds) string { return cmp.Or(funds[f], string(f)) }

// fundsOf reads an account that a request names; "" is none.
func fundsOf(word string) refund.Funds {
	for f, known := range funds {
		if word == known {
			return f
		}
	}
	return refund.Funds(word)
}

// scopes and types are those of coupons (W2.1a-25).
var (
	scopes = map[refund.CouponScope]string{refund.ScopeOrder: wire.ScopeGlobal, refund.ScopeGoods: wire.ScopeSingle}
	types  = map[refund.CouponType]string{refund.TypeFunded: wire.TypeCash, refund.TypeUnfunded: wire.TypeNoCash}
)

// destinations are the types of requests for an abnormal refund (W2.3-5).
var destinations = map[string]channel.DestinationKind{
	wire.AbnormalUserCard: channel.ToPayerCard, wire.AbnormalMerchantCard: channel.ToMerchant,
}
