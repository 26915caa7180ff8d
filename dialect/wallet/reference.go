package wallet

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// References reads a refund's id with the prefix that one of the merchant's
// wallets has in its settings.
func References(text string, identities []merchant.Identity) []refund.Reference {
	var found []refund.Reference
	for _, identity := range identities {
		if identity.Dialect != merchant.Wallet {
			continue
		}
		if id, ok := wire.CoreRefundID(text, wire.RefundIDPrefix(identity.Public)); ok && id != text {
			found = append(found, refund.Reference{ID: id})
		}
	}
	return found
}
