package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

const eventChargeRefunded = "charge.refunded"

// events are the types of events that tell of a refund's state.
var events = map[channelsim.State]string{
	channelsim.Processing: "refund.created", channelsim.Succeeded: "refund.updated", channelsim.Abnormal: "refund.updated",
	channelsim.Failed: "refund.failed", channelsim.Returned: "refund.failed",
}

// Notice implements channelsim.Side: an event at the account's endpoint.
func (s *Side) Notice(n channelsim.Notice) (channelsim.Outgoing, bool) {
	if n.URL == "" {
		return channelsim.Outgoing{}, false
	}
	kind, content := n.Event, object(nil)
	switch n.Event {
	case "":
		kind, content = events[n.Refund.State], s.refund(n.Books, n.Refund)
		if content["status"] == "canceled" {
			kind = "refund.updated"
		}
	case eventChargeRefunded:
		content = s.charge(n.Books, &n.Payment, n.Payment.Amount)
	default:
		_ = json.Unmarshal([]byte(n.Refund.Attributes[attributeDispute]), &content) // as it was written
	}
	body, _ := json.Marshal(object{ // texts and numbers
		"id": "evt_" + strings.ReplaceAll(n.ID, "-", ""), "object": "event", "api_version": apiVersion, "created": n.Refund.EndedAt.Unix(), "data": object{"object": content},
		"livemode": false, "pending_webhooks": 1, "request": object{"id": nil, "idempotency_key": nil}, "type": kind,
	})
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"Stripe/1.0 (+https://stripe.com/docs/webhooks)"}}
	header.Set("Stripe-Signature", s.signature(n.At, body, n.Wrong))
	return channelsim.Outgoing{URL: n.URL, Header: header, Body: body}, true
}

// signature is t=...,v1=... with one v1 more, first, while the secret is rolled.
func (s *Side) signature(at time.Time, body []byte, wrong bool) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	sign := func(secret string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "."))
		mac.Write(body)
		return hex.EncodeToString(mac.Sum(nil))
	}
	out := "t=" + stamp
	if s.rolled {
		out += ",v1=" + sign(s.secondSecret)
	}
	secret := s.webhookSecret
	if wrong {
		secret += "x"
	}
	return out + ",v1=" + sign(secret) + ",v0=" + sign("v0")
}

// Accepted implements channelsim.Side.
func (*Side) Accepted(status int, _ []byte) bool { return status/100 == 2 }

// NoticeDelays implements channelsim.Side: three days with pauses that grow.
func (*Side) NoticeDelays() []time.Duration {
	return []time.Duration{
		time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour,
	}
}

// dispute is a payer's claim on a charge.
type dispute struct {
	id, status string
	amount     int64
	charge     string
	intent     string
	currency   string
	created    time.Time
}

const attributeDispute = "dispute"

// disputeStatuses say what becomes of a dispute, and whether the amount is withheld.
var disputeStatuses = map[string]bool{
	"warning_needs_response": false, "needs_response": true, "under_review": true, "won": false, "lost": true, "warning_closed": false,
}

// holds reports whether the charge can't be refunded for the dispute.
func (d *dispute) holds() bool { return disputeStatuses[d.status] }

func (d *dispute) object() object {
	return object{
		"id": d.id, "object": "dispute", "amount": d.amount, "balance_transactions": []any{}, "charge": d.charge, "created": d.created.Unix(), "currency": d.currency,
		"evidence_details": object{"has_evidence": false, "past_due": false, "submission_count": 0}, "is_charge_refundable": !d.holds(), "livemode": false,
		"metadata": object{}, "payment_intent": d.intent, "reason": "fraudulent", "status": d.status,
	}
}

// Dispute implements channelsim.Disputer. Events follow as at Stripe: created with the
// funds withdrawn, and closed with the funds reinstated where it was won.
func (s *Side) Dispute(books *channelsim.Books, p *channelsim.Payment, amount money.Minor, status string) error {
	holds, known := disputeStatuses[status]
	if !known {
		return fmt.Errorf("unknown status %q (hint: needs_response, under_review, won, lost, warning_needs_response or warning_closed)", status)
	}
	d := s.disputes[p.TransactionID]
	before := d
	if d == nil {
		if amount == 0 {
			amount = p.Amount
		}
		n, ok := units(p.Currency, amount)
		if !ok || amount < 0 || amount > p.Amount {
			return fmt.Errorf("the amount must be at most the payment's, in steps of %s", p.Currency)
		}
		d = &dispute{
			id: id("du", int64(len(s.disputes)+1), books.Now()), amount: n, charge: p.TransactionID, intent: intentOf(p), currency: strings.ToLower(string(p.Currency)), created: books.Now(),
		}
		s.disputes[p.TransactionID] = d
	}
	held := before != nil && d.holds()
	d.status = status
	var kinds []string
	if before == nil {
		kinds = append(kinds, "charge.dispute.created")
	}
	switch closed := status == "won" || status == "lost" || status == "warning_closed"; {
	case holds && !held:
		kinds = append(kinds, "charge.dispute.funds_withdrawn")
	case closed && before != nil:
		kinds = append(kinds, "charge.dispute.closed")
		if held && !holds {
			kinds = append(kinds, "charge.dispute.funds_reinstated")
		}
	case before != nil:
		kinds = append(kinds, "charge.dispute.updated")
	}
	content, _ := json.Marshal(d.object()) // texts and numbers
	for _, kind := range kinds {
		books.Tell(p, channelsim.Refund{
			Channel: Name, Number: d.id, TransactionID: p.TransactionID, EndedAt: books.Now(), Attributes: map[string]string{attributeDispute: string(content)},
		}, kind)
	}
	return nil
}

func (s *Side) retrieveDispute(_ *channelsim.Call, id string) channelsim.Answer {
	for _, d := range s.disputes {
		if d.id == id {
			return answer(http.StatusOK, d.object())
		}
	}
	return missing(http.StatusNotFound, "dispute", "id", id)
}
