package stripe

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Codes of refusals that are ours: nothing was sent.
const (
	codeNoCharge = "NO_CHARGE"
	codeAmount   = "AMOUNT"
)

// Metadata of each refund. Either alone could be another system's.
const (
	metadataRefundID = "refund_id" // our id of the refund
	metadataNumber   = "number"    // its number here, made of that id
)

// shownKey is the idempotency key among what a submit shows.
const shownKey = "idempotency_key"

// The forms of a payment's number: py_ are charges of other payment methods than
// cards.
var (
	chargeForm = regexp.MustCompile(`^(ch|py)_[0-9A-Za-z_]{1,255}$`)
	intentForm = regexp.MustCompile(`^pi_[0-9A-Za-z_]{1,255}$`)
)

// payment names a payment to Stripe by its charge or by its payment intent.
type payment struct{ charge, intent string }

func paymentOf(transactionID string) (payment, bool) {
	switch {
	case chargeForm.MatchString(transactionID):
		return payment{charge: transactionID}, true
	case intentForm.MatchString(transactionID):
		return payment{intent: transactionID}, true
	}
	return payment{}, false
}

// owns reports whether a refund is one of the payment's.
func (p payment) owns(r *stripe.Refund) bool {
	charge, intent := partsOf(r.Charge, r.PaymentIntent)
	return p.charge != "" && charge == p.charge || p.intent != "" && intent == p.intent
}

// partsOf are the ids of a charge and a payment intent, "" for none.
func partsOf(charge *stripe.Charge, intent *stripe.PaymentIntent) (chargeID, intentID string) {
	if charge != nil {
		chargeID = charge.ID
	}
	if intent != nil {
		intentID = intent.ID
	}
	return chargeID, intentID
}

// reasons are the reason codes that Stripe knows.
var reasons = map[string]stripe.RefundReason{
	"duplicate":             stripe.RefundReasonDuplicate,
	"fraudulent":            stripe.RefundReasonFraudulent,
	"requested_by_customer": stripe.RefundReasonRequestedByCustomer,
}

func refuse(code, message string) refund.Outcome {
	return refund.Outcome{Kind: refund.OutcomeRefused, Code: code, Message: message + ": nothing was sent"}
}

// Submit implements channel.Connector.
func (c *connector) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	of, ok := paymentOf(i.TransactionID)
	if !ok {
		return refuse(codeNoCharge, "the payment's number is neither a charge's (ch_, py_) nor a payment intent's (pi_)")
	}
	amount, why := toStripe(i.Amount)
	if why != "" {
		return refuse(codeAmount, why)
	}
	key := idempotencyKey(i)
	params := &stripe.RefundCreateParams{
		Amount:   &amount, // without it Stripe refunds all that is left
		Metadata: map[string]string{metadataRefundID: i.RefundID, metadataNumber: i.Number},
	}
	params.IdempotencyKey = &key
	if of.charge != "" {
		params.Charge = &of.charge
	} else {
		params.PaymentIntent = &of.intent
	}
	if reason, known := reasons[i.Refund.ReasonCode]; known {
		params.Reason = stripe.String(string(reason))
	}
	ctx, x := observed(ctx)
	x.sent.Shown = map[string]string{shownKey: key}
	made, err := c.client.V1Refunds.Create(ctx, params)
	return c.outcome(refund.Submit, x, made, err, i, of)
}

// idempotencyKey is the refund's number, the same for every attempt. Stripe keeps
// the first answer to a key, an error too: where that was that funds do not suffice,
// which created nothing, a repeat would be answered so for a day whatever the
// balance, and a submit out of that state takes the next key. Every later attempt
// keeps it: only a recorded answer brings a refund into that state again.
func idempotencyKey(i channel.Instruction) string {
	last := i.Refund.Shown[shownKey]
	count, ok := keyCount(last, i.Number)
	switch {
	case !ok:
		return i.Number
	case i.Refund.State == refund.Held && i.Refund.HeldReason == refund.HeldForFunds && !i.Refund.Unknown:
		return i.Number + "-" + strconv.Itoa(count+1)
	}
	return last
}

// keyCount reads a key of a number: 1 is the number itself.
func keyCount(key, number string) (int, bool) {
	if key == number && number != "" {
		return 1, true
	}
	text, ok := strings.CutPrefix(key, number+"-")
	count, err := strconv.Atoi(text)
	return count, ok && err == nil && count > 1
}

// Query implements channel.Connector: by Stripe's id where one is known, else by the
// metadata, in the list of the payment's refunds.
func (c *connector) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	of, ok := paymentOf(i.TransactionID)
	if !ok {
		return refund.Outcome{Kind: refund.OutcomeNotFound, Code: codeNoCharge, Message: "no refund is sent for a payment's number of this form"}
	}
	ctx, x := observed(ctx)
	if id := i.ChannelRefundID; refundForm.MatchString(id) {
		found, err := c.client.V1Refunds.Retrieve(ctx, id, nil)
		return c.outcome(refund.Query, x, found, err, i, of)
	}
	var found []*stripe.Refund
	err := c.refundsOf(ctx, of, func(one *stripe.Refund) error {
		if numberOf(one) == i.Number {
			found = append(found, one)
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		return refund.Outcome{Kind: refund.OutcomeNotFound, Code: "NOT_LISTED", Message: "the payment has no refund of this number", Sent: x.sent}
	}
	one, twins := oldest(found)
	o := c.outcome(refund.Query, x, one, err, i, of)
	o.Twins = twins
	return o
}

// refundForm is that of Stripe's ids of refunds. An id is a part of an address.
var refundForm = regexp.MustCompile(`^[0-9A-Za-z_]{4,255}$`)

// oldest is the refund of several of one number that was made first of those that move
// money, or else the first, and the ids of the others that move money. There is more
// than one only where a key was dropped, or somebody copied the metadata. found has the
// newest first.
func oldest(found []*stripe.Refund) (one *stripe.Refund, twins []string) {
	for _, r := range slices.Backward(found) {
		moves := states[r.Status] != refund.OutcomeFailed
		switch {
		case one == nil || moves && states[one.Status] == refund.OutcomeFailed:
			one = r
		case moves:
			twins = append(twins, r.ID)
		}
	}
	return one, twins
}

// numberOf is the number under which we submitted a refund, "" for one that somebody
// else made.
func numberOf(r *stripe.Refund) string {
	id, number := r.Metadata[metadataRefundID], r.Metadata[metadataNumber]
	own, ok := strings.CutPrefix(id, "re_")
	if !ok || own == "" || !strings.HasPrefix(number, own) {
		return ""
	}
	return number
}
