package service

import (
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/chinaums"
)

// expiresAfter is how long after it was made an unpaid charge would have
// expired, as on the published page.
const expiresAfter = 24 * time.Hour

// The demo charges' ids. The first is the one that the published Ping++
// examples refund; the others are known by their names in other dialects.
const (
	demoPingPPID = "ch_L8qn10mLmr1GS8e5OODmHaL4"
	demoWalletID = "ch_DemoWallet00000000000001"
	demoWeChatID = "ch_DemoWeChat00000000000001"
	demoPayinID  = "ch_DemoPayin000000000000001"
)

// demoCharges are the charges of the published pages' examples, paid now: with
// them the examples work with nothing but the host changed (docs/sandbox.md).
func demoCharges(identities []merchant.Identity, now time.Time) []refund.Charge {
	charges := []refund.Charge{demoPingPP(now), demoWallet(), demoWeChat(), demoPayin()}
	for n := range charges {
		c := &charges[n]
		c.MerchantID, c.ChannelAccount = merchant.DemoID, merchant.DemoAccount
		c.PaidAt, c.CreatedAt, c.UpdatedAt = now, now, now
		*c = dialect.FillAliases(Dialects(), *c, identities)
	}
	return charges
}

// demoPingPP is the charge that the Ping++ documents show.
func demoPingPP(now time.Time) refund.Charge {
	return refund.Charge{
		ID: demoPingPPID, OrderNo: "123456789", Channel: "wx", TransactionID: "1224524301201505066067849274",
		Currency: "CNY", Amount: 100,
		Detail: refund.Detail{
			ClientIP: "127.0.0.1", Subject: "Your Subject", Body: "Your Body", TimeExpire: now.Add(expiresAfter).Unix(),
		},
	}
}

// demoWallet is the charge of the wallet's page. It counts as routed through
// ChinaUMS, so that its refunds show all nine members of extra.
func demoWallet() refund.Charge {
	const name = "11SF0c6d432eb7894cc3191ff20c12a5"
	return refund.Charge{
		ID: demoWalletID, OrderNo: name, Channel: "wechat_qrcode", TransactionID: "4200000000202607010000000002",
		Currency: "CNY", Amount: 100,
		Detail:  refund.Detail{ClientIP: "127.0.0.1", Route: chinaums.Channel},
		Aliases: []refund.Alias{{Dialect: merchant.Wallet, Identity: "wallet_demo", Name: name}},
	}
}

// demoWeChat is the order of the WeChat Pay pages: 10.00 CNY, of which 8.00
// were the payer's own, with a known fee.
func demoWeChat() refund.Charge {
	const name = "1217752501201407033233368018"
	fee := money.Minor(6)
	return refund.Charge{
		ID: demoWeChatID, OrderNo: name, Channel: "wx", TransactionID: "4200000000202607010000000001",
		Currency: "CNY", Amount: 1000, Fee: &fee,
		Detail: refund.Detail{
			ReceivedAccount: "支付用户零钱", FundsAccount: refund.FundsBasic,
			Coupons: []refund.Coupon{
				{ID: "109519", Scope: refund.ScopeOrder, Type: refund.TypeFunded, Amount: 100},
				{ID: "109520", Scope: refund.ScopeOrder, Type: refund.TypeUnfunded, Amount: 100},
			},
		},
		Aliases: []refund.Alias{{Dialect: merchant.WeChatPay, Identity: "1900009191", Name: name}},
	}
}

// demoPayin is the order of Payin's page.
func demoPayin() refund.Charge {
	const name = "M948164T2023072607034709567189"
	return refund.Charge{
		ID: demoPayinID, OrderNo: name, Channel: "mastercard", TransactionID: "4200000000202607010000000003",
		Currency: "SAR", Amount: 100000,
		Aliases: []refund.Alias{{Dialect: merchant.Payin, Identity: "M948164", Name: name}},
	}
}
