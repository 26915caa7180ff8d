package native

import (
	"slices"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// naming says how a dialect's own words for a charge's name are called.
type naming struct {
	dialect string
	// identity is who knows the charge, name what they call it, sub what goes
	// with it ("" where nothing does).
	identity, name, sub string
}

// namings are the members of a charge's identities, in the order of answers.
var namings = []naming{
	{merchant.PingPP, "app", "charge", "order"},
	{merchant.Wallet, "wallet_id", "charges_id", ""},
	{merchant.WeChatPay, "mchid", "out_trade_no", "sub_mchid"},
	{merchant.Payin, "merchant_id", "order_id", ""},
}

// mostName bounds identities and names: WeChat's are at most 32 characters,
// the wallet's 64.
const mostName = 64

// identities reads the member of that name into aliases.
func (d *decoder) identities(to *[]refund.Alias) func(exactjson.Value, string) {
	members := make([]member, len(namings))
	for n, form := range namings {
		members[n] = optional(form.dialect, func(v exactjson.Value, path string) {
			a := refund.Alias{Dialect: form.dialect}
			words := []member{optional(form.identity, d.name(&a.Identity, mostName)), optional(form.name, d.name(&a.Name, mostName))}
			if form.sub != "" {
				words = append(words, optional(form.sub, d.name(&a.Sub, mostName)))
			}
			d.object(v, path, words)
			if a.Identity != "" || a.Name != "" || a.Sub != "" {
				*to = append(*to, a)
			}
		})
	}
	return func(v exactjson.Value, path string) { d.object(v, path, members) }
}

// identitiesOf shows a charge's names; the first of each dialect.
func identitiesOf(c refund.Charge) map[string]map[string]string {
	out := make(map[string]map[string]string, len(namings))
	for _, form := range namings {
		a, has := c.Alias(form.dialect)
		if !has {
			continue
		}
		words := map[string]string{form.identity: a.Identity, form.name: a.Name}
		if form.sub != "" {
			words[form.sub] = a.Sub
		}
		out[form.dialect] = words
	}
	return out
}

func namingOf(dialect string) naming {
	return namings[slices.IndexFunc(namings, func(n naming) bool { return n.dialect == dialect })]
}

// claimed finds the merchant's identity that an alias of a request names. An
// identity of someone else is KindForbidden, whether it exists or not.
func claimed(a refund.Alias, mine []merchant.Identity) (merchant.Identity, *refund.Error) {
	form := namingOf(a.Dialect)
	param := "identities." + a.Dialect
	var inDialect []merchant.Identity
	for _, identity := range mine {
		if identity.Dialect == a.Dialect {
			inDialect = append(inDialect, identity)
		}
	}
	if a.Identity == "" {
		if len(inDialect) != 1 {
			return merchant.Identity{}, refuse(refund.KindInvalid, param+"."+form.identity, "is required: the merchant has %d identities in this dialect", len(inDialect))
		}
		return inDialect[0], nil
	}
	at := slices.IndexFunc(inDialect, func(identity merchant.Identity) bool { return identity.Name == a.Identity })
	if at < 0 {
		return merchant.Identity{}, refuse(refund.KindForbidden, param+"."+form.identity, "is none of the merchant's identities")
	}
	found := inDialect[at]
	// A service provider acts for many sub-merchants: which one is an attribute
	// of the charge. A direct merchant has none.
	if a.Dialect == merchant.WeChatPay && a.Sub != "" && found.Sub == "" {
		return merchant.Identity{}, refuse(refund.KindForbidden, param+"."+form.sub, "does not go with this mchid")
	}
	return found, nil
}
