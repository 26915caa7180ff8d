package payin

import (
	"strings"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// getMerchant is GET /merchants/{id}: the caller's own, any other is unknown.
func (d *Dialect) getMerchant(c *call) (any, error) {
	if c.id != c.identity.Name {
		return nil, noSuchMerchant()
	}
	m := c.caller.Merchant
	return wire.Merchant{
		ID: c.identity.Name, Name: m.Name, NameEnglish: m.Name, Status: wire.MerchantEnabled,
		Currencies: joined(wire.Currencies()), StatementStatus: wire.StatementDaily,
		CreatedAt: wire.Time(m.CreatedAt), UpdatedAt: wire.Time(m.CreatedAt),
	}, nil
}

func noSuchMerchant() *refund.Error {
	return refund.Errorf(refund.KindNotFound, "", "there is no such merchant")
}

func joined(currencies []money.Currency) string {
	texts := make([]string, len(currencies))
	for n, currency := range currencies {
		texts[n] = string(currency)
	}
	return strings.Join(texts, ",")
}
