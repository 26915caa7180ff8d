package admin

import (
	"context"
	"strings"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// IdentityChange lets a caller alter an identity, and adds to the record what it
// altered. An error leaves the identity as it was.
type IdentityChange func(merchant.Identity, audit.Record) (merchant.Identity, audit.Record, error)

// AddIdentity makes a merchant known in one more dialect, or under one more name
// in it: with what is given, which exists already, and with what is made up. The
// answer has the new identities and keys with their secrets, which are shown
// once. Errors: KindNotFound for the merchant; KindInvalid with the setting's
// name; KindStateConflict where the merchant has the name already.
func (a *Admin) AddIdentity(ctx context.Context, by By, merchantID, dialect string, given merchant.Given) (merchant.Fresh, error) {
	if err := by.check(); err != nil {
		return merchant.Fresh{}, err
	}
	m, err := a.s.Store.MerchantByID(ctx, merchantID)
	if err != nil {
		return merchant.Fresh{}, err
	}
	known, ok := a.s.Dialects.Find(dialect)
	if !ok || known.Make == nil {
		return merchant.Fresh{}, refund.Errorf(refund.KindInvalid, "dialect", "dialect %q has no identities", dialect)
	}
	fresh, err := merchant.NewMember(m, known, given, a.now())
	if err != nil {
		return merchant.Fresh{}, invalidSetting(err)
	}
	names := make([]string, len(fresh.Identities))
	for n, i := range fresh.Identities {
		names[n] = i.Name
	}
	record, err := a.record(by, merchantID, "identity.add", dialect+"/"+strings.Join(names, ","))
	if err != nil {
		return merchant.Fresh{}, err
	}
	if err := a.signKeys(ctx, by, fresh); err != nil {
		return merchant.Fresh{}, err
	}
	if err := a.s.Store.AddIdentities(ctx, fresh, changed(record, given.Settings, given.Secrets)); err != nil {
		return merchant.Fresh{}, err
	}
	a.done(merchantID)
	return fresh, nil
}

// SetIdentity changes settings and secrets of an identity, and returns it as it
// is then; an empty value takes a setting away. Errors: KindNotFound; KindInvalid
// with the setting's name, where nothing is changed.
func (a *Admin) SetIdentity(ctx context.Context, by By, merchantID, dialect, name string, set merchant.Given) (merchant.Identity, error) {
	action, err := a.record(by, merchantID, "identity.set", dialect+"/"+name)
	if err != nil {
		return merchant.Identity{}, err
	}
	known, ok := a.s.Dialects.Find(dialect)
	if !ok || known.Make == nil {
		return merchant.Identity{}, refund.Errorf(refund.KindNotFound, "name", "the merchant has no such identity")
	}
	after, err := a.s.Store.ChangeIdentity(ctx, merchantID, dialect, name, action, func(i merchant.Identity, record audit.Record) (merchant.Identity, audit.Record, error) {
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
