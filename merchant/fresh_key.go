package merchant

import (
	"fmt"
	"slices"
	"time"
)

// FreshKey is an API key together with its text, of which only the hash is
// stored.
type FreshKey struct {
	Key    Key
	Secret string
}

// Told is what is shown once of a new key: its text, and behind a blank, which
// neither has, what its client signs with, if that is the key's own.
func (f FreshKey) Told() string {
	if secret := f.Key.Secrets[ClientSecret]; secret != "" {
		return f.Secret + " " + secret
	}
	return f.Secret
}

// firstKey makes the key that an identity begins with, or takes the one that is
// given. It has no secrets of its own: the first goes by the identity's.
func (d Dialect) firstKey(m Merchant, identity string, given Given, now time.Time) (FreshKey, error) {
	text, ok := given.Secrets[d.Keys.Setting]
	if !ok || d.Keys.Setting == "" {
		key := d.NewKey(m, identity, nil, now)
		key.Key.Secrets = nil
		return key, nil
	}
	if d.Keys.CheckMode != nil {
		if err := d.Keys.CheckMode(text, m.Mode); err != nil {
			return FreshKey{}, fmt.Errorf("%s.%s: %w", d.Name, d.Keys.Setting, err)
		}
	}
	return d.keyOf(m, identity, text, now), nil
}

// NewKey makes an API key of a merchant's identity with the scopes that are
// standard in the dialect and the merchant's mode. given are settings of the key's own.
func (d Dialect) NewKey(m Merchant, identity string, given map[string]string, now time.Time) FreshKey {
	fresh := d.keyOf(m, identity, d.Keys.Text(m.Mode), now)
	if d.Keys.Fill != nil {
		d.Keys.Fill(&fresh.Key, given)
	}
	return fresh
}

func (d Dialect) keyOf(m Merchant, identity, text string, now time.Time) FreshKey {
	return FreshKey{Secret: text, Key: Key{
		ID: "key_" + RandomLetters(idLength), Dialect: d.Name, Identity: identity, MerchantID: m.ID,
		Scopes: d.Keys.standardScopes(m.Mode), Hint: Hint(text), CreatedAt: now,
	}}
}

// PossibleScopes are all that a key of the dialect can have in a mode.
func (k KeyForm) PossibleScopes(mode Mode) []Scope {
	if k.EveryScope {
		return append(k.standardScopes(mode), ScopeResolve, ScopeApprove, ScopePolicy, ScopeUser)
	}
	return k.standardScopes(mode)
}

// standardScopes are those of a key that was made without naming any.
func (k KeyForm) standardScopes(mode Mode) []Scope {
	switch {
	case !k.EveryScope && mode == Test:
		// Charges are created through a dialect in test mode alone.
		return []Scope{ScopeCharge, ScopeRefund, ScopeRead}
	case !k.EveryScope:
		return []Scope{ScopeRefund, ScopeRead}
	case mode == Test:
		return StandardScopes()
	}
	return slices.DeleteFunc(StandardScopes(), func(s Scope) bool { return s == ScopeSandbox })
}

// hintTail is how much of a key's end a hint shows; a key that is not at least
// four times as long behind its prefix would give too much of itself away.
const hintTail = 4

// Hint shows a key's ends: "sk_test_...W9KC".
func Hint(text string) string {
	at := 0
	for n := range len(text) {
		if text[n] == '_' {
			at = n + 1
		}
	}
	prefix, tail := text[:at], text[at:]
	if len(tail) < 4*hintTail {
		return prefix + "..."
	}
	return prefix + "..." + tail[len(tail)-hintTail:]
}
