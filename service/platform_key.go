package service

import (
	"context"
	"fmt"
	"slices"
	"time"

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
func RotatePlatformKeys(ctx context.Context, s *store.Store, r Rotation, now time.Time) ([]merchant.PlatformKey, error) {
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
	return made, s.AddPlatformKeys(ctx, made, retireAt)
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

// of are the identities of one dialect.
func of(dialect string, identities []merchant.Identity) []merchant.Identity {
	var found []merchant.Identity
	for _, identity := range identities {
		if identity.Dialect == dialect {
			found = append(found, identity)
		}
	}
	return found
}

// RetireReplacedKeys ends the lives of the keys that were replaced, and gives
// them: those that became active before the one in use did. purpose and
// merchantID are as in Rotation.
func RetireReplacedKeys(ctx context.Context, s *store.Store, purpose, merchantID string, now time.Time) ([]merchant.PlatformKey, error) {
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
	return retired, s.RetirePlatformKeys(ctx, ids, now)
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
