package payin

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	wire "github.com/refundry/refundry/wire/payin"
)

// Charge implements channel.Connector. Payin finds an order by its own id alone:
// ErrUnsupported for a charge that has none.
// What was refunded is the sum of the order's refunds that have succeeded.
func (c *connector) Charge(ctx context.Context, ref channel.PaymentRef) (channel.Payment, error) {
	order := c.order(ref.TransactionID, ref.Charge)
	if order == "" {
		return channel.Payment{}, fmt.Errorf("look up order: %w: %w", errNoOrder, channel.ErrUnsupported)
	}
	got, _, err := c.readOrder(ctx, order)
	switch {
	case says(err, wire.CodeNotFound):
		return channel.Payment{}, channel.ErrNotFound
	case err != nil:
		return channel.Payment{}, fmt.Errorf("look up order: %w", err)
	case got.Status != wire.OrderPaid && !got.PaidAt.IsZero():
		return channel.Payment{}, fmt.Errorf("look up order: %w: it was paid, and is %q now", wire.ErrAnswer, got.Status)
	}
	p := channel.Payment{TransactionID: order, OrderNo: got.MerchantOrderID, Channel: got.PaymentMethod, Amount: got.Amount, PaidAt: got.PaidAt, Paid: got.Status == wire.OrderPaid}
	if got.RefundTimes == 0 {
		return p, nil
	}
	all, _, err := c.refunds(ctx, order)
	if err != nil {
		return channel.Payment{}, fmt.Errorf("look up order: %w", err)
	}
	for _, one := range all {
		if one.Status != wire.StatusSuccess {
			continue
		}
		var ok bool
		if p.Refunded, ok = money.Add(p.Refunded, one.Amount.Minor); !ok {
			return channel.Payment{}, fmt.Errorf("look up order: %w: its refunds can't be summed up", wire.ErrAnswer)
		}
	}
	return p, nil
}
