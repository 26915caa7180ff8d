package dialect

import (
	"github.com/refundry/refundry/merchant"
)

// SandboxAccount finds the account that plays the channel for a merchant in
// test mode. A charge that is made through a dialect is always of this account,
// whatever other accounts take its channel: the sandbox makes the payment.
func SandboxAccount(accounts []merchant.ChannelAccount) (merchant.ChannelAccount, bool) {
	for _, account := range accounts {
		if account.Channel == merchant.ChannelSandbox && account.State != merchant.AccountClosed {
			return account, true
		}
	}
	return merchant.ChannelAccount{}, false
}
