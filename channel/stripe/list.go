package stripe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"time"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

const (
	// pageSize is Stripe's largest page.
	pageSize = 100
	// maxListed bounds the refunds of one payment: a list that does not end is no
	// list.
	maxListed = 10_000
	// maxBilled bounds the refunds of one day.
	maxBilled = 10_000_000
)

var (
	errOthers  = errors.New("the list holds a refund of another payment")
	errEndless = errors.New("the list does not end")
	errRefund  = errors.New("a refund of the list can't be read")
	errStopped = errors.New("the bill was closed")
)

// refundsOf calls each with every refund of a payment. Only where it returns nil was
// the list complete.
func (c *connector) refundsOf(ctx context.Context, of payment, each func(*stripe.Refund) error) error {
	ctx, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	params := &stripe.RefundListParams{}
	params.Limit = stripe.Int64(pageSize)
	if of.charge != "" {
		params.Charge = &of.charge
	} else {
		params.PaymentIntent = &of.intent
	}
	return pages(ctx, c.client, params, maxListed, func(one *stripe.Refund) error {
		if !of.owns(one) {
			return errOthers
		}
		return each(one)
	})
}

// pages calls each with the refunds of a list, page by page. A refund that comes
// twice says that the list does not go on.
func pages(ctx context.Context, client *stripe.Client, params *stripe.RefundListParams, most int, each func(*stripe.Refund) error) error {
	count, last := 0, ""
	for one, err := range client.V1Refunds.List(ctx, params).All(ctx) {
		if err != nil {
			return err
		}
		if count++; count > most || one.ID == last {
			return errEndless
		}
		last = one.ID
		if err := each(one); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// List implements channel.Connector.
func (c *connector) List(ctx context.Context, ref channel.PaymentRef) ([]channel.Listed, error) {
	of, ok := paymentOf(ref.TransactionID)
	if !ok {
		return nil, channel.ErrNotFound
	}
	var out []channel.Listed
	err := c.refundsOf(ctx, of, func(one *stripe.Refund) error {
		row, err := listed(one)
		row.TransactionID = ref.TransactionID
		out = append(out, row)
		return err
	})
	if err != nil {
		return nil, c.failed("list the payment's refunds", err)
	}
	return out, nil
}

// listed is a refund as it stands in lists.
func listed(r *stripe.Refund) (channel.Listed, error) {
	amount, counted := fromStripe(r.Amount, string(r.Currency))
	kind, known := states[r.Status]
	if !counted || !known || amount.Minor == 0 {
		return channel.Listed{}, fmt.Errorf("%w: %s", errRefund, r.ID)
	}
	row := channel.Listed{Number: numberOf(r), ChannelRefundID: r.ID, Amount: amount, Kind: kind, MadeAt: time.Unix(r.Created, 0)}
	if row.Number == "" {
		// It is not one of ours, and has a name all the same: without one it could be
		// any refund that is missing.
		row.Number = r.ID
	}
	if kind == refund.OutcomeDone {
		row.SucceededAt = time.Unix(r.Created, 0) // Stripe tells no other time
	}
	return row, nil
}

// failed is the error of a look-up.
func (c *connector) failed(what string, err error) error {
	var fault *stripe.Error
	var broken *url.Error
	switch {
	case errors.As(err, &broken) && errors.Is(broken.Err, io.EOF):
		return fmt.Errorf("%s: %w", what, io.ErrUnexpectedEOF) // io.EOF is the end of a bill
	case errors.As(err, &broken):
		return fmt.Errorf("%s: %w", what, broken.Err) // whether Stripe could be reached is told by its type
	case errors.As(err, &fault) && fault.Code == stripe.ErrorCodeResourceMissing:
		return channel.ErrNotFound
	case errors.As(err, &fault):
		return fmt.Errorf("%s: %s: %s", what, codeOf(fault), c.said(err))
	case errors.Is(err, errOthers), errors.Is(err, errEndless), errors.Is(err, errRefund), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %s", what, c.said(err))
}

// Bill implements channel.Connector: Stripe has no bill of refunds, and its list by
// the time of creation serves as one. Days begin at midnight UTC. The rows are as the
// refunds stand now; a day that is not over has those until now.
func (c *connector) Bill(ctx context.Context, day channel.BillDay) (channel.Bill, error) {
	from := day.Day.UTC().Truncate(24 * time.Hour)
	until := from.AddDate(0, 0, 1)
	if c.now().Before(from) {
		return nil, channel.ErrBillNotReady
	}
	params := &stripe.RefundListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThan: until.Unix()}}
	params.Limit = stripe.Int64(pageSize)
	ctx, cancel := context.WithCancel(ctx)
	b := &bill{cancel: cancel}
	b.next, b.stop = iter.Pull2(func(yield func(channel.Listed, error) bool) {
		err := pages(ctx, c.client, params, maxBilled, func(one *stripe.Refund) error {
			if one.Created < from.Unix() || one.Created >= until.Unix() {
				return fmt.Errorf("%w: %s is of another day", errRefund, one.ID)
			}
			return yieldOne(yield, one)
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(channel.Listed{}, c.failed("list the day's refunds", err))
		}
	})
	return b, nil
}

// yieldOne hands a refund on under the names that its payment may have here.
func yieldOne(yield func(channel.Listed, error) bool, one *stripe.Refund) error {
	row, err := listed(one)
	if err != nil {
		return err
	}
	row.TransactionID, row.OtherTransactionID = names(partsOf(one.Charge, one.PaymentIntent))
	if !yield(row, nil) {
		return errStopped
	}
	return nil
}

// bill is a day's refunds.
type bill struct {
	next   func() (channel.Listed, error, bool)
	stop   func()
	cancel context.CancelFunc
	ended  error
}

// Next implements channel.Bill.
func (b *bill) Next() (channel.Listed, error) {
	if b.ended != nil {
		return channel.Listed{}, b.ended
	}
	row, err, ok := b.next()
	switch {
	case !ok:
		b.ended = io.EOF
	case err != nil:
		b.ended = err
	}
	return row, b.ended
}

// Close implements channel.Bill.
func (b *bill) Close() error {
	b.cancel()
	b.stop()
	return nil
}
