package dialect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// FillAliases gives c a name in each dialect in which the merchant has an
// identity and c has none yet, in that dialect's own shape: one payment is
// known to all of them. The names are made of c, so that the same charge gets
// the same ones.
func FillAliases(dialects merchant.Dialects, c refund.Charge, identities []merchant.Identity) refund.Charge {
	// Copied: the caller's charge must not grow through a shared slice.
	c.Aliases = append([]refund.Alias(nil), c.Aliases...)
	// Whoever is a direct merchant and a service provider was paid as the
	// former, unless the charge says for which sub-merchant it was.
	identities = slices.Clone(identities)
	slices.SortStableFunc(identities, func(a, b merchant.Identity) int {
		return cmp.Compare(min(1, len(a.Sub)), min(1, len(b.Sub)))
	})
	what := merchant.NewCharge{Tail: strings.TrimPrefix(c.ID, "ch_"), OrderNo: c.OrderNo, PaidAt: c.PaidAt}
	for _, identity := range identities {
		d, ok := dialects.Find(identity.Dialect)
		if _, has := c.Alias(identity.Dialect); has || !ok || d.Charges == nil {
			continue
		}
		c.Aliases = append(c.Aliases, refund.Alias{
			Dialect: identity.Dialect, Identity: identity.Name, Sub: identity.Sub, Name: d.Charges.MakeUp(identity, what), MadeUp: true,
		})
	}
	return c
}
