package wechatpay

import (
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// WeChat Pay's words in the core's, and back.

// ways are a refund's channel. ORIGINAL and what is not known are the way that the
// money came.
var ways = map[string]refund.Way{
	wire.ChannelBalance: refund.WayBalance, wire.ChannelOtherBalance: refund.WayOtherBalance, wire.ChannelOtherBankCard: refund.WayOtherCard,
}

func landed(way, account string) refund.Landed {
	return refund.Landed{Way: ways[way], Account: account}
}

// channels are the ways of paying. JSAPI is that of a mini program too, and is told
// from it by nothing.
var channels = map[string]string{
	wire.TradeApp: "wx", wire.TradeJSAPI: "wx_pub", wire.TradeNative: "wx_pub_qr", wire.TradeMWeb: "wx_wap", wire.TradeMicropay: "wx_pub_scan",
}

// payers are the accounts that may pay a part of a refund.
var payers = map[refund.Funds]string{refund.FundsAvailable: wire.FundsAvailable, refund.FundsUnavailable: wire.FundsUnavailable}

// destinations are the types of a request for an abnormal refund.
var destinations = map[channel.DestinationKind]string{
	channel.ToPayerCard: wire.AbnormalUserCard, channel.ToMerchant: wire.AbnormalMerchantCard,
}

// billStates are the words of bills.
var billStates = map[string]refund.OutcomeKind{
	wire.BillRefundSuccess: refund.OutcomeDone, wire.BillRefundProcessing: refund.OutcomeAccepted,
	wire.BillRefundFail: refund.OutcomeFailed, wire.BillRefundChange: refund.OutcomeAbnormal,
}
