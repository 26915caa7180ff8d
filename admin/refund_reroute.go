package admin

import (
	"context"
	"slices"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// RerouteRefund sends an abnormal refund to another account of the payer, or
// back to the merchant. The card is passed to the channel and kept nowhere.
// name is any that Refunds.RefundByAny takes. Errors: KindInvalid; those of
// RefundByAny and MayReroute; KindStateConflict for a refund that is not abnormal, while its
// channel is being asked, and where that refuses.
func (a *Admin) RerouteRefund(ctx context.Context, by By, merchantID, name string, to channel.Destination) (refund.Refund, error) {
	if err := by.check(); err != nil {
		return refund.Refund{}, err
	}
	if err := checkDestination(to); err != nil {
		return refund.Refund{}, err
	}
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.reroute", name)
	if err != nil {
		return refund.Refund{}, err
	}
	if err := a.MayReroute(ctx, by, r); err != nil {
		return refund.Refund{}, err
	}
	if r, err = a.s.Engine.Reroute(ctx, merchantID, r.ID, to, record.With("to", string(to.Kind))); err != nil {
		return refund.Refund{}, err
	}
	a.done(merchantID)
	return r, nil
}

// MayReroute refuses whoever may not send a refund elsewhere, as refund.MayReroute
// says: KindForbidden.
func (a *Admin) MayReroute(ctx context.Context, by By, r refund.Refund) error {
	if err := by.check(); err != nil {
		return err
	}
	policies, err := a.s.Store.Policies(ctx, r.MerchantID)
	if err != nil {
		return err
	}
	judged := slices.ContainsFunc(policies, func(p merchant.Policy) bool { return p.Enabled })
	chooses, err := a.person(ctx, by.Actor)
	if err != nil {
		return err
	}
	asked, err := a.person(ctx, r.By.Actor())
	if err != nil {
		return err
	}
	if fault := refund.MayReroute(r, asked, chooses, by.MayApprove, judged); fault != nil {
		return fault
	}
	return nil
}

func checkDestination(to channel.Destination) error {
	switch {
	case to.Kind == channel.ToPayerCard && (to.BankAccount == "" || to.RealName == ""):
		return refund.Errorf(refund.KindInvalid, "bank_account", "a user's bank card needs its number and the name of its holder")
	case to.Kind == channel.ToMerchant && to != (channel.Destination{Kind: channel.ToMerchant}):
		return refund.Errorf(refund.KindInvalid, "bank_account", "the merchant's own account needs no card")
	case to.Kind != channel.ToPayerCard && to.Kind != channel.ToMerchant:
		return refund.Errorf(refund.KindInvalid, "type", "type must be one of %s, %s", channel.ToPayerCard, channel.ToMerchant)
	}
	return nil
}
