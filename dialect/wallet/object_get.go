package wallet

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// walletCurrency is what a wallet's balances are in: the wallet object has no
// member for it, and the pages speak of fen.
const walletCurrency money.Currency = "CNY"

// getObject is GET /wallet/{wallet_id}/obj/{id}: a charge, a refund, or the
// wallet itself (L3-1 to L3-3).
func (d *Dialect) getObject(c *call) (any, error) {
	id := c.r.PathValue("id")
	if id == c.identity.Name {
		return d.getWallet(c)
	}
	// The charge first: with refund_id_prefix a refund's id may look like one.
	charge, err := d.chargeNamed(c, id)
	if err == nil {
		return d.wholeCharge(c, charge)
	}
	if refund.KindOf(err) != refund.KindChargeNotFound {
		return nil, err
	}
	if _, possible := wire.CoreRefundID(id, wire.RefundIDPrefix(c.identity.Public)); !possible {
		return nil, err
	}
	r, charge, err := d.refundNamed(c, id)
	if err != nil {
		return nil, err
	}
	return c.voice().refund(r, charge), nil
}

// getWallet returns the wallet object. Its balances are what its charges hold
// and have not given back: what was paid out since is not known here.
func (d *Dialect) getWallet(c *call) (any, error) {
	free, held, err := d.Pager.ChargeSums(c.r.Context(), c.caller.Merchant.ID, merchant.Wallet, c.identity.Name, walletCurrency)
	if err != nil {
		return nil, err
	}
	out := wire.Wallet{
		ID: c.identity.Name, Created: c.identity.CreatedAt.Unix(), AppID: c.identity.Public[wire.SettingAppID],
		Block: c.is(wire.SettingBlock, wire.SettingOn), Reviewed: !c.is(wire.SettingReviewed, wire.SettingOff),
		AvailableBalance: wire.Sum(free), WithdrawableBalance: wire.Sum(free), FreezeBalance: wire.Sum(held),
		Status: wire.StatusSucceeded, Channel: wire.ChannelUnipayB,
	}
	if !out.Reviewed {
		out.Status = wire.StatusPending
	}
	return out, nil
}

// embeddedRefunds is how many refunds a charge carries, newest first; the pages
// name no number. The list of its refunds has them all.
const embeddedRefunds = 100

// wholeCharge is a charge with its refunds.
func (d *Dialect) wholeCharge(c *call, charge refund.Charge) (wire.Charge, error) {
	v := c.voice()
	out := v.charge(charge)
	if charge.Refunds == 0 {
		return out, nil
	}
	refunds, _, err := d.Reader.RefundList(c.r.Context(), refund.Filter{
		MerchantID: charge.MerchantID, ChargeID: charge.ID, Page: refund.Page{Limit: embeddedRefunds},
	})
	if err != nil {
		return wire.Charge{}, err
	}
	for _, r := range refunds {
		out.Refunds = append(out.Refunds, v.refund(r, charge))
	}
	return out, nil
}
