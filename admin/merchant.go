package admin

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Merchants keeps merchants. Absent is KindNotFound.
type Merchants interface {
	MerchantByID(ctx context.Context, id string) (merchant.Merchant, error)
	// AddMerchant writes a new merchant with everything that it needs.
	// KindStateConflict where another merchant has its name, or what must be
	// unique is another's.
	AddMerchant(ctx context.Context, f merchant.Fresh, record refund.Action) error
	// AddIdentities writes new identities and keys of a merchant that is there.
	// KindStateConflict where one of them is there already.
	AddIdentities(ctx context.Context, f merchant.Fresh, record refund.Action) error
	// ChangeSettings lets change alter the settings under a lock, and returns them.
	ChangeSettings(ctx context.Context, merchantID string, action refund.Action, change SettingsChange) (merchant.Settings, error)
	// ChangeIdentity lets change alter an identity under a lock, and returns it.
	ChangeIdentity(ctx context.Context, merchantID, dialect, name string, action refund.Action, change IdentityChange) (merchant.Identity, error)
	// DisableMerchant and EnableMerchant set whether a merchant's keys and
	// identities are known. One that is so already stays so, without a record.
	DisableMerchant(ctx context.Context, id string, record refund.Action, now time.Time) (merchant.Merchant, error)
	EnableMerchant(ctx context.Context, id string, record refund.Action) (merchant.Merchant, error)
}

// SettingsChange lets a caller alter settings, and adds to the record what it
// altered. An error leaves them as they were.
type SettingsChange func(*merchant.Settings, audit.Record) (audit.Record, error)

// NewMerchant is what a merchant is made of.
type NewMerchant struct {
	// Name has 1 to maxName bytes and is no other merchant's.
	Name string
	Mode merchant.Mode
	// With are the dialects that it is known in, besides those of every merchant.
	With []string
	// Given are settings and secrets that exist already, by dialect; the rest is
	// made up.
	Given map[string]merchant.Given
}

// maxName bounds a merchant's name: it stands in tables.
const maxName = 100

// MakeMerchant makes a merchant without keeping it: AddMerchant does that. So
// what it is made of is checked before a database is opened. Errors: KindInvalid,
// with the setting at fault.
func MakeMerchant(dialects merchant.Dialects, in NewMerchant, now time.Time) (merchant.Fresh, error) {
	visible := func(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError }
	if in.Name == "" || len(in.Name) > maxName || strings.TrimSpace(in.Name) != in.Name || strings.TrimFunc(in.Name, visible) != "" {
		return merchant.Fresh{}, refund.Errorf(refund.KindInvalid, "name", "a merchant's name is 1 to %d bytes of text, without blanks at its ends", maxName)
	}
	known, err := dialects.Only(in.With...)
	if err != nil {
		return merchant.Fresh{}, refund.Errorf(refund.KindInvalid, "with", "%v", err)
	}
	fresh, err := merchant.NewFresh(in.Name, in.Mode, known, in.Given, now)
	if err != nil {
		return merchant.Fresh{}, invalidSetting(err)
	}
	return fresh, nil
}

// AddMerchant keeps a merchant that MakeMerchant made. KindStateConflict where
// another merchant has its name, or an identity or key that was given.
func (a *Admin) AddMerchant(ctx context.Context, by By, fresh merchant.Fresh) error {
	id := fresh.Merchant.ID
	record, err := a.record(by, id, "merchant.add", id)
	if err != nil {
		return err
	}
	record = record.With("name", fresh.Merchant.Name).With("mode", string(fresh.Merchant.Mode))
	for n, i := range fresh.Identities {
		record = record.With(fmt.Sprintf("identity %d", n+1), strings.TrimSpace(i.Dialect+"/"+i.Name+" "+i.Sub))
	}
	if err := a.signKeys(ctx, by, fresh); err != nil {
		return err
	}
	if err := a.s.Store.AddMerchant(ctx, fresh, record); err != nil {
		return err
	}
	a.done(id)
	return nil
}

// DisableMerchant closes the door: the merchant's keys and identities are not
// known any more, in any dialect, within seconds. What was accepted goes on, and
// so do its notifications. Again changes nothing. KindNotFound.
func (a *Admin) DisableMerchant(ctx context.Context, by By, id string) (merchant.Merchant, error) {
	return a.setDisabled(ctx, by, id, "merchant.disable", func(record refund.Action) (merchant.Merchant, error) {
		return a.s.Store.DisableMerchant(ctx, id, record, a.now())
	})
}

// EnableMerchant takes DisableMerchant back. KindNotFound.
func (a *Admin) EnableMerchant(ctx context.Context, by By, id string) (merchant.Merchant, error) {
	return a.setDisabled(ctx, by, id, "merchant.enable", func(record refund.Action) (merchant.Merchant, error) {
		return a.s.Store.EnableMerchant(ctx, id, record)
	})
}

func (a *Admin) setDisabled(_ context.Context, by By, id, action string, set func(refund.Action) (merchant.Merchant, error)) (merchant.Merchant, error) {
	record, err := a.record(by, id, action, id)
	if err != nil {
		return merchant.Merchant{}, err
	}
	m, err := set(record)
	if err != nil {
		return merchant.Merchant{}, err
	}
	a.done(id)
	return m, nil
}
