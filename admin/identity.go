package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// IdentityChange lets a caller alter an identity, and adds to the record what it
// altered. An error leaves the identity as it was.
type IdentityChange func(merchant.Identity, audit.Record) (merchant.Identity, audit.Record, error)

// NewIdentity is what an identity is made of.
type NewIdentity struct {
	Dialect string
	// Given are settings and secrets that exist already; the rest is made up.
	Given merchant.Given
	// Giver is the key that asks, see NewKey: what calls as the identity would have
	// scopes of its own, and no limits.
	Giver *merchant.Key
}

// AddIdentity makes a merchant known in one more dialect, or under one more name
// in it. The answer has the new identities and keys with their secrets, which are
// shown once. Errors: KindNotFound for the merchant; KindInvalid with the setting's
// name; KindForbidden for what the giver can't give; KindStateConflict for a name or
// key that is there already, be it another merchant's, which is not told.
func (a *Admin) AddIdentity(ctx context.Context, by By, merchantID string, in NewIdentity) (merchant.Fresh, error) {
	if err := by.check(); err != nil {
		return merchant.Fresh{}, err
	}
	m, err := a.s.Store.MerchantByID(ctx, merchantID)
	if err != nil {
		return merchant.Fresh{}, err
	}
	known, ok := a.s.Dialects.Find(in.Dialect)
	if !ok || known.Make == nil {
		return merchant.Fresh{}, refund.Errorf(refund.KindInvalid, "dialect", "dialect %q has no identities", in.Dialect)
	}
	if err := mayCallAs(known, m.Mode, in.Giver, "add an identity"); err != nil {
		return merchant.Fresh{}, err
	}
	fresh, err := merchant.NewMember(m, known, in.Given, a.now())
	if err != nil {
		return merchant.Fresh{}, invalidSetting(err)
	}
	names := make([]string, len(fresh.Identities))
	for n, i := range fresh.Identities {
		names[n] = i.Name
	}
	record, err := a.record(by, merchantID, "identity.add", in.Dialect+"/"+strings.Join(names, ","))
	if err != nil {
		return merchant.Fresh{}, err
	}
	if err := a.signKeys(ctx, by, fresh); err != nil {
		return merchant.Fresh{}, err
	}
	record.Write.Shows(strings.Join(names, ","), string(fresh.Credentials(in.Given)))
	if err := a.s.Store.AddIdentities(ctx, fresh, changed(record, in.Given.Settings, in.Given.Secrets)); err != nil {
		return merchant.Fresh{}, err
	}
	a.done(merchantID)
	return fresh, nil
}

// mayCallAs refuses a key that asks for what callers of a dialect sign or call with,
// and could call with it in ways that the key itself can't.
func mayCallAs(known merchant.Dialect, mode merchant.Mode, giver *merchant.Key, what string) error {
	switch {
	case giver == nil:
		return nil
	case !giver.Limits.IsZero():
		return refund.Errorf(refund.KindForbidden, "", "a key with limits can't %s: whoever calls as one has none", what)
	}
	scopes := []merchant.Scope{merchant.ScopeRefund, merchant.ScopeRead}
	if mode == merchant.Test {
		scopes = append(scopes, merchant.ScopeCharge)
	}
	for _, scope := range scopes {
		if !giver.May(scope) {
			return refund.Errorf(refund.KindForbidden, "", "the key lacks the scope %s and can't %s of dialect %s, which has it", scope, what, known.Name)
		}
	}
	return nil
}

// setsCaller reports whether a change decides who can call as an identity.
func setsCaller(known merchant.Dialect, set merchant.Given) bool {
	return len(set.Secrets) > 0 || slices.ContainsFunc(known.Settings, func(s merchant.Setting) bool {
		_, given := set.Settings[s.Name]
		return s.Calls && given
	})
}

// IdentitySet is what is changed of an identity; an empty value takes a setting away.
type IdentitySet struct {
	Dialect, Name string
	Set           merchant.Given
	// Giver is as in NewIdentity; it counts where secrets are set, or
	// settings that callers are known by.
	Giver *merchant.Key
}

// SetIdentity changes settings and secrets of an identity, and returns it as it
// is then. Errors: KindNotFound; KindInvalid with the setting's name, and
// KindForbidden, where nothing is changed.
func (a *Admin) SetIdentity(ctx context.Context, by By, merchantID string, in IdentitySet) (merchant.Identity, error) {
	action, err := a.record(by, merchantID, "identity.set", in.Dialect+"/"+in.Name)
	if err != nil {
		return merchant.Identity{}, err
	}
	known, ok := a.s.Dialects.Find(in.Dialect)
	if !ok || known.Make == nil {
		return merchant.Identity{}, refund.Errorf(refund.KindNotFound, "name", "the merchant has no such identity")
	}
	set := in.Set
	if setsCaller(known, set) {
		m, err := a.s.Store.MerchantByID(ctx, merchantID)
		if err == nil {
			err = mayCallAs(known, m.Mode, in.Giver, "set what callers of an identity are known by")
		}
		if err != nil {
			return merchant.Identity{}, err
		}
	}
	after, err := a.s.Store.ChangeIdentity(ctx, merchantID, in.Dialect, in.Name, action, func(i merchant.Identity, record audit.Record) (merchant.Identity, audit.Record, error) {
		i, err := known.Change(i, set, a.now())
		if err != nil {
			err = invalidSetting(err)
		}
		return i, changed(refund.Action{Record: record}, set.Settings, set.Secrets).Record, err
	})
	if err != nil {
		return merchant.Identity{}, err
	}
	a.done(merchantID)
	return after, nil
}

// invalidSetting is what a setting's check refuses, as KindInvalid: its text
// begins with the setting's name.
func invalidSetting(err error) error {
	if fault := refund.As(err); fault != nil {
		return fault
	}
	text := strings.TrimPrefix(err.Error(), "make merchant: ")
	name := text[:strings.IndexFunc(text+" ", func(r rune) bool { return r == ' ' || r == ':' })]
	return refund.Errorf(refund.KindInvalid, name, "%s", text)
}
