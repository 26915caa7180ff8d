package native

import (
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// changeKey changes what the body names of a key: PATCH /keys/{id}. An empty list
// takes all of its limits away; expires_at null is never.
func (d *Dialect) changeKey(c *call) error {
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var set admin.KeyEdit
	var expiresAt time.Time
	var networks []netip.Prefix
	var ceilings []money.Ceiling
	readMoment := body.moment(&expiresAt)
	err = body.read(
		optional("scopes", body.scopes(&set.Scopes)),
		optional("expires_at", func(v exactjson.Value, path string) {
			if set.ExpiresAt = &expiresAt; v.Kind != exactjson.Null {
				readMoment(v, path)
			}
		}),
		optional("allow_ips", func(v exactjson.Value, path string) { body.networks(&networks)(v, path); set.AllowIPs = &networks }),
		optional("ceilings", func(v exactjson.Value, path string) { body.ceilings(&ceilings)(v, path); set.Ceilings = &ceilings }),
	)
	if err != nil {
		return err
	}
	if err := body.emptyLists(map[string]int{"scopes": len(set.Scopes)}); err != nil {
		return err
	}
	if len(body.top.Members) == 0 {
		return refuse(refund.KindInvalid, "", "names nothing to change (hint: scopes, expires_at, allow_ips, ceilings)")
	}
	set.Giver = &c.caller.Key
	key, err := d.s.Admin.SetKey(c.ctx, c.by(), c.merchantID(), id, set)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerKey(key))
}

// scopes reads a list of scopes.
func (d *decoder) scopes(to *[]merchant.Scope) func(exactjson.Value, string) {
	return d.list(len(merchant.Scopes()), func(v exactjson.Value, path string) {
		var scope string
		oneOf(d, &scope, scopeNames()...)(v, path)
		*to = append(*to, merchant.Scope(scope))
	})
}

// maxNetwork is the longest text of a network.
const maxNetwork = 64

// networks reads a list of networks.
func (d *decoder) networks(to *[]netip.Prefix) func(exactjson.Value, string) {
	return d.list(merchant.MaxAllowIPs, func(v exactjson.Value, path string) {
		var text string
		d.filled(&text, maxNetwork)(v, path)
		network, err := merchant.ParseNetwork(text)
		if err != nil {
			d.refuse(path, "%v", err)
		}
		*to = append(*to, network)
	})
}

// ceilings reads a list of ceilings.
func (d *decoder) ceilings(to *[]money.Ceiling) func(exactjson.Value, string) {
	return d.list(merchant.MaxCeilings, func(v exactjson.Value, path string) {
		var one money.Ceiling
		var currency string
		d.object(v, path, []member{
			required("currency", d.filled(&currency, len("CNY"))),
			optional("max_refund", d.bound(&one.PerRefund)),
			optional("max_day", d.bound(&one.PerDay)),
		})
		one.Currency = money.Currency(currency)
		*to = append(*to, one)
	})
}

// bound is an amount above 0.
func (d *decoder) bound(to *money.Minor) func(exactjson.Value, string) {
	read := d.minor(to)
	return func(v exactjson.Value, path string) {
		if read(v, path); v.Kind == exactjson.Number && *to <= 0 {
			d.refuse(path, "must be above 0 (hint: leave it out for no bound)")
		}
	}
}

// emptyLists refuses a list that is given and empty, as it would choose something
// else than was meant.
func (d *decoder) emptyLists(lengths map[string]int) error {
	names := make([]string, 0, len(lengths))
	for name := range lengths {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, given := d.top.Get(name); given && lengths[name] == 0 {
			return refuse(refund.KindInvalid, name, "is empty (hint: leave it out)")
		}
	}
	return nil
}
