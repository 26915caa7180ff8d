package intake

import (
	"errors"

	"github.com/refundry/refundry/refund"
)

// chargeKeys lists the charges of all units but those whose charges are held.
func (b *attempt) chargeKeys() []refund.ChargeKey {
	seen := make(map[refund.ChargeKey]bool)
	var keys []refund.ChargeKey
	for n, unit := range b.units {
		if errors.Is(b.results[n].Err, errHeld) {
			continue
		}
		for _, request := range unit.Requests {
			key := refund.ChargeKey{MerchantID: unit.MerchantID, ID: request.ChargeID}
			if key.ID != "" && !seen[key] { // else it is known by name
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func (b *attempt) refundKeys() []refund.Key {
	var keys []refund.Key
	for _, unit := range b.units {
		for _, request := range unit.Requests {
			keys = append(keys, refund.Key{MerchantID: unit.MerchantID, ID: request.RefundID})
		}
	}
	return keys
}
