package native

import (
	"slices"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// maxName bounds identities and names: WeChat's are at most 32 characters,
// the wallet's 64.
const maxName = 64

// identities reads the member of that name into aliases.
func (d *decoder) identities(dialects merchant.Dialects, to *[]refund.Alias) func(exactjson.Value, string) {
	var members []member
	for _, known := range dialects {
		form := known.Charges
		if form == nil {
			continue
		}
		members = append(members, optional(known.Name, func(v exactjson.Value, path string) {
			a := refund.Alias{Dialect: known.Name}
			words := []member{optional(form.Identity, d.name(&a.Identity, maxName)), optional(form.Charge, d.name(&a.Name, maxName))}
			if form.Sub != "" {
				words = append(words, optional(form.Sub, d.name(&a.Sub, maxName)))
			}
			d.object(v, path, words)
			if a.Identity != "" || a.Name != "" || a.Sub != "" {
				*to = append(*to, a)
			}
		}))
	}
	return func(v exactjson.Value, path string) { d.object(v, path, members) }
}

// identitiesOf shows a charge's names; the first of each dialect.
func identitiesOf(dialects merchant.Dialects, c refund.Charge) map[string]map[string]string {
	out := make(map[string]map[string]string, len(dialects))
	for _, known := range dialects {
		form := known.Charges
		a, has := c.Alias(known.Name)
		if !has || form == nil {
			continue
		}
		words := map[string]string{form.Identity: a.Identity, form.Charge: a.Name}
		if form.Sub != "" {
			words[form.Sub] = a.Sub
		}
		out[known.Name] = words
	}
	return out
}

// claimed finds the merchant's identity that an alias of a request names. An
// identity of someone else is KindForbidden, whether it exists or not.
func claimed(a refund.Alias, form *merchant.ChargeNames, mine []merchant.Identity) (merchant.Identity, *refund.Error) {
	param := "identities." + a.Dialect
	var inDialect []merchant.Identity
	for _, identity := range mine {
		if identity.Dialect == a.Dialect {
			inDialect = append(inDialect, identity)
		}
	}
	if a.Identity == "" {
		if len(inDialect) != 1 {
			return merchant.Identity{}, refuse(refund.KindInvalid, param+"."+form.Identity, "is required: the merchant has %d identities in this dialect", len(inDialect))
		}
		return inDialect[0], nil
	}
	at := slices.IndexFunc(inDialect, func(identity merchant.Identity) bool { return identity.Name == a.Identity })
	if at < 0 {
		return merchant.Identity{}, refuse(refund.KindForbidden, param+"."+form.Identity, "is none of the merchant's identities")
	}
	found := inDialect[at]
	// A service provider acts for many sub-merchants: which one is an attribute
	// of the charge. A direct merchant has none.
	if form.SubOfIdentity && a.Sub != "" && found.Sub == "" {
		return merchant.Identity{}, refuse(refund.KindForbidden, param+"."+form.Sub, "does not go with this %s", form.Identity)
	}
	return found, nil
}
