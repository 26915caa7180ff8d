package native

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
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
	CreatedAt         moment `json:"created_at"`
	ExpiresAt         moment `json:"expires_at"` // null: never
	// Secret is the key itself, and ClientSecret what a Payin client signs
	// with; only in the answer that made it.
	Secret       string `json:"secret,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
}

func answerKey(k merchant.Key) keyAnswer {
	out := keyAnswer{
		ID: k.ID, Dialect: k.Dialect, Identity: k.Identity, Scopes: k.Scopes, Hint: k.Hint, Plain: k.Plain,
		ClientID: k.Public[merchant.ClientID], RequireBodySHA256: k.Public[payin.SwitchRequireBodySHA256] == payin.SwitchOn,
		CreatedAt: moment(k.CreatedAt), ExpiresAt: moment(k.ExpiresAt),
	}
	if out.Scopes == nil {
		out.Scopes = []merchant.Scope{}
	}
	return out
}

// told is what is told once of a new key: its text, and behind a blank, which
// neither has, what a Payin client signs with.
func told(f merchant.FreshKey) string {
	return strings.TrimSpace(f.Secret + " " + f.Key.Secrets[merchant.ClientSecret])
}

// tell puts it into the answer.
func (a keyAnswer) tell(once string) keyAnswer {
	a.Secret, a.ClientSecret, _ = strings.Cut(once, " ")
	return a
}

// listKeys gives all of the merchant's keys, oldest first: GET /keys. They are
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

// createKey makes a key, which is told once: POST /keys.
func (d *Dialect) createKey(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var in merchant.Key
	own := make(map[string]string)
	err = body.read(append(body.keySettings(d.s.Dialects, own),
		required("dialect", body.oneOf(&in.Dialect, keyDialects(d.s.Dialects)...)),
		optional("identity", body.filledName(&in.Identity, mostName)),
		optional("scopes", body.list(len(merchant.Scopes()), func(v exactjson.Value, path string) {
			var scope string
			body.oneOf(&scope, scopeNames()...)(v, path)
			in.Scopes = append(in.Scopes, merchant.Scope(scope))
		})),
		optional("expires_at", body.moment(&in.ExpiresAt)),
	)...)
	if err != nil {
		return err
	}
	if _, given := body.top.Get("scopes"); given && len(in.Scopes) == 0 {
		return refuse(refund.KindInvalid, "scopes", "is empty (hint: leave it out to give what a key has by default)")
	}
	known, _ := d.s.Dialects.Find(in.Dialect)
	if err := ownSettings(d.s.Dialects, known, own); err != nil {
		return err
	}
	if in.Identity, err = d.keyIdentity(c, in); err != nil {
		return err
	}
	now := d.now()
	fresh := known.NewKey(c.caller.Merchant, in.Identity, own, now)
	possible := known.Keys.PossibleScopes(c.caller.Merchant.Mode)
	if in.Scopes != nil {
		fresh.Key.Scopes = in.Scopes
	}
	for _, scope := range fresh.Key.Scopes {
		switch {
		case !slices.Contains(possible, scope):
			return refund.Errorf(refund.KindInvalid, "scopes", "a key of dialect %s can't have %s in this mode", in.Dialect, scope)
		case !c.caller.Key.May(scope):
			return refund.Errorf(refund.KindForbidden, "scopes", "the key lacks the scope %s and can't give it", scope)
		}
	}
	if fresh.Key.ExpiresAt = in.ExpiresAt; !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(now) {
		return refuse(refund.KindInvalid, "expires_at", "is over")
	}
	once := told(fresh)
	c.made(fresh.Key.ID, once)
	if err := d.s.Merchants.AddKey(c.ctx, fresh); err != nil {
		return err
	}
	return c.json(http.StatusCreated, answerKey(fresh.Key).tell(once))
}

// keyIdentity finds whose key it will be; outside of the native dialect each
// is one identity's.
func (d *Dialect) keyIdentity(c *call, in merchant.Key) (string, error) {
	if known, _ := d.s.Dialects.Find(in.Dialect); known.Make == nil {
		if in.Identity != "" {
			return "", refuse(refund.KindInvalid, "identity", "is none of the %s dialect, which has no identities", in.Dialect)
		}
		return "", nil
	}
	found, err := d.endpointIdentity(c, merchant.Endpoint{Dialect: in.Dialect, Identity: in.Identity})
	if err == nil && found == "" {
		err = refuse(refund.KindInvalid, "identity", "is required: the merchant has several in this dialect")
	}
	return found, err
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
	if id == c.caller.Key.ID {
		return refund.Errorf(refund.KindStateConflict, "id", "a key can't end its own life; use another")
	}
	keys, err := d.s.Merchants.Keys(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	at := slices.IndexFunc(keys, func(k merchant.Key) bool { return k.ID == id })
	if at < 0 {
		return refund.Errorf(refund.KindNotFound, "id", "there is no such key")
	}
	now := d.now()
	if over(keys[at].ExpiresAt, now) {
		return c.json(http.StatusOK, answerKey(keys[at]))
	}
	if err := d.s.Merchants.ExpireKey(c.ctx, c.merchantID(), id, now); err != nil {
		return err
	}
	keys[at].ExpiresAt = now
	return c.json(http.StatusOK, answerKey(keys[at]))
}

func over(expiresAt, now time.Time) bool { return !expiresAt.IsZero() && !expiresAt.After(now) }
