package storetest

import (
	"testing"

	"github.com/refundry/refundry/refund"
)

// account makes a channel account of the fixture's merchant.
func (f *fixture) account(t *testing.T) string {
	t.Helper()
	id := "account_of_" + f.merchant
	f.must(t, `INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, 'm', 'test', 1)`, f.merchant)
	f.must(t, `INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ($1, $2, 'sandbox', 1)`, id, f.merchant)
	return id
}

// foundByTransaction: a charge by its number at the channel, and a refund by
// the number that its channel sees, within the merchant's own accounts.
func foundByTransaction(t *testing.T, f *fixture) {
	c := f.charge(100)
	c.ChannelAccount = f.account(t)
	c.Aliases = append(c.Aliases, refund.Alias{Dialect: "wechatpay", Identity: "1900000001", Name: "find-me"})
	c = f.registered(t, c)
	r := f.accept(t, c, at(1), request(c, 10))[0]

	if found, err := f.ChargeByTransaction(t.Context(), f.merchant, "wechatpay", c.TransactionID); err != nil || found.ID != c.ID {
		t.Errorf("found %q, %v", found.ID, err)
	}
	_, err := f.ChargeByTransaction(t.Context(), f.merchant, "payin", c.TransactionID)
	wantKind(t, err, refund.KindChargeNotFound) // it has no name there
	_, err = f.ChargeByTransaction(t.Context(), "mer_other", "wechatpay", c.TransactionID)
	wantKind(t, err, refund.KindChargeNotFound)

	if found, err := f.RefundByChannelNumber(t.Context(), f.merchant, r.ChannelNumber); err != nil || found.ID != r.ID {
		t.Errorf("found %q, %v", found.ID, err)
	}
	_, err = f.RefundByChannelNumber(t.Context(), f.merchant, r.ChannelNumber+"x")
	wantKind(t, err, refund.KindRefundNotFound)
	_, err = f.RefundByChannelNumber(t.Context(), "mer_other", r.ChannelNumber)
	wantKind(t, err, refund.KindRefundNotFound)
}
