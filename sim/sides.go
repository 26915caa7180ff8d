package sim

import (
	"slices"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/channelsim/alipay"
	"github.com/refundry/refundry/channelsim/chinaums"
	"github.com/refundry/refundry/channelsim/stripe"
	"github.com/refundry/refundry/channelsim/wechatpay"
	"github.com/refundry/refundry/money"
)

// Played is a channel whose other side can be simulated.
type Played struct {
	// Name is the channel's, in accounts and in sim.json.
	Name string
	// Charge is what the channel of its charges is called, and Currency theirs, in
	// soaks and in the demo.
	Charge   string
	Currency money.Currency
	// TellsForeign says that notices tell of refunds that were made in the channel's own
	// console; else bills alone show them.
	TellsForeign bool
	// RefusesShort says that a refund that funds are short of is refused for good, because
	// the channel's answer does not tell it from other refusals.
	RefusesShort bool
	// Side makes the side.
	Side func() channelsim.Side
}

var played = []Played{
	{alipay.Name, "alipay", "CNY", false, false, func() channelsim.Side { return alipay.New() }},
	{chinaums.Name, "wechat_qrcode", "CNY", false, true, func() channelsim.Side { return chinaums.New() }},
	{wechatpay.Name, "wx", "CNY", true, false, func() channelsim.Side { return wechatpay.New() }},
	{stripe.Name, "mastercard", "USD", true, false, func() channelsim.Side { return stripe.New() }},
}

// Channels are all channels that can be simulated.
func Channels() []Played { return slices.Clone(played) }

// Sides makes the server sides of all of them.
func Sides() (sides []channelsim.Side) {
	for _, one := range played {
		sides = append(sides, one.Side())
	}
	return sides
}
