package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// maxNotice bounds an event: a charge with ten refunds has some 20 kilobytes.
const maxNotice = 256 << 10

// Why a notice is not taken, where no other error says it.
var (
	errNotice   = errors.New("the event can't be read")
	errMode     = errors.New("the event is of the other mode: live and test have endpoints of their own")
	errEncoding = errors.New("the event is compressed")
	errLong     = fmt.Errorf("the event has more than %d bytes", maxNotice)
	errNoSecret = errors.New("the account has no webhook_secret, so that no event can be verified (hint: account set with the endpoint's signing secret)")
)

// Receive implements channel.Receiver: the signature is verified over the body as
// it came, and only then is anything read. What tells of neither a refund nor a
// dispute is taken and says nothing.
func (d *Driver) Receive(a channel.Account, r *http.Request) ([]channel.Notified, channel.Reply, error) {
	notified, err := d.receive(a, r)
	return notified, reply, err
}

func (d *Driver) receive(a channel.Account, r *http.Request) ([]channel.Notified, error) {
	body, err := readNotice(r)
	if err != nil {
		return nil, err
	}
	secrets := webhookSecrets(a)
	if len(secrets) == 0 {
		return nil, errNoSecret
	}
	if err := verify(r.Header.Get(headerSignature), body, secrets, d.now()); err != nil {
		return nil, err
	}
	// The client's own reader takes duplicate names and trailing data.
	if _, err := exactjson.Decode(body, exactjson.Limits{Bytes: maxNotice}); err != nil {
		return nil, errNotice
	}
	var event stripe.Event
	if err := json.Unmarshal(body, &event); err != nil || event.Object != "event" || event.Data == nil {
		return nil, errNotice
	}
	switch {
	case event.Livemode != (a.Mode != merchant.Test):
		return nil, errMode
	case event.Account != "":
		return nil, nil // a connected account's, whose payments are not this one's
	}
	return read(event), nil
}

// webhookSecrets are an account's, and those before a rotation that still live.
func webhookSecrets(a channel.Account) (out []string) {
	all := []map[string]string{a.Secrets}
	for _, earlier := range a.Previous {
		all = append(all, earlier.Secrets)
	}
	for _, secrets := range all {
		if one := secrets[secretWebhook]; one != "" {
			out = append(out, one)
		}
	}
	return out
}

func readNotice(r *http.Request) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errEncoding
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxNotice+1))
	switch {
	case err != nil:
		return nil, errNotice
	case len(body) > maxNotice:
		return nil, errLong
	}
	return body, nil
}

// read is what a verified event tells of.
func read(event stripe.Event) []channel.Notified {
	switch event.Type {
	case stripe.EventTypeRefundCreated, stripe.EventTypeRefundUpdated, stripe.EventTypeRefundFailed, stripe.EventTypeChargeRefundUpdated:
		var r stripe.Refund
		if err := json.Unmarshal(event.Data.Raw, &r); err != nil {
			return []channel.Notified{aside(event, "an event of a refund that can't be read", "", "")}
		}
		return []channel.Notified{refundNotice(event, &r)}
	case stripe.EventTypeChargeRefunded:
		return chargeNotice(event)
	case stripe.EventTypeChargeDisputeCreated, stripe.EventTypeChargeDisputeUpdated, stripe.EventTypeChargeDisputeClosed,
		stripe.EventTypeChargeDisputeFundsWithdrawn, stripe.EventTypeChargeDisputeFundsReinstated:
		return disputeNotice(event)
	}
	return nil
}

// aside is an event of Stripe's that only a person can understand, such as one of an
// API version that came later. It is taken all the same: Stripe disables an endpoint
// that refuses events for days.
func aside(event stripe.Event, why, charge, intent string) channel.Notified {
	n := channel.Notified{Text: fmt.Sprintf("%s %s: %s", event.Type, event.ID, why), Noticed: refund.Noticed{Aside: why}}
	n.TransactionID, n.OtherTransactionID = names(charge, intent)
	return n
}

// refundNotice is an event's refund.
func refundNotice(event stripe.Event, r *stripe.Refund) channel.Notified {
	amount, counted := fromStripe(r.Amount, string(r.Currency))
	kind, known := states[r.Status]
	charge, intent := partsOf(r.Charge, r.PaymentIntent)
	if r.Object != "refund" || r.ID == "" || !counted || charge+intent == "" {
		return aside(event, fmt.Sprintf("an event of a refund that can't be understood: %q %q of %d %q", r.Object, r.ID, r.Amount, r.Currency), charge, intent)
	}
	n := channel.Notified{
		Text:    fmt.Sprintf("%s %s: refund %s of %d %s of %s: %s", event.Type, event.ID, r.ID, r.Amount, r.Currency, charge, r.Status),
		Noticed: refund.Noticed{Number: numberOf(r), Currency: amount.Currency, MadeAt: time.Unix(r.Created, 0)},
	}
	n.Outcome = refund.Outcome{Kind: kind, ChannelRefundID: r.ID, Amount: &amount.Minor}
	if !known {
		n.Hint, n.Outcome = true, refund.Outcome{ChannelRefundID: r.ID}
	} else {
		explain(&n.Outcome, r)
	}
	if kind == refund.OutcomeDone {
		n.Outcome.SucceededAt = time.Unix(event.Created, 0)
	}
	n.TransactionID, n.OtherTransactionID = names(charge, intent)
	return n
}

// names are those under which a payment may be registered: its charge, and its payment
// intent.
func names(charge, intent string) (name, other string) {
	if charge == "" {
		return intent, ""
	}
	return charge, intent
}

// chargeNotice is an event that says of a charge that something of it was refunded.
// It holds the refunds up to API version 2022-08-01, for later ones refund.created
// comes beside it and says all.
func chargeNotice(event stripe.Event) (out []channel.Notified) {
	var charge stripe.Charge
	if err := json.Unmarshal(event.Data.Raw, &charge); err != nil || charge.Object != "charge" {
		return []channel.Notified{aside(event, "an event of a charge that can't be read", "", "")}
	}
	if charge.Refunds == nil {
		return nil
	}
	for _, r := range charge.Refunds.Data {
		one := refundNotice(event, r)
		// The refunds before the newest are as old as they are.
		one.Outcome.SucceededAt = time.Unix(r.Created, 0)
		out = append(out, one)
	}
	return out
}

// disputeStates are what a dispute's status says. A warning is a question by the
// bank; prevented, the dispute never began.
var disputeStates = map[stripe.DisputeStatus]refund.DisputeState{
	stripe.DisputeStatusWarningNeedsResponse: refund.DisputeInquiry,
	stripe.DisputeStatusWarningUnderReview:   refund.DisputeInquiry,
	stripe.DisputeStatusWarningClosed:        refund.DisputeWon,
	stripe.DisputeStatusPrevented:            refund.DisputeWon,
	stripe.DisputeStatusNeedsResponse:        refund.DisputeOpen,
	stripe.DisputeStatusUnderReview:          refund.DisputeOpen,
	stripe.DisputeStatusWon:                  refund.DisputeWon,
	stripe.DisputeStatusLost:                 refund.DisputeLost,
}

// disputeNotice is an event's dispute. One whose status is not known holds its amount,
// as one that is open, and a person is told.
func disputeNotice(event stripe.Event) (out []channel.Notified) {
	var d stripe.Dispute
	if err := json.Unmarshal(event.Data.Raw, &d); err != nil {
		return []channel.Notified{aside(event, "an event of a dispute that can't be read", "", "")}
	}
	amount, counted := fromStripe(d.Amount, string(d.Currency))
	state, known := disputeStates[d.Status]
	charge, intent := partsOf(d.Charge, d.PaymentIntent)
	switch {
	case d.Object != "dispute" || d.ID == "" || !counted || charge+intent == "":
		why := fmt.Sprintf("an event of a dispute that can't be understood, so that nothing is held for it: %q %q of %d %q", d.Object, d.ID, d.Amount, d.Currency)
		return []channel.Notified{aside(event, why, charge, intent)}
	case !known:
		state = refund.DisputeOpen
		out = append(out, aside(event, fmt.Sprintf("dispute %s has a status that is not known, %q: its amount is held until Stripe says how it ended", d.ID, d.Status), charge, intent))
	}
	if state == refund.DisputeOpen && event.Type == stripe.EventTypeChargeDisputeFundsWithdrawn {
		state = refund.DisputeWithdrawn
	}
	n := channel.Notified{
		Text: fmt.Sprintf("%s %s: dispute %s of %d %s of %s: %s, %s", event.Type, event.ID, d.ID, d.Amount, d.Currency, charge, d.Status, d.Reason),
		Noticed: refund.Noticed{Dispute: &refund.Dispute{
			ChannelDisputeID: d.ID, Amount: amount, State: state, Reason: string(d.Reason), ChannelAt: time.Unix(event.Created, 0),
		}},
	}
	n.TransactionID, n.OtherTransactionID = names(charge, intent)
	return append(out, n)
}

// refusals are the errors of requests that were not taken as Stripe's; all others
// come of what could not be kept.
var refusals = []error{errNotice, errMode, errEncoding, errLong, errNoSecret, errSignatureHeader, errSignatureTime, errSignature}

// reply is the answer to an event: Stripe sends one again for days until it is
// answered with 2xx.
func reply(problem error) channel.Answer {
	if problem == nil {
		return channel.Answer{Status: http.StatusOK}
	}
	for _, known := range refusals {
		if errors.Is(problem, known) {
			return failure(http.StatusBadRequest, known.Error())
		}
	}
	return failure(http.StatusInternalServerError, "the event could not be kept; send it again")
}

// Refuse implements channel.Receiver.
func (*Driver) Refuse(status int) channel.Answer { return failure(status, "no such endpoint") }

// failure is shown on Stripe's pages.
func failure(status int, text string) channel.Answer {
	return channel.Answer{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(text + "\n")}
}
