package wallet

import (
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// listCharges is GET /wallet/{wallet_id}/charges/list, newest first (L3-6).
func (d *Dialect) listCharges(c *call) (any, error) {
	paging, err := wire.ParsePaging(c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	filter := refund.ChargeFilter{
		MerchantID: c.caller.Merchant.ID, Dialect: merchant.Wallet, Identity: c.identity.Name, Page: refund.Page{Limit: int(paging.Count)},
	}
	filter.CreatedFrom, filter.CreatedTo = bounds(paging)
	list := wire.List[wire.Charge]{}
	switch paging.Status {
	case wire.StatusSucceeded, wire.StatusRefund:
		refunded := paging.Status == wire.StatusRefund
		filter.RefundedInFull = &refunded
	case "":
	default:
		return list, nil // every charge here is paid
	}
	charges, total, err := d.Pager.ChargePage(c.r.Context(), filter, paging.Offset())
	if err != nil {
		return nil, err
	}
	list.Total = total
	for _, charge := range charges {
		object, err := d.wholeCharge(c, charge)
		if err != nil {
			return nil, err
		}
		list.Data = append(list.Data, object)
	}
	return list, nil
}

// bounds turns later than and earlier than, in whole seconds as objects show
// them, into the store's inclusive from and exclusive to.
func bounds(p wire.Paging) (from, to time.Time) {
	if !p.Begin.IsZero() {
		from = p.Begin.Add(time.Second)
	}
	return from, p.End
}
