package dialect

import (
	"github.com/refundry/refundry/merchant"
)

// SandboxAccount finds the account that plays the channel for a merchant in
// test mode.
func SandboxAccount(accounts []merchant.ChannelAccount) (merchant.ChannelAccount, bool) {
	for _, account := range accounts {
		if account.Channel == merchant.ChannelSandbox {
			return account, true
		}
	}
	return merchant.ChannelAccount{}, false
}
