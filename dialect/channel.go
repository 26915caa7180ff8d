package dialect

import (
	"maps"
	"slices"

	"github.com/refundry/refundry/merchant"
)

// channelNames is one row per way of paying that has different names in
// different dialects. A charge keeps the name that it was registered with;
// each dialect shows its own. WeChat Pay has no such names: what it shows of a
// channel is where money goes back to.
var channelNames = []map[string]string{
	// A QR code that the merchant shows and the payer scans in WeChat. It is
	// the wallet's one documented name; Payin's (mastercard, stcpay, applePay,
	// tap) are known to no other dialect and stay as they are.
	{merchant.PingPP: "wx_pub_qr", merchant.Wallet: "wechat_qrcode"},
}

var channelRows = func() map[string]map[string]string {
	rows := make(map[string]map[string]string)
	for _, row := range channelNames {
		for _, name := range row {
			rows[name] = row
		}
	}
	return rows
}()

// ChannelNames are all names of a channel; those that the table does not have are
// alone.
func ChannelNames(name string) []string {
	names := []string{name}
	for _, other := range slices.Sorted(maps.Values(channelRows[name])) {
		if other != name {
			names = append(names, other)
		}
	}
	return names
}

// ChannelName is a channel's name in a dialect. A name that the table does not
// have, or has none for the dialect, stays as it is.
func ChannelName(name, dialect string) string {
	if there := channelRows[name][dialect]; there != "" {
		return there
	}
	return name
}
