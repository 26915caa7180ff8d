package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// Rotation says which platform keys are to be replaced, and when.
type Rotation struct {
	// Purpose is that of the keys, as merchant.PlatformForm has it.
	Purpose string
	// MerchantID narrows keys that each identity has for itself; "" is all
	// merchants.
	MerchantID string
	// ActivateAfter is how long the new key is only shown; at least
	// merchant.PublishAfter.
	ActivateAfter time.Duration
	// RetireAfter is how long after that the old keys' lives end; 0 is not
	// before somebody says so.
	RetireAfter time.Duration
}

// RotatePlatformKeys makes new keys beside those in use and gives them. Nothing
// signs with them before they are active. Some of the demo merchant's keys are
// the service's own too, so that one file of its folder serves both: whichever of
// the two is named, both get the same successor.
func RotatePlatformKeys(ctx context.Context, s *store.Store, by admin.By, r Rotation, now time.Time) ([]merchant.PlatformKey, error) {
	made, err := successors(ctx, s, r, now)
	if err != nil {
		return nil, fmt.Errorf("rotate platform keys: %w", err)
	}
	if len(made) == 0 {
		return nil, refund.Errorf(refund.KindNotFound, "platform", "nobody has a platform key of this kind")
	}
	activatesAt := now.Add(max(r.ActivateAfter, merchant.PublishAfter))
	for n := range made {
		made[n].ActivatesAt = activatesAt
	}
	var retireAt time.Time
	if r.RetireAfter > 0 {
		retireAt = activatesAt.Add(r.RetireAfter)
	}
	record := platformRecord(by, "platform_key.rotate", r.Purpose, r.MerchantID, made, now).With("activates_at", activatesAt.Format(time.RFC3339))
	if err := s.AddPlatformKeys(ctx, made, retireAt, record); err != nil {
		return nil, err
	}
	return made, linkInstallation(ctx, s)
}

// platformRecord is the record of what was done to keys of one kind. It is in the
// installation's chain, whosever keys they are: no merchant can do it.
func platformRecord(by admin.By, action, purpose, merchantID string, keys []merchant.PlatformKey, now time.Time) audit.Record {
	ids := make([]string, len(keys))
	for n, k := range keys {
		ids[n] = k.ID
	}
	record := audit.New(by.Actor, "", action, purpose, now).With("keys", strings.Join(ids, " "))
	if merchantID != "" {
		record = record.With("merchant", merchantID)
	}
	record.RequestID = by.RequestID
	return record
}

// linkInstallation adds what was just done to the installation's chain.
func linkInstallation(ctx context.Context, s *store.Store) error {
	_, err := s.LinkAudit(ctx, "")
	return err
}

func successors(ctx context.Context, s *store.Store, r Rotation, now time.Time) ([]merchant.PlatformKey, error) {
	forms := platformForms(Dialects())
	at := slices.IndexFunc(forms, func(f platformForm) bool { return f.Purpose == r.Purpose })
	if at < 0 {
		return nil, refund.Errorf(refund.KindNotFound, "platform", "there are no platform keys of this kind")
	}
	form := forms[at]
	if !form.EachIdentity {
		return serviceKeys(ctx, s, form, now)
	}
	all, err := s.Merchants(ctx)
	if err != nil {
		return nil, err
	}
	var made []merchant.PlatformKey
	for _, m := range all {
		if r.MerchantID != "" && r.MerchantID != m.ID {
			continue
		}
		var keys []merchant.PlatformKey
		if m.Settings.Demo && form.DemoShares {
			keys, err = sharedKeys(ctx, s, now)
		} else {
			keys, err = merchantKeys(ctx, s, form, m.ID, "", now)
		}
		if err != nil {
			return nil, err
		}
		made = append(made, keys...)
	}
	return made, nil
}

// serviceKeys makes a key of the service itself, and of the same pair those of
// the demo merchant that are shared with it, if it is loaded.
func serviceKeys(ctx context.Context, s *store.Store, form platformForm, now time.Time) ([]merchant.PlatformKey, error) {
	key, err := form.NewPlatformKey("", now)
	if err != nil || !form.DemoShares {
		return []merchant.PlatformKey{key}, err
	}
	var keys []merchant.PlatformKey
	for _, shares := range platformForms(Dialects()) {
		if !shares.EachIdentity || !shares.DemoShares {
			continue
		}
		more, err := merchantKeys(ctx, s, shares, merchant.DemoID, key.PrivatePEM, now)
		if err != nil {
			return nil, err
		}
		keys = append(keys, more...)
	}
	return append(keys, key), nil
}

// sharedKeys is serviceKeys for the key that the demo merchant shares.
func sharedKeys(ctx context.Context, s *store.Store, now time.Time) ([]merchant.PlatformKey, error) {
	for _, form := range platformForms(Dialects()) {
		if !form.EachIdentity && form.DemoShares {
			return serviceKeys(ctx, s, form, now)
		}
	}
	return nil, nil
}

func merchantKeys(ctx context.Context, s *store.Store, form platformForm, merchantID, shared string, now time.Time) ([]merchant.PlatformKey, error) {
	identities, err := s.Identities(ctx, merchantID)
	if err != nil {
		return nil, err
	}
	return form.SuccessorKeys(of(form.dialect, identities), shared, now)
}

// of are the identities of one dialect, without those that are damaged.
func of(dialect string, identities []merchant.Identity) []merchant.Identity {
	var found []merchant.Identity
	for _, identity := range identities {
		if identity.Dialect == dialect && !identity.Unreadable {
			found = append(found, identity)
		}
	}
	return found
}

// RetireReplacedKeys ends the lives of the keys that were replaced, and gives
// them: those that became active before the one in use did. purpose and
// merchantID are as in Rotation.
func RetireReplacedKeys(ctx context.Context, s *store.Store, by admin.By, purpose, merchantID string, now time.Time) ([]merchant.PlatformKey, error) {
	keys, err := PlatformKeys(ctx, s)
	if err != nil {
		return nil, err
	}
	type place struct{ purpose, identity string }
	inUse := make(map[place][]merchant.PlatformKey)
	for _, k := range keys {
		inUse[place{k.Purpose, k.Identity}] = append(inUse[place{k.Purpose, k.Identity}], k.PlatformKey)
	}
	var ids []string
	var retired []merchant.PlatformKey
	for _, k := range keys {
		current, _ := merchant.KeyInUse(inUse[place{k.Purpose, k.Identity}], now)
		if k.Purpose != purpose || merchantID != "" && k.MerchantID != merchantID || !k.Active(now) || k.ID == current.ID {
			continue
		}
		ids, retired = append(ids, k.ID), append(retired, k.PlatformKey)
	}
	if len(ids) == 0 {
		return nil, refund.Errorf(refund.KindStateConflict, "", "no key of this kind has been replaced yet (hint: refundry key list --platform)")
	}
	if err := s.RetirePlatformKeys(ctx, ids, now, platformRecord(by, "platform_key.retire", purpose, merchantID, retired, now)); err != nil {
		return nil, err
	}
	return retired, linkInstallation(ctx, s)
}

// RetirePlatformKey ends a key's life, or takes back one that does not sign yet.
func RetirePlatformKey(ctx context.Context, s *store.Store, by admin.By, id string, now time.Time) error {
	keys := []merchant.PlatformKey{{ID: id}}
	if err := s.RetirePlatformKeys(ctx, []string{id}, now, platformRecord(by, "platform_key.retire", id, "", keys, now)); err != nil {
		return err
	}
	return linkInstallation(ctx, s)
}

// HeldKey is a platform key and whose it is; "" is the installation's.
type HeldKey struct {
	merchant.PlatformKey
	MerchantID string
}

// PlatformKeys lists all platform keys, those too that identities were made
// with, without their private halves.
func PlatformKeys(ctx context.Context, s *store.Store) ([]HeldKey, error) {
	rows, err := s.AllPlatformKeys(ctx)
	if err != nil {
		return nil, err
	}
	var held []HeldKey
	for _, k := range rows {
		if k.Identity == "" {
			held = append(held, HeldKey{PlatformKey: k})
		}
	}
	all, err := s.Merchants(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		identities, err := s.Identities(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		for _, identity := range identities {
			for _, k := range identity.Platform() {
				k.PrivatePEM = ""
				held = append(held, HeldKey{k, m.ID})
			}
		}
	}
	return held, nil
}
