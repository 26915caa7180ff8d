package stripe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Charge implements channel.Connector. A payment is looked up by its charge or by
// its payment intent; Stripe knows no order number.
func (c *connector) Charge(ctx context.Context, ref channel.PaymentRef) (channel.Payment, error) {
	of, ok := paymentOf(ref.TransactionID)
	if !ok {
		return channel.Payment{}, channel.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	charge, err := c.charge(ctx, of)
	if err != nil {
		return channel.Payment{}, err
	}
	if charge == nil { // an intent that nobody has paid
		return channel.Payment{TransactionID: ref.TransactionID}, nil
	}
	id, intent := partsOf(charge, charge.PaymentIntent)
	switch {
	case charge.Object != "charge", of.charge != "" && id != of.charge, of.intent != "" && intent != of.intent:
		return channel.Payment{}, errors.New("look up the payment: the answer is about another payment")
	case charge.Livemode != c.live:
		return channel.Payment{}, errors.New("look up the payment: it is of the other mode, test or live")
	}
	p, err := c.payment(ctx, of, charge)
	p.TransactionID, p.OtherTransactionID = ref.TransactionID, intent
	if of.intent != "" {
		p.OtherTransactionID = id
	}
	return p, err
}

// charge is the charge that paid; nil is none.
func (c *connector) charge(ctx context.Context, of payment) (*stripe.Charge, error) {
	if of.charge != "" {
		found, err := c.client.V1Charges.Retrieve(ctx, of.charge, nil)
		if err != nil {
			return nil, c.failed("look up the charge", err)
		}
		return found, nil
	}
	params := &stripe.PaymentIntentRetrieveParams{}
	params.AddExpand("latest_charge")
	found, err := c.client.V1PaymentIntents.Retrieve(ctx, of.intent, params)
	switch {
	case err != nil:
		return nil, c.failed("look up the payment intent", err)
	case found.ID != of.intent || found.Object != "payment_intent":
		return nil, errors.New("look up the payment intent: the answer is about another")
	}
	return found.LatestCharge, nil
}

func (c *connector) payment(ctx context.Context, of payment, charge *stripe.Charge) (channel.Payment, error) {
	// What was not captured was never paid, and Stripe may count its release as
	// refunded, as it counts what is pending: only the refunds themselves tell.
	units, refunded := charge.Amount, int64(0)
	if charge.Captured {
		units = charge.AmountCaptured
	}
	if charge.AmountRefunded > 0 {
		var err error
		if refunded, err = c.givenBack(ctx, of); err != nil {
			return channel.Payment{}, err
		}
	}
	amount, counted := fromStripe(units, string(charge.Currency))
	back, countedBack := fromStripe(refunded, string(charge.Currency))
	if !counted || !countedBack {
		return channel.Payment{}, fmt.Errorf("look up the payment: its amount can't be read, %d of %q", units, charge.Currency)
	}
	return channel.Payment{
		Amount: amount, Refunded: back.Minor, PaidAt: time.Unix(charge.Created, 0),
		Paid: charge.Status == stripe.ChargeStatusSucceeded && charge.Paid && charge.Captured,
	}, nil
}

// givenBack sums the refunds of a payment that have succeeded, in Stripe's units,
// without the release of what was not captured.
func (c *connector) givenBack(ctx context.Context, of payment) (sum int64, err error) {
	err = c.refundsOf(ctx, of, func(one *stripe.Refund) error {
		if one.Reason == stripe.RefundReasonExpiredUncapturedCharge || states[one.Status] != refund.OutcomeDone {
			return nil
		}
		if one.Amount < 0 || one.Amount > math.MaxInt64-sum {
			return errRefund
		}
		sum += one.Amount
		return nil
	})
	if err != nil {
		return 0, c.failed("sum up the payment's refunds", err)
	}
	return sum, nil
}
