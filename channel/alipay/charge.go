package alipay

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	wire "github.com/refundry/refundry/wire/alipay"
)

// Charge implements channel.Connector. The platform does not say how much of a trade
// was refunded, unless all of it was: what is more than was paid it refuses itself.
func (c *connector) Charge(ctx context.Context, ref channel.PaymentRef) (channel.Payment, error) {
	tradeNo, outTradeNo := trade(ref.TransactionID, ref.OrderNo)
	if tradeNo+outTradeNo == "" {
		return channel.Payment{}, channel.ErrNotFound
	}
	a := c.call(ctx, wire.MethodTradeQuery, wire.TradeQuery{TradeNo: tradeNo, OutTradeNo: outTradeNo})
	if err := a.failure(); err != nil {
		if status := (wire.Status{}); errors.As(err, &status) && status.Code == wire.CodeBusiness && status.SubCode == wire.SubTradeNotExist {
			return channel.Payment{}, channel.ErrNotFound
		}
		return channel.Payment{}, fmt.Errorf("look up trade: %w", err)
	}
	found, err := wire.DecodeTrade(a.Node)
	switch {
	case err != nil:
		return channel.Payment{}, fmt.Errorf("look up trade: %w", err)
	case tradeNo != "" && found.TradeNo != tradeNo, outTradeNo != "" && found.OutTradeNo != outTradeNo:
		return channel.Payment{}, fmt.Errorf("look up trade: %w: it is about another trade", wire.ErrAnswer)
	}
	return payment(found)
}

func payment(found wire.Trade) (channel.Payment, error) {
	p := channel.Payment{TransactionID: found.TradeNo, OrderNo: found.OutTradeNo, PaidAt: found.PaidAt}
	if found.Total != nil {
		p.Amount = money.Amount{Minor: money.Minor(*found.Total), Currency: wire.Currency}
	}
	switch found.Status {
	case wire.TradeSuccess, wire.TradeFinished:
		p.Paid = true
	case wire.TradeClosed:
		// One that was paid is closed by refunding all of it.
		if p.Paid = !found.PaidAt.IsZero(); p.Paid {
			p.Refunded = p.Amount.Minor
		}
	case wire.TradeWaits:
	default:
		return channel.Payment{}, fmt.Errorf("look up trade: %w: its status %q is not known", wire.ErrAnswer, found.Status)
	}
	return p, nil
}
