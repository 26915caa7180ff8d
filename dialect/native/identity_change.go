package native

import (
	"net/http"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// changeIdentity changes the settings and secrets that the body names: PATCH
// /identities/{dialect}/{name}. Platform keys are the operator's.
func (d *Dialect) changeIdentity(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	name, absent := c.r.PathValue("name"), refund.Errorf(refund.KindNotFound, "name", "the merchant has no such identity")
	known, ok := d.s.Dialects.Find(c.r.PathValue("dialect"))
	if !ok || known.Make == nil || len(name) > maxName || !visible(name) {
		return absent
	}
	set := merchant.Given{Settings: make(map[string]string)}
	members := body.changeable(known, set.Settings)
	settings := optional("settings", func(v exactjson.Value, path string) { body.object(v, path, members) })
	_, secrets := body.top.Get("secrets")
	settings.required = !secrets
	if err := body.read(settings, optional("secrets", body.settingsOf(known, true, &set.Secrets))); err != nil {
		return err
	}
	identity, err := d.s.Admin.SetIdentity(c.ctx, c.by(), c.merchantID(), admin.IdentitySet{
		Dialect: known.Name, Name: name, Set: set, Giver: &c.caller.Key,
	})
	if err != nil {
		return settingAt(known, err)
	}
	return c.json(http.StatusOK, answerIdentity(identity.Showing(d.now())))
}

// changeable are the members for a dialect's settings, read into set.
func (d *decoder) changeable(known merchant.Dialect, set map[string]string) []member {
	var members []member
	for _, s := range known.Settings {
		if s.Fixed || s.Secret {
			continue
		}
		read := func(v exactjson.Value, path string) {
			var text string
			d.text(&text, maxPEM)(v, path)
			switch {
			case text == "" && s.Required:
				d.refuse(path, "must not be empty")
			case text != "" && s.Check != nil:
				if err := s.Check(text); err != nil {
					d.refuse(path, "%v", err)
				}
			}
			set[s.Name] = text
		}
		members = append(members, optional(s.Name, read))
		// Contracts write some with their dialect before them.
		if before := known.Name + "."; !strings.HasPrefix(s.Name, before) {
			members = append(members, optional(before+s.Name, read))
		}
	}
	return append(members, d.moved(known, set)...)
}

// moved are the members for settings that are a channel account's now. All that
// an identity takes of them is that an old value goes away.
func (d *decoder) moved(known merchant.Dialect, set map[string]string) []member {
	var members []member
	for _, moved := range known.Moved {
		read := func(v exactjson.Value, path string) {
			var text string
			d.text(&text, maxPEM)(v, path)
			if err := known.CheckMoved(moved.Name, text); err != nil {
				d.refuse(path, "%s", strings.TrimPrefix(err.Error(), moved.Name+": "))
			} else if !moved.Secret {
				set[moved.Name] = text
			}
		}
		members = append(members, optional(moved.Name, read), optional(known.Name+"."+moved.Name, read))
	}
	return members
}
