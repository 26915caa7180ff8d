package sim

import (
	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/channelsim/wechatpay"
)

// Sides makes the server sides of all channels that can be simulated, one line each.
func Sides() []channelsim.Side {
	return []channelsim.Side{
		wechatpay.New(),
	}
}
