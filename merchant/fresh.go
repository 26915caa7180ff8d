package merchant

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Fresh is a new merchant with everything it needs to call us, and the key
// texts, which are shown once.
type Fresh struct {
	Merchant   Merchant
	Identities []Identity
	Keys       []FreshKey
	Accounts   []ChannelAccount
	// Console says who signs in to the console, by the names of demo.json; nil of
	// all but the demo merchant.
	Console map[string]string
	// dialects are those that it is known in.
	dialects Dialects
	// member says that the merchant itself was there before.
	member bool
}

// idLength is how long ids are behind their prefix.
const idLength = 16

// NewFresh makes a merchant with an identity and a key in each of the dialects,
// and in test mode the channel account of its sandbox. What is given of a dialect
// exists already and is taken; the rest is made up. The error names the setting
// at fault as DIALECT.setting.
func NewFresh(name string, mode Mode, dialects Dialects, given map[string]Given, now time.Time) (Fresh, error) {
	if mode != Test && mode != Live {
		return Fresh{}, fmt.Errorf("make merchant: the mode is test or live, not %q", mode)
	}
	f := Fresh{Merchant: Merchant{ID: "mer_" + RandomLetters(idLength), Name: name, Mode: mode, CreatedAt: now}}
	for _, dialect := range slices.Sorted(maps.Keys(given)) {
		if _, ok := dialects.Find(dialect); !ok {
			return Fresh{}, fmt.Errorf("make merchant: %s: settings are given of a dialect that the merchant is not known in", dialect)
		}
	}
	for _, d := range dialects {
		if err := f.add(d, given[d.Name], nil, "", now); err != nil {
			return Fresh{}, fmt.Errorf("make merchant: %w", err)
		}
	}
	if mode == Test {
		f.Accounts = []ChannelAccount{newSandboxAccount(NewAccountID(ChannelSandbox), f.Merchant.ID, now)}
	}
	return f, nil
}

// NewMember makes identities, and where the dialect has keys a key, of a merchant
// that is there already. The error names the setting at fault as DIALECT.setting.
func NewMember(m Merchant, d Dialect, given Given, now time.Time) (Fresh, error) {
	f := Fresh{Merchant: m, member: true}
	err := f.add(d, given, nil, "", now)
	return f, err
}

// add makes the identities and the key in one dialect. kept are the merchant's
// identities that are there already; keyID "" makes one.
func (f *Fresh) add(d Dialect, given Given, kept []Identity, keyID string, now time.Time) error {
	kept = slices.DeleteFunc(slices.Clone(kept), func(i Identity) bool { return i.Dialect != d.Name })
	made, err := d.NewIdentities(Request{Merchant: f.Merchant, Given: given, Kept: kept, Now: now})
	if err != nil {
		return err
	}
	f.dialects = append(f.dialects, d)
	f.Identities = append(f.Identities, made...)
	if d.Keys == nil {
		return nil
	}
	identity := ""
	if len(made) > 0 {
		identity = made[0].Name
	}
	key, err := d.firstKey(f.Merchant, identity, given, now)
	if err != nil {
		return err
	}
	if keyID != "" {
		key.Key.ID = keyID
	}
	f.Keys = append(f.Keys, key)
	return nil
}

// Kept is i as the database keeps it: secrets that only the merchant needs are
// left out. The demo merchant's stay, so that its files can always be written
// again.
func (f Fresh) Kept(i Identity) Identity {
	if d, ok := f.dialects.Find(i.Dialect); ok && !f.Merchant.Settings.Demo {
		return d.Kept(i)
	}
	return i
}

// Kept is i without the secrets that only the merchant needs.
func (d Dialect) Kept(i Identity) Identity {
	i.Secrets = maps.Clone(i.Secrets)
	maps.DeleteFunc(i.Secrets, func(name, _ string) bool { return slices.Contains(d.HandedOver, name) })
	return i
}

// Warnings are what whoever made the merchant should know before its first
// charge: a live merchant has no channel account by itself.
func (f Fresh) Warnings() []string {
	if len(f.Accounts) > 0 || f.member {
		return nil
	}
	return []string{"the merchant has no channel account: its refunds are refused until one takes its charges " +
		"(hint: refundry account add --merchant " + f.Merchant.ID + "; --channel manual is for refunds that an operator makes by hand)"}
}

// Identity finds the first identity in a dialect.
func (f Fresh) Identity(dialect string) (Identity, bool) {
	for _, identity := range f.Identities {
		if identity.Dialect == dialect {
			return identity, true
		}
	}
	return Identity{}, false
}

// Key returns the text of the key in a dialect, "" if there is none.
func (f Fresh) Key(dialect string) string {
	for _, key := range f.Keys {
		if key.Key.Dialect == dialect {
			return key.Secret
		}
	}
	return ""
}
