package pingpp

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

const (
	// embeddedRefunds is how many refunds a charge carries, newest first; the
	// real number is not known (P2.5-3).
	embeddedRefunds = 10
	// noClientIP stands for a payer's address that the charge does not have.
	noClientIP = "0.0.0.0"
	// defaultExpiry and wechatExpiry are time_expire without a wish (P2.2-8).
	defaultExpiry = 24 * time.Hour
	wechatExpiry  = 2 * time.Hour
)

// chargeObject returns a charge in the dialect's form, with its newest refunds.
// The charge must have a name here. Every charge of the core is paid.
func (d *Dialect) chargeObject(ctx context.Context, c *call, charge refund.Charge, expand bool) (wire.Charge, error) {
	out := plainCharge(charge, c.live())
	if expand {
		out.App.Expanded = &wire.App{ID: out.App.ID}
	}
	if charge.Refunds == 0 {
		return out, nil
	}
	refunds, more, err := d.Reader.RefundList(ctx, refund.Filter{
		MerchantID: charge.MerchantID, ChargeID: charge.ID, Page: refund.Page{Limit: embeddedRefunds},
	})
	if err != nil {
		return wire.Charge{}, err
	}
	out.Refunds.HasMore = more
	out.Reversed = reversed(refunds)
	if more && !out.Reversed && charge.Refundable() == 0 {
		// The reversal took all that was left; later refunds hide it only where
		// earlier ones failed afterwards and left something again.
		older, _, err := d.Reader.RefundList(ctx, refund.Filter{
			MerchantID: charge.MerchantID, ChargeID: charge.ID, Page: refund.Page{Limit: maxPage},
		})
		if err != nil {
			return wire.Charge{}, err
		}
		out.Reversed = reversed(older)
	}
	for _, r := range refunds {
		out.Refunds.Data = append(out.Refunds.Data, d.refundShown(c, r, charge.Named()))
	}
	return out, nil
}

// channelName is what a channel is called here: a charge may have come with
// another dialect's name for it.
func channelName(name string) string { return dialect.ChannelName(name, merchant.PingPP) }

// plainCharge is a charge without its refunds.
func plainCharge(charge refund.Charge, live bool) wire.Charge {
	alias, _ := charge.Alias(merchant.PingPP)
	detail := charge.Detail
	out := wire.Charge{
		ID: alias.Name, Created: charge.CreatedAt.Unix(), Livemode: live, Paid: true,
		// True as soon as any refund exists, a failed one too (P2.2-2); what
		// was given back before the charge came to us was a refund.
		Refunded: charge.Refunds > 0 || charge.AlreadyRefunded > 0,
		App:      wire.AppReference{ID: alias.Identity}, Channel: channelName(charge.Channel), OrderNo: charge.OrderNo,
		ClientIP: detail.ClientIP, Amount: int64(charge.Amount), AmountSettle: int64(charge.Amount),
		Currency: strings.ToLower(string(charge.Currency)), Subject: detail.Subject, Body: detail.Body,
		Extra: detail.Extra, TimePaid: unix(charge.PaidAt), TimeExpire: detail.TimeExpire,
		TransactionNo: filled(charge.TransactionID), Refunds: wire.List[wire.Refund]{URL: wire.RefundsPath(alias.Name)},
		AmountRefunded: int64(charge.Refunded), Metadata: detail.Metadata, Description: filled(detail.Description),
	}
	if out.ClientIP == "" {
		out.ClientIP = noClientIP
	}
	if out.TimeExpire == 0 {
		out.TimeExpire = charge.CreatedAt.Add(expiry(out.Channel)).Unix()
	}
	return out
}

// expiry is how long a charge may be paid when nobody said.
func expiry(channel string) time.Duration {
	if strings.HasPrefix(channel, "wx") || strings.HasPrefix(channel, "cb_wx") {
		return wechatExpiry
	}
	return defaultExpiry
}

// refundObject returns a refund in the dialect's form. extra is what a channel
// returns, of which there is nothing yet, and not what the request said.
func refundObject(r refund.Refund, charge refund.NamedCharge, locale wire.Locale) wire.Refund {
	out := wire.Refund{
		ID: r.ID, OrderNo: strings.TrimPrefix(r.ID, wire.PrefixRefund), Amount: int64(r.Amount), Created: r.CreatedAt.Unix(),
		Status: statuses[r.State], Description: r.Reason, Metadata: r.Detail.Metadata,
		Charge: namedHere(charge), ChargeOrderNo: charge.OrderNo,
		TransactionNo: filled(r.ChannelRefundID), FundingSource: r.Detail.FundingSource, Extra: dialect.RawObject,
	}
	switch out.Status {
	case wire.StatusSucceeded:
		out.Succeed, out.TimeSucceed = true, unix(r.SucceededAt)
	case wire.StatusFailed:
		out.FailureCode, out.FailureMsg = failureOf(r, locale)
	}
	return out
}

// statuses says what each state of the core looks like (docs/money.md). One
// that waits for something stays pending, without a failure code: the channel's
// word so far is no end.
var statuses = map[refund.State]string{
	refund.Held:      wire.StatusPending,
	refund.Created:   wire.StatusPending,
	refund.Pending:   wire.StatusPending,
	refund.Abnormal:  wire.StatusPending,
	refund.Succeeded: wire.StatusSucceeded,
	refund.Failed:    wire.StatusFailed,
	refund.Canceled:  wire.StatusFailed,
}

// eventObject is an event with the refund or the batch as it was then. pending
// counts deliveries that have not succeeded yet.
func eventObject(e refund.StoredEvent, live bool, pending int64, locale wire.Locale) (wire.Event, error) {
	show := func(r refund.Refund, charge refund.Charge) wire.Refund {
		return refundObject(r, charge.Named(), locale)
	}
	var about any = show(e.Refund, e.Charge)
	if e.Together != nil {
		about = batchObject(*e.Together, live, show)
	}
	object, err := wire.Marshal(about)
	if err != nil {
		return wire.Event{}, err
	}
	return wire.Event{
		ID: e.ID, Created: e.At.Unix(), Livemode: live, Type: eventTypes[e.Type],
		Data: wire.EventData{Object: json.RawMessage(object)}, PendingWebhooks: pending, Request: eventRequest(e),
	}, nil
}

// BatchSucceeded is the type of the one event about a batch: all of its refunds
// have ended, at least one with success.
const BatchSucceeded = wire.EventBatchRefundSucceeded

// BatchEnd returns BatchSucceeded for a batch of which that is true, else "".
func BatchEnd(batch refund.Together) string {
	if ended, succeeded := batch.Ended(); !ended || !succeeded {
		return ""
	}
	return BatchSucceeded
}

// eventTypes maps the core's events to the dialect's. Others have no name here
// (P5-11: there is no refund.created or updated). A refund that was withdrawn
// is one that failed.
var eventTypes = map[string]string{
	"refund." + string(refund.Succeeded): wire.EventRefundSucceeded,
	"refund." + string(refund.Failed):    wire.EventRefundFailed,
	"refund." + string(refund.Canceled):  wire.EventRefundFailed,
	BatchSucceeded:                       wire.EventBatchRefundSucceeded,
}

// eventRequest is the API call that caused an event. The channel's word has
// none of its own; the published sample of such an event names a call
// nevertheless, which can only be the one that made the object.
func eventRequest(e refund.StoredEvent) *string {
	for _, id := range []string{e.RequestID, e.Refund.By.RequestID} {
		if wire.IsRequestID(id) {
			return &id
		}
	}
	return nil
}

func unix(at time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	seconds := at.Unix()
	return &seconds
}

func filled(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
