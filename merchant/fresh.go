package merchant

import (
	"fmt"
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
}

// FreshKey is an API key together with its text, of which only the hash is
// stored.
type FreshKey struct {
	Key    Key
	Secret string
}

// The lengths of what is made, in characters behind the prefix. Where a
// protocol prints one, it is that (pingpp.md 1.5 and 2.1, payin.md 1).
const (
	keyLength         = 24 // sk_test_ and 24: the official clients count 32
	appLength         = 16
	idLength          = 16
	payinKeyLength    = 32 // with its first two, "AK"
	payinSecretLength = 64
	apiv3KeyLength    = 32
	mchidDigits       = 10
	payinDigits       = 6
	clientDigits      = 7 // behind "CLT"
)

// NewFresh makes a merchant with an identity and keys in each dialect of with,
// besides a native key with every scope of its mode, and in test mode the
// channel account of its sandbox. A dialect that is not known is an error.
func NewFresh(name string, mode Mode, with []string, now time.Time) (Fresh, error) {
	if mode != Test && mode != Live {
		return Fresh{}, fmt.Errorf("make merchant: the mode is test or live, not %q", mode)
	}
	f := Fresh{Merchant: Merchant{ID: "mer_" + letters(idLength), Name: name, Mode: mode, CreatedAt: now}}
	for _, dialect := range Dialects() {
		if !slices.Contains(with, dialect) && dialect != Native {
			continue
		}
		if err := f.add(dialect, now); err != nil {
			return Fresh{}, fmt.Errorf("make merchant: %w", err)
		}
	}
	for _, dialect := range with {
		if !slices.Contains(Dialects(), dialect) {
			return Fresh{}, fmt.Errorf("make merchant: there is no dialect %q", dialect)
		}
	}
	if mode == Test {
		f.Accounts = []ChannelAccount{newSandboxAccount(NewAccountID(ChannelSandbox), f.Merchant.ID, now)}
	}
	return f, nil
}

// add makes the identity and the key in one dialect.
func (f *Fresh) add(dialect string, now time.Time) error {
	var made []Identity
	var err error
	switch dialect {
	case PingPP:
		made = []Identity{{Name: "app_" + letters(appLength)}}
	case Wallet:
		made, err = walletIdentity("wallet_" + letters(idLength))
	case WeChatPay:
		direct, partner := "19"+digits(mchidDigits-2), "19"+digits(mchidDigits-2)
		made, err = wechatIdentities(direct, partner, "19"+digits(mchidDigits-2), letters(apiv3KeyLength), now)
	case Payin:
		made = []Identity{{Name: "M" + digits(payinDigits), Secrets: map[string]string{ClientSecret: letters(payinSecretLength)}}}
	}
	if err != nil {
		return err
	}
	for _, identity := range made {
		identity.Dialect, identity.MerchantID, identity.CreatedAt = dialect, f.Merchant.ID, now
		f.Identities = append(f.Identities, identity)
	}
	if dialect == WeChatPay { // its callers sign with their certificate
		return nil
	}
	var identity string
	if len(made) > 0 {
		identity = made[0].Name
	}
	key := NewKey(f.Merchant, dialect, identity, now)
	key.Key.Secrets = nil // the first goes by the identity's
	f.Keys = append(f.Keys, key)
	return nil
}

// NewKey makes an API key in the form of its dialect, with the scopes that are
// standard there in the merchant's mode. One of Payin is a client with an id
// and a secret of its own (payin.md 1).
func NewKey(m Merchant, dialect, identity string, now time.Time) FreshKey {
	prefix := map[string]string{PingPP: "sk_", Wallet: "sk_", Native: "rk_"}[dialect]
	text := prefix + string(m.Mode) + "_" + letters(keyLength)
	if dialect == Payin {
		text = "AK" + letters(payinKeyLength-2)
	}
	fresh := keyOf(m, "key_"+letters(idLength), dialect, identity, text, now)
	if dialect == Payin {
		fresh.Key.Public = map[string]string{ClientID: "CLT" + digits(clientDigits)}
		fresh.Key.Secrets = map[string]string{ClientSecret: letters(payinSecretLength)}
	}
	return fresh
}

func keyOf(m Merchant, id, dialect, identity, text string, now time.Time) FreshKey {
	return FreshKey{Secret: text, Key: Key{
		ID: id, Dialect: dialect, Identity: identity, MerchantID: m.ID,
		Scopes: standardScopes(dialect, m.Mode), Hint: Hint(text), CreatedAt: now,
	}}
}

// PossibleScopes are all that a key of a dialect can have in a mode.
func PossibleScopes(dialect string, mode Mode) []Scope {
	scopes := standardScopes(dialect, mode)
	if dialect == Native {
		scopes = append(scopes, ScopeResolve)
	}
	return scopes
}

// standardScopes are those of a key that was made without naming any.
func standardScopes(dialect string, mode Mode) []Scope {
	switch {
	case dialect != Native && mode == Test:
		// Charges are created through a dialect in test mode alone.
		return []Scope{ScopeCharge, ScopeRefund, ScopeRead}
	case dialect != Native:
		return []Scope{ScopeRefund, ScopeRead}
	case mode == Test:
		return StandardScopes()
	default:
		return slices.DeleteFunc(StandardScopes(), func(s Scope) bool { return s == ScopeSandbox })
	}
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

// Warnings are what whoever made the merchant should know before its first
// charge: a live merchant has no channel account by itself.
func (f Fresh) Warnings() []string {
	if len(f.Accounts) > 0 {
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

// Key gives the text of the key in a dialect, "" if there is none.
func (f Fresh) Key(dialect string) string {
	for _, key := range f.Keys {
		if key.Key.Dialect == dialect {
			return key.Secret
		}
	}
	return ""
}
