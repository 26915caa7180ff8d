package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/refundry/refundry/merchant"
)

// ensurePlatformKeys makes the keys of the service itself that are not there yet,
// and returns the one that the demo merchant's identities share.
func (s *Service) ensurePlatformKeys(ctx context.Context) (shared merchant.PlatformKey, err error) {
	for _, form := range platformForms(s.dialects()) {
		if form.EachIdentity {
			continue
		}
		key, err := s.Store.EnsurePlatformKey(ctx, form.Purpose, func() (merchant.PlatformKey, error) {
			return form.NewPlatformKey("", s.now())
		})
		if err != nil {
			return merchant.PlatformKey{}, fmt.Errorf("make platform key: %w", err)
		}
		if form.DemoShares {
			shared = key
		}
	}
	return shared, nil
}

// platformForms are the kinds of platform keys, with the dialect that has them.
func platformForms(dialects merchant.Dialects) []platformForm {
	var forms []platformForm
	for _, d := range dialects {
		for _, form := range d.Platform {
			forms = append(forms, platformForm{form, d.Name})
		}
	}
	return forms
}

type platformForm struct {
	merchant.PlatformForm
	dialect string
}

// PlatformKinds are what commands call the kinds of platform keys, by purpose.
func PlatformKinds() map[string]string {
	kinds := map[string]string{}
	for _, form := range platformForms(Dialects()) {
		kinds[form.Purpose] = form.Kind
	}
	return kinds
}

// OfIdentities reports whether each identity has a key of its own of a purpose.
func OfIdentities(purpose string) bool {
	return slices.ContainsFunc(platformForms(Dialects()), func(f platformForm) bool { return f.Purpose == purpose && f.EachIdentity })
}
