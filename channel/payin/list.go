package payin

import (
	"cmp"
	"context"
	"fmt"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// maxRefunds bounds the refunds of an order that are asked for one by one.
const maxRefunds = 500

// refunds reads all refunds of an order, in the order of their making. Payin has no
// list of them: their ids are the order's with a counter from 1, and the first that
// is not there ends them. There must be as many as the order says that it has. An
// error says that they are not all.
func (c *connector) refunds(ctx context.Context, order string) (all []wire.RefundAnswer, sent refund.Sent, err error) {
	of, sent, err := c.readOrder(ctx, order)
	if err != nil {
		return nil, sent, err
	}
	for n := int64(1); n <= maxRefunds; n++ {
		a := c.call(ctx, wire.QueryRefund, wire.RefundID(order, n), nil)
		err := a.failure()
		switch {
		case says(err, wire.CodeNotFound) && n > of.RefundTimes:
			return all, a.sent, nil
		case says(err, wire.CodeNotFound):
			return nil, a.sent, fmt.Errorf("%w: the order has %d refunds, and the one that is number %d is not there", wire.ErrAnswer, of.RefundTimes, n)
		case err != nil:
			return nil, a.sent, err
		}
		one, err := wire.DecodeRefundAnswer(a.value)
		switch {
		case err != nil:
			return nil, a.sent, err
		case one.ID != wire.RefundID(order, n), one.OrderID != order, one.Amount.Currency != of.Amount.Currency:
			return nil, a.sent, fmt.Errorf("%w: refund number %d is another's", wire.ErrAnswer, n)
		}
		all = append(all, one)
	}
	return nil, sent, fmt.Errorf("%w: the order has more than %d refunds", wire.ErrAnswer, maxRefunds)
}

// readOrder reads an order. It is the account's merchant's.
func (c *connector) readOrder(ctx context.Context, order string) (wire.OrderAnswer, refund.Sent, error) {
	a := c.call(ctx, wire.QueryOrder, order, nil)
	if err := a.failure(); err != nil {
		return wire.OrderAnswer{}, a.sent, err
	}
	got, err := wire.DecodeOrderAnswer(a.value)
	switch {
	case err != nil:
		return wire.OrderAnswer{}, a.sent, err
	case got.ID != order:
		return wire.OrderAnswer{}, a.sent, fmt.Errorf("%w: it is about another order", wire.ErrAnswer)
	case got.MerchantID != c.merchantID:
		return wire.OrderAnswer{}, a.sent, fmt.Errorf("%w: it is another merchant's", wire.ErrAnswer)
	}
	return got, a.sent, nil
}

// List implements channel.Connector. A second refund of the same number is listed
// under its own id: it is none of ours.
func (c *connector) List(ctx context.Context, ref channel.PaymentRef) ([]channel.Listed, error) {
	order := c.order(ref.TransactionID, ref.Charge)
	if order == "" {
		return nil, errNoOrder
	}
	all, _, err := c.refunds(ctx, order)
	switch {
	case says(err, wire.CodeNotFound):
		return nil, channel.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("list refunds: %w", err)
	}
	out := make([]channel.Listed, 0, len(all))
	for _, one := range all {
		kind, known := states[one.Status]
		if !known {
			return nil, fmt.Errorf("%w: refund %s has a status that is not known", wire.ErrAnswer, one.ID)
		}
		row := channel.Listed{
			Number: cmp.Or(one.MerchantRefundID, one.ID), ChannelRefundID: one.ID, TransactionID: cmp.Or(ref.TransactionID, order), OrderNo: ref.OrderNo,
			Amount: one.Amount, Kind: kind,
		}
		if ours := found(all, refund.Sent{}, channel.Instruction{Number: row.Number}); ours.ChannelRefundID != one.ID {
			row.Number = one.ID
		}
		if kind == refund.OutcomeDone {
			row.SucceededAt = one.FinishedAt
		}
		out = append(out, row)
	}
	return out, nil
}
