package service

import (
	"context"
	"slices"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// payments implements dialect.Payments: it knows how every dialect names a charge.
type payments struct{ *Service }

var _ dialect.Payments = payments{}

func (p payments) FindPayment(ctx context.Context, s dialect.Sought) (refund.Charge, error) {
	identities, err := p.Store.Identities(ctx, s.MerchantID)
	if err != nil {
		return refund.Charge{}, err
	}
	alias := s.Alias
	if at := slices.IndexFunc(identities, func(i merchant.Identity) bool { return i.Dialect == alias.Dialect }); alias.Identity == "" && at >= 0 {
		alias.Identity = identities[at].Name
	}
	s.Names = func(c refund.Charge) refund.Charge {
		own := alias
		if own.Name == "" {
			own.Name = c.OrderNo
		}
		same := func(a refund.Alias) bool { return a.Dialect == own.Dialect && a.Name == own.Name }
		if own.Identity != "" && !slices.ContainsFunc(c.Aliases, same) {
			c.Aliases = append(slices.Clone(c.Aliases), own)
		}
		return dialect.FillAliases(p.dialects(), c, identities)
	}
	charge, err := p.admin.FindPayment(ctx, s.By(), s.MerchantID, s.WantedPayment)
	if err != nil {
		return refund.Charge{}, err
	}
	// A dispute that waited for the charge blocks its amount before a refund of it is
	// accepted.
	if _, err := p.engine.StepInbox(ctx); err != nil {
		p.opts.Log.Warn("the inbox could not be looked at when a payment was found", "charge_id", charge.ID, "error", err)
	}
	return charge, nil
}
