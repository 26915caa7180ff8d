package console

import (
	"context"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Settings reads what the pages of settings show.
type Settings interface {
	// Keys are all of a merchant's, ended ones too, without their secrets.
	Keys(ctx context.Context, merchantID string) ([]merchant.Key, error)
	Identities(ctx context.Context, merchantID string) ([]merchant.Identity, error)
	// AllPlatformKeys are the service's own, without their private halves.
	AllPlatformKeys(ctx context.Context) ([]merchant.PlatformKey, error)
	Endpoints(ctx context.Context, merchantID string) ([]merchant.Endpoint, error)
	EndpointSecrets(ctx context.Context, merchantID, id string) ([]merchant.EndpointSecret, error)
	DeliveryLook(ctx context.Context, f merchant.DeliveryFilter, page refund.Page) (records []merchant.DeliveryRecord, next *refund.Position, err error)
}

// needsMerchant reports whether the user has to choose a merchant first.
func (p *page) needsMerchant() bool { return p.merchant.ID == "" && len(p.merchants) != 1 }

// oneMerchant is the merchant that a page is about: the one chosen, or the only
// one that the user may choose, which counts as chosen from then on.
func (p *page) oneMerchant() (merchant.Merchant, error) {
	if p.needsMerchant() {
		return merchant.Merchant{}, refund.Errorf(refund.KindInvalid, "merchant", "choose a merchant")
	}
	if p.merchant.ID == "" {
		p.merchant = p.merchants[0]
	}
	return p.merchant, nil
}
