package chinaums

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	wire "github.com/refundry/refundry/wire/chinaums"
)

// Charge implements channel.Connector. Of a payment of which something was refunded
// the answer does not say how much. One that is closed was not paid, or everything
// of it was refunded: nothing is left to refund either way.
func (c *connector) Charge(ctx context.Context, ref channel.PaymentRef) (channel.Payment, error) {
	of, refused := c.order(ref.TransactionID, ref.OrderNo, ref.Charge)
	if refused != nil {
		if refused.Code == codeOrder {
			return channel.Payment{}, channel.ErrNotFound
		}
		return channel.Payment{}, fmt.Errorf("look up bill: %s: %w", refused.Message, channel.ErrUnsupported)
	}
	c = c.at(of)
	a := c.call(ctx, orderQuery(of), of.fields())
	if of.guessed && a.noOrder() {
		of, a = c.earlier(ctx, of, ref.Charge)
		if a.noOrder() || a.ok() && !a.pays(of, ref.Charge) {
			return channel.Payment{}, fmt.Errorf("look up bill: %s: %w", notDated, channel.ErrUnsupported)
		}
	}
	switch {
	case a.noOrder():
		return channel.Payment{}, channel.ErrNotFound
	case a.problem != nil:
		return channel.Payment{}, fmt.Errorf("look up order: %w", a.problem)
	case !a.ok():
		return channel.Payment{}, fmt.Errorf("look up order: ChinaUMS answers HTTP %d, %s %s", a.status, a.ErrCode, a.ErrMsg)
	}
	if of.bill() {
		return c.billPaid(a, of, ref)
	}
	if a.MerOrderID != "" && a.MerOrderID != of.number || a.MID != "" && a.MID != c.own.MID {
		return channel.Payment{}, fmt.Errorf("look up order: %w: it is about another order", wire.ErrAnswer)
	}
	p := channel.Payment{OrderNo: of.number, PaidAt: a.PayTime, Paid: a.Status == wire.TradeSuccess || a.Status == wire.TradeRefund}
	p.TransactionID = named(ref.TransactionID, a.TargetOrderID, a.SeqID, of.number)
	p.Amount = money.Amount{Minor: fen(a.TotalAmount), Currency: "CNY"}
	p.RefundedUnknown = a.Status == wire.TradeRefund
	return complete(p)
}

// billPaid is a bill as a payment.
func (c *connector) billPaid(a answer, of original, ref channel.PaymentRef) (channel.Payment, error) {
	if a.BillNo != "" && a.BillNo != of.number || a.MID != "" && a.MID != c.own.MID {
		return channel.Payment{}, fmt.Errorf("look up bill: %w: it is about another bill", wire.ErrAnswer)
	}
	p := channel.Payment{OrderNo: of.number, RefundedUnknown: a.BillStatus == wire.BillRefund, Amount: money.Amount{Minor: fen(a.TotalAmount), Currency: "CNY"}}
	p.Paid, p.TransactionID = p.RefundedUnknown || a.BillStatus == wire.BillPaid, named(ref.TransactionID, of.number)
	if paid := a.BillPayment; paid != nil {
		p.PaidAt, p.TransactionID = paid.PayTime, named(ref.TransactionID, paid.TargetOrderID, paid.PaySeqID, of.number)
	}
	return complete(p)
}

// complete refuses an answer that says of a payment that it was made and not how
// much it was.
func complete(p channel.Payment) (channel.Payment, error) {
	if p.Paid && p.Amount.Minor <= 0 {
		return channel.Payment{}, fmt.Errorf("look up order: %w: it was paid, and there is no amount", wire.ErrAnswer)
	}
	return p, nil
}

// named is the number that a payment goes by: the one that it is asked about by,
// where it is among those that it has, or else the first of these. The wallet's
// own comes first: merchants know it from their payers.
func named(asked string, numbers ...string) string {
	first := ""
	for _, number := range numbers {
		if number != "" && number == asked {
			return asked
		}
		if first == "" {
			first = number
		}
	}
	return first
}
