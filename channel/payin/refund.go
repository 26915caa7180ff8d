package payin

import (
	"context"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// Codes of refusals that are ours: nothing was sent.
const (
	codeNoOrder    = "NO_ORDER"
	codeDecimals   = "DECIMALS"
	codeUnwritable = "REQUEST"
)

// codeNotListed is that of a repeated submit before which the order's refunds could
// not be read: nothing was sent.
const codeNotListed = "NOT_LISTED"

// noReason stands where nobody gave a reason: Payin requires one.
const noReason = "refund"

// refuse is a refusal of ours.
func refuse(code, message string) refund.Outcome {
	return refund.Outcome{Kind: refund.OutcomeRefused, Code: code, Message: message + ": nothing was sent"}
}

// request is the body of order.refund.
type request struct {
	Amount           string `json:"amount"`
	Reason           string `json:"reason"`
	MerchantRefundID string `json:"merchantRefundId"`
}

// Submit implements channel.Connector. A repeat carries the same merchantRefundId;
// whether Payin knows it for one its documents do not say. So where an earlier call
// was made, the order's refunds are looked through first.
func (c *connector) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	order := c.order(i.TransactionID, i.Charge)
	if order == "" {
		return refuse(codeNoOrder, errNoOrder.Error())
	}
	amount, refused := c.amount(i.Amount)
	if refused != nil {
		return *refused
	}
	body, err := wire.Marshal(request{Amount: amount, Reason: reason(i.Reason), MerchantRefundID: i.Number})
	if err != nil {
		return refuse(codeUnwritable, "the request can't be written")
	}
	if i.Refund.Attempts > 0 {
		if o := c.look(ctx, order, i); o.Kind != refund.OutcomeNotFound {
			return o
		}
	}
	return c.call(ctx, wire.CreateRefund, order, body).submitted(order, i)
}

// look looks for the refund before it is submitted again. OutcomeNotFound: it is not
// there.
func (c *connector) look(ctx context.Context, order string, i channel.Instruction) refund.Outcome {
	all, sent, err := c.refunds(ctx, order)
	if err != nil {
		return refund.Outcome{
			Kind: refund.OutcomeTryLater, Code: codeNotListed, Sent: sent,
			Message: "the order's refunds could not be read, nothing was sent: " + err.Error(), Alert: unread(sent, err).Alert,
		}
	}
	return found(all, sent, i)
}

// Query implements channel.Connector: by Payin's id, or where that is not known by
// looking through the order's refunds, whose ids Payin counts from 1.
func (c *connector) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	order := c.order(i.TransactionID, i.Charge)
	if order == "" {
		return refund.Outcome{Kind: refund.OutcomeUnknown, Code: codeNoOrder, Message: errNoOrder.Error()}
	}
	if of, _, ok := wire.SplitRefundID(i.ChannelRefundID); ok && of == order {
		a := c.call(ctx, wire.QueryRefund, i.ChannelRefundID, nil)
		err := a.failure()
		switch {
		case says(err, wire.CodeNotFound):
			o := unread(a.sent, err)
			o.Kind = refund.OutcomeNotFound
			return o
		case err != nil:
			return unread(a.sent, err)
		}
		return a.refund(order, i)
	}
	all, sent, err := c.refunds(ctx, order)
	if err != nil {
		return unread(sent, err)
	}
	return found(all, sent, i)
}

// found is the refund among its order's: the one whose id is known, or the first
// with its number that has not failed, or else the last that has. Others with its
// number that have not failed are refunds that a repeat has made.
func found(all []wire.RefundAnswer, sent refund.Sent, i channel.Instruction) refund.Outcome {
	var ours, failed *wire.RefundAnswer
	var twins []string
	for at := range all {
		switch one := &all[at]; {
		case one.MerchantRefundID != i.Number && (i.ChannelRefundID == "" || one.ID != i.ChannelRefundID):
		case one.Status == wire.StatusFail:
			failed = one
		case ours == nil:
			ours = one
		default:
			twins = append(twins, one.ID)
		}
	}
	if ours == nil {
		ours = failed
	}
	if ours == nil {
		return refund.Outcome{Kind: refund.OutcomeNotFound, Code: string(wire.CodeNotFound), Message: "no refund of the order has the number", Sent: sent}
	}
	o := said(sent, *ours)
	o.Twins = twins
	return o
}

// amount is an amount as order.refund takes it: decimal text of two decimals at
// most, of whatever currency.
func (c *connector) amount(a money.Amount) (string, *refund.Outcome) {
	text := string(wire.Number(a.Minor, a.Currency))
	if back, err := wire.ParseAmount(text, a.Currency, c.threeDecimals); err != nil || back != a.Minor {
		refused := refuse(codeDecimals, "Payin takes amounts of two decimals at most, and "+text+" is none (hint: "+settingThreeDecimals+" where the agreement allows a third)")
		return "", &refused
	}
	return text, nil
}

// reason is a reason within Payin's limit.
func reason(text string) string {
	if text = strings.TrimSpace(text); text == "" {
		return noReason
	}
	runes := []rune(text)
	return strings.TrimSpace(string(runes[:min(len(runes), wire.MaxReason)]))
}
