package native

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// keyDialects are those whose callers have keys.
func keyDialects(dialects merchant.Dialects) []string {
	var names []string
	for _, known := range dialects {
		if known.Keys != nil {
			names = append(names, known.Name)
		}
	}
	return names
}

// switchOn is the text of a setting that is on or absent: true in JSON.
const switchOn = "true"

// keySettings are the members for what a key may have of its own in some
// dialect, read into own.
func (d *decoder) keySettings(dialects merchant.Dialects, own map[string]string) []member {
	var members []member
	for _, known := range dialects {
		if known.Keys == nil {
			continue
		}
		for _, s := range known.Keys.Settings {
			members = append(members, optional(s.Name, func(v exactjson.Value, path string) { d.keySetting(s, v, path, own) }))
		}
	}
	return members
}

func (d *decoder) keySetting(s merchant.Setting, v exactjson.Value, path string, own map[string]string) {
	if s.Check(switchOn) == nil {
		var on bool
		if d.truth(&on)(v, path); on {
			own[s.Name] = switchOn
		}
		return
	}
	if !d.is(v, path, exactjson.String) {
		return
	}
	if err := s.Check(v.Text); err != nil {
		d.refuse(path, "%v", err)
	}
	own[s.Name] = v.Text
}

// ownSettings refuses what is a setting of keys of other dialects.
func ownSettings(dialects merchant.Dialects, of merchant.Dialect, own map[string]string) error {
	for _, known := range dialects {
		if known.Keys == nil || known.Name == of.Name {
			continue
		}
		for _, s := range known.Keys.Settings {
			if _, given := own[s.Name]; given {
				return refuse(refund.KindInvalid, s.Name, "is of keys of the %s dialect: %s", known.Name, s.Meaning)
			}
		}
	}
	return nil
}
