package pingpp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// Charge implements channel.Connector. Ping++ finds a charge by its own id alone:
// ErrUnsupported for one that has none.
// What was refunded is the sum of the list's refunds that have succeeded, for the
// documents do not say whether amount_refunded counts those under way, and
// everything of a charge that was reversed.
func (c *connector) Charge(ctx context.Context, ref channel.PaymentRef) (channel.Payment, error) {
	charge := c.charge(ref.TransactionID, ref.Charge)
	if charge == "" {
		return channel.Payment{}, fmt.Errorf("look up charge: %w: %w", errNoCharge, channel.ErrUnsupported)
	}
	found, err := c.found(ctx, charge)
	if err != nil {
		return channel.Payment{}, err
	}
	currency, err := money.ParseCurrency(strings.ToUpper(found.Currency))
	if err != nil {
		return channel.Payment{}, fmt.Errorf("look up charge: %w: its currency is not known", wire.ErrAnswer)
	}
	p := channel.Payment{
		TransactionID: found.ID, OrderNo: found.OrderNo, Channel: found.Channel, Paid: found.Paid,
		Amount: money.Amount{Minor: money.Minor(found.Amount), Currency: currency},
	}
	if found.TimePaid != nil {
		p.PaidAt = time.Unix(*found.TimePaid, 0)
	}
	switch {
	case found.Reversed:
		p.Refunded = p.Amount.Minor
	case found.Refunded:
		all, _, err := c.refunds(ctx, charge)
		if err != nil {
			return channel.Payment{}, fmt.Errorf("look up charge: %w", err)
		}
		for _, one := range all {
			if !one.Succeed {
				continue
			}
			var ok bool
			if p.Refunded, ok = money.Add(p.Refunded, money.Minor(one.Amount)); !ok {
				return channel.Payment{}, fmt.Errorf("look up charge: %w: its refunds can't be summed up", wire.ErrAnswer)
			}
		}
	}
	return p, nil
}

// found reads a charge. It is the account's app's, of the merchant's mode.
func (c *connector) found(ctx context.Context, charge string) (wire.Charge, error) {
	a := c.call(ctx, http.MethodGet, chargeTarget(charge), nil)
	if err := a.failure(); err != nil {
		if fault := (*faulted)(nil); errors.As(err, &fault) && fault.noCharge() {
			return wire.Charge{}, channel.ErrNotFound
		}
		return wire.Charge{}, fmt.Errorf("look up charge: %w", err)
	}
	found, err := wire.DecodeCharge(a.value)
	switch {
	case err != nil:
		return wire.Charge{}, fmt.Errorf("look up charge: %w", err)
	case found.ID != charge:
		return wire.Charge{}, fmt.Errorf("look up charge: %w: it is about another charge", wire.ErrAnswer)
	case found.App.ID != c.app:
		return wire.Charge{}, fmt.Errorf("look up charge: %w: it is another app's", wire.ErrAnswer)
	case found.Livemode != c.live:
		return wire.Charge{}, fmt.Errorf("look up charge: %w: it is of the other mode, test or live", wire.ErrAnswer)
	}
	return found, nil
}
