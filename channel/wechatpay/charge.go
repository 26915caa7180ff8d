package wechatpay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Charge implements channel.Connector. Of an order in the state REFUND something was
// refunded or is to be, and the answer does not say how much.
func (c *connector) Charge(ctx context.Context, ref channel.PaymentRef) (channel.Payment, error) {
	sub, refused := c.sub(ref.Charge)
	if refused != nil {
		return channel.Payment{}, fmt.Errorf("look up order: %s: %w", refused.Message, channel.ErrUnsupported)
	}
	transaction, outTradeNo := order(ref.TransactionID, ref.OrderNo)
	if transaction+outTradeNo == "" {
		return channel.Payment{}, channel.ErrNotFound
	}
	a := c.call(ctx, http.MethodGet, wire.OrderTarget(transaction, outTradeNo, c.mchID, sub), nil)
	if err := a.failure(); err != nil {
		if fault := (*wire.Error)(nil); errors.As(err, &fault) && (fault.Code == wire.CodeOrderNotExist || fault.Code == wire.CodeResourceNotExists) {
			return channel.Payment{}, channel.ErrNotFound
		}
		return channel.Payment{}, fmt.Errorf("look up order: %w", err)
	}
	value, err := a.value()
	if err != nil {
		return channel.Payment{}, fmt.Errorf("look up order: %w", err)
	}
	found, err := wire.DecodeOrder(value)
	switch {
	case err != nil:
		return channel.Payment{}, fmt.Errorf("look up order: %w", err)
	case transaction != "" && found.TransactionID != transaction, outTradeNo != "" && found.OutTradeNo != outTradeNo:
		return channel.Payment{}, fmt.Errorf("look up order: %w: it is about another order", wire.ErrAnswer)
	}
	return payment(found)
}

func payment(found wire.Order) (channel.Payment, error) {
	p := channel.Payment{
		TransactionID: found.TransactionID, OrderNo: found.OutTradeNo, Channel: channels[found.TradeType],
		Paid: found.Refundable(), RefundedUnknown: found.TradeState == wire.TradeRefund,
	}
	if found.Amount != nil {
		if found.Amount.Currency != wire.Currency {
			return channel.Payment{}, fmt.Errorf("look up order: %w: it was paid in another currency", wire.ErrAnswer)
		}
		p.Amount = money.Amount{Minor: money.Minor(found.Amount.Total), Currency: wire.Currency}
	}
	if found.SuccessTime != nil {
		p.PaidAt = time.Time(*found.SuccessTime)
	}
	return p, nil
}

// failure is what is wrong with an answer that should be 200: a problem, or the
// platform's own *wire.Error.
func (a answer) failure() error {
	switch {
	case a.problem != nil && a.status >= http.StatusMultipleChoices:
		return fmt.Errorf("HTTP %d: %w", a.status, a.problem)
	case a.problem != nil:
		return a.problem
	case a.status != http.StatusOK:
		return wire.DecodeError(a.status, a.body)
	}
	return nil
}
