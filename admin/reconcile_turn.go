package admin

import (
	"sync"

	"github.com/refundry/refundry/dayfile"
	"github.com/refundry/refundry/refund"
)

// reconciles are the reconciliations under way in this process: one of an account, and
// as many of a merchant as it may have files made at once. Each downloads a bill, fills
// temporary files and asks the channel, which all merchants share. The zero value is
// ready.
type reconciles struct {
	merchants dayfile.Turns
	mu        sync.Mutex
	accounts  map[refund.AccountKey]bool
}

// begin takes a turn of an account and of its merchant, and returns what ends both.
// Errors: KindBusy.
func (r *reconciles) begin(merchantID, account string) (end func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := refund.AccountKey{MerchantID: merchantID, ID: account}
	if r.accounts[key] {
		return nil, refund.Errorf(refund.KindBusy, "channel_account", "the account is being reconciled; try again when that has ended")
	}
	endMerchant, ok := r.merchants.Begin(merchantID)
	if !ok {
		return nil, refund.Errorf(refund.KindBusy, "channel_account", "other accounts of the merchant are being reconciled; try again when one of them has ended")
	}
	if r.accounts == nil {
		r.accounts = make(map[refund.AccountKey]bool)
	}
	r.accounts[key] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.accounts, key)
		endMerchant()
	}, nil
}
