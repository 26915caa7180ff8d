package native

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// addedIdentity is a new identity. A dialect may make several at once.
type addedIdentity struct {
	Data []identityAnswer `json:"data"`
	// Keys are the API keys that were made with them, without their texts; WeChat Pay
	// has none.
	Keys []keyAnswer `json:"keys"`
	// Credentials is what a client is configured with: names, and texts that were made
	// up. It is shown once.
	Credentials json.RawMessage `json:"credentials,omitempty"`
}

// createIdentity makes the merchant known in a dialect, or under one more name in
// it: POST /identities, 201.
func (d *Dialect) createIdentity(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var name string
	in := admin.NewIdentity{Giver: &c.caller.Key}
	choose := oneOf(body, &name, identityDialects(d.s.Dialects)...)
	if err := body.read(required("dialect", choose), ignored("settings"), ignored("secrets")); err != nil {
		return err
	}
	known, _ := d.s.Dialects.Find(name)
	in.Dialect = known.Name
	err = body.read(
		required("dialect", choose),
		optional("settings", body.settingsOf(known, false, &in.Given.Settings)),
		optional("secrets", body.settingsOf(known, true, &in.Given.Secrets)),
	)
	if err != nil {
		return err
	}
	for member, values := range map[string]map[string]string{"settings": in.Given.Settings, "secrets": in.Given.Secrets} {
		for name, text := range values {
			if text == "" {
				return refuse(refund.KindInvalid, member+"."+name, "must not be empty (hint: leave it out)")
			}
		}
	}
	fresh, err := d.s.Admin.AddIdentity(c.ctx, c.by(), c.merchantID(), in)
	if err != nil {
		return settingAt(known, err)
	}
	keys := make([]merchant.Key, len(fresh.Keys))
	for n, k := range fresh.Keys {
		keys[n] = k.Key
	}
	kept := make([]merchant.Identity, len(fresh.Identities))
	for n, i := range fresh.Identities {
		kept[n] = fresh.Kept(i)
	}
	return c.json(http.StatusCreated, d.answerAdded(kept, keys, fresh.Credentials(in.Given)))
}

func (d *Dialect) answerAdded(identities []merchant.Identity, keys []merchant.Key, credentials []byte) addedIdentity {
	out := addedIdentity{Data: make([]identityAnswer, len(identities)), Keys: make([]keyAnswer, len(keys)), Credentials: credentials}
	for n, i := range identities {
		out.Data[n] = answerIdentity(i.Showing(d.now()))
	}
	for n, k := range keys {
		out.Keys[n] = answerKey(k)
	}
	return out
}

// againIdentityMade answers with the identities of the write's names as they are now,
// and the keys that they began with.
func (d *Dialect) againIdentityMade(c *call, w refund.Write) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	dialect, _ := body.top.Get("dialect")
	names := strings.Split(w.Made, ",")
	made := func(inDialect, name string) bool { return inDialect == dialect.Text && slices.Contains(names, name) }
	all, err := d.s.Directory.Identities(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	var identities []merchant.Identity
	for _, i := range all {
		if made(i.Dialect, i.Name) {
			identities = append(identities, i)
		}
	}
	held, err := d.s.Merchants.Keys(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	var keys []merchant.Key
	for _, k := range held {
		first := !slices.ContainsFunc(keys, func(known merchant.Key) bool { return known.Identity == k.Identity })
		if made(k.Dialect, k.Identity) && first {
			keys = append(keys, k)
		}
	}
	return c.json(http.StatusOK, d.answerAdded(identities, keys, []byte(w.Secret)))
}

// identityDialects are those that have identities.
func identityDialects(all merchant.Dialects) []string {
	var names []string
	for _, known := range all {
		if known.Make != nil {
			names = append(names, known.Name)
		}
	}
	return names
}

// ignored passes over a member that is read later.
func ignored(name string) member { return optional(name, func(exactjson.Value, string) {}) }

// settingsOf reads an object of a dialect's settings, or of its secrets, into to, by
// the names that the dialect gives them. Each may be named with the dialect before it.
// Whether values are good is for the dialect to say.
func (d *decoder) settingsOf(known merchant.Dialect, secrets bool, to *map[string]string) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		var texts map[string]string
		d.texts(&texts)(v, path)
		values := make(map[string]string, len(texts))
		for _, m := range v.Members {
			at := path + "." + shown(m.Name)
			s, found := known.Setting(m.Name)
			if moved, was := known.FindMoved(m.Name); was {
				s, found = merchant.Setting{Name: moved.Name, Secret: secrets}, true
			}
			_, twice := values[s.Name]
			switch {
			case !found:
				d.refuse(at, "is not known here")
			case s.Secret && !secrets:
				d.refuse(at, "is a secret: send it in secrets")
			case !s.Secret && secrets:
				d.refuse(at, "is no secret: send it in settings")
			case twice:
				d.refuse(at, "is given twice")
			}
			values[s.Name] = texts[m.Name]
		}
		*to = values
	}
}

// settingAt is an error of a dialect's setting with the member where it was sent.
func settingAt(known merchant.Dialect, err error) error {
	fault := refund.As(err)
	if fault == nil || fault.Kind != refund.KindInvalid {
		return err
	}
	name, member := strings.TrimPrefix(fault.Param, known.Name+"."), "settings."
	if s, ok := known.Setting(name); ok && s.Secret {
		member = "secrets."
	}
	return refund.Errorf(refund.KindInvalid, member+name, "%s%s", member, strings.TrimPrefix(fault.Detail, known.Name+"."))
}

type dialectAnswer struct {
	Dialect  string              `json:"dialect"`
	Settings []dialectSettingRow `json:"settings"`
}

type dialectSettingRow struct {
	Name   string `json:"name"`
	Secret bool   `json:"secret"`
	// Fixed settings are given when the identity is made, and stay.
	Fixed   bool   `json:"fixed"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
}

// listDialects describes the dialects that a merchant may have identities in: GET
// /dialects.
func (d *Dialect) listDialects(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	var out struct {
		Data []dialectAnswer `json:"data"`
	}
	for _, known := range d.s.Dialects {
		if known.Make == nil {
			continue
		}
		one := dialectAnswer{known.Name, make([]dialectSettingRow, len(known.Settings))}
		for n, s := range known.Settings {
			one.Settings[n] = dialectSettingRow{s.Name, s.Secret, s.Fixed, s.Default, s.Meaning}
		}
		out.Data = append(out.Data, one)
	}
	return c.json(http.StatusOK, out)
}
