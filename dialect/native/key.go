package native

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/payin"
)

type keyAnswer struct {
	ID       string           `json:"id"`
	Dialect  string           `json:"dialect"`
	Identity string           `json:"identity"`
	Scopes   []merchant.Scope `json:"scopes"`
	Hint     string           `json:"hint"` // the key's ends
	// Plain is on or off, and absent where the wallet decides.
	Plain string `json:"plain,omitempty"`
	// ClientID is the id of a Payin client, absent of all other keys, as is
	// RequireBodySHA256, which says that its requests carry their body's hash.
	ClientID          string `json:"client_id,omitempty"`
	RequireBodySHA256 bool   `json:"require_body_sha256,omitempty"`
	// MadeBy is null for a key of before.
	MadeBy    *actorAnswer `json:"made_by"`
	CreatedAt moment       `json:"created_at"`
	ExpiresAt moment       `json:"expires_at"` // null: never
	// Unreadable says, in lists, that the key's row is damaged: it can't be used.
	Unreadable bool `json:"unreadable,omitempty"`
	// AllowIPs are the networks that it may be used from, and Ceilings what it may
	// ask for; absent where it has none.
	AllowIPs []netip.Prefix  `json:"allow_ips,omitempty"`
	Ceilings []money.Ceiling `json:"ceilings,omitempty"`
	// Secret is the key itself, and ClientSecret what a Payin client signs
	// with; only in the answer that made it.
	Secret       string `json:"secret,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
}

func answerKey(k merchant.Key) keyAnswer {
	out := keyAnswer{
		ID: k.ID, Dialect: k.Dialect, Identity: k.Identity, Scopes: k.Scopes, Hint: k.Hint, Plain: k.Plain,
		ClientID: k.Public[merchant.ClientID], RequireBodySHA256: k.Public[payin.SwitchRequireBodySHA256] == payin.SwitchOn,
		MadeBy: answerActor(k.MadeBy.First()), CreatedAt: moment(k.CreatedAt), ExpiresAt: moment(k.ExpiresAt), AllowIPs: k.Limits.AllowIPs, Ceilings: k.Limits.Ceilings, Unreadable: k.Unreadable,
	}
	if out.Scopes == nil {
		out.Scopes = []merchant.Scope{}
	}
	return out
}

// tell puts it into the answer.
func (a keyAnswer) tell(once string) keyAnswer {
	a.Secret, a.ClientSecret, _ = strings.Cut(once, " ")
	return a
}

// listKeys returns all of the merchant's keys, oldest first: GET /keys. They are
// few, so there is one page.
func (d *Dialect) listKeys(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	keys, err := d.s.Merchants.Keys(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	out := list[keyAnswer]{Data: make([]keyAnswer, len(keys))}
	for n, k := range keys {
		out.Data[n] = answerKey(k)
	}
	return c.json(http.StatusOK, out)
}

// createKey makes a key, which is shown once: POST /keys.
func (d *Dialect) createKey(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var in admin.NewKey
	own := make(map[string]string)
	err = body.read(append(body.keySettings(d.s.Dialects, own),
		required("dialect", oneOf(body, &in.Dialect, keyDialects(d.s.Dialects)...)),
		optional("identity", body.filledName(&in.Identity, maxName)),
		optional("scopes", body.scopes(&in.Scopes)),
		optional("expires_at", body.moment(&in.ExpiresAt)),
		optional("allow_ips", body.networks(&in.Limits.AllowIPs)),
		optional("ceilings", body.ceilings(&in.Limits.Ceilings)),
	)...)
	if err != nil {
		return err
	}
	if err := body.emptyLists(map[string]int{"scopes": len(in.Scopes), "allow_ips": len(in.Limits.AllowIPs), "ceilings": len(in.Limits.Ceilings)}); err != nil {
		return err
	}
	known, _ := d.s.Dialects.Find(in.Dialect)
	if err := ownSettings(d.s.Dialects, known, own); err != nil {
		return err
	}
	in.Settings, in.Giver = own, &c.caller.Key
	fresh, err := d.s.Admin.AddKey(c.ctx, c.by(), c.merchantID(), in)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, answerKey(fresh.Key).tell(fresh.Told()))
}

func scopeNames() []string {
	var names []string
	for _, scope := range merchant.Scopes() {
		names = append(names, string(scope))
	}
	return names
}

// deleteKey ends a key's life: DELETE /keys/{id}. The one that asks can't end
// itself, so that nobody locks themselves out.
func (d *Dialect) deleteKey(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	key, err := d.s.Admin.ExpireKey(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerKey(key))
}
