package stripe

import (
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// The paths.
const (
	pathRefunds = "/v1/refunds"
	pathCharges = "/v1/charges"
	pathIntents = "/v1/payment_intents"
)

// The attributes of a refund.
const (
	attributeReason   = "reason"
	attributeCanceled = "canceled"
	metadataPrefix    = "metadata." // before each key
)

// Serve implements channelsim.Side.
func (s *Side) Serve(c *channelsim.Call) channelsim.Answer {
	defer s.release(c)
	id, below := strings.CutPrefix(c.Path, pathRefunds+"/")
	canceled, cancels := strings.CutSuffix(id, "/cancel")
	get, post := c.Method == http.MethodGet, c.Method == http.MethodPost
	switch {
	case post && c.Path == pathRefunds:
		return s.create(c)
	case get && c.Path == pathRefunds:
		return s.listRefunds(c)
	case post && below && cancels && !strings.Contains(canceled, "/"):
		return s.change(c, canceled, s.cancel)
	case post && below && !strings.Contains(id, "/"):
		return s.change(c, id, s.update)
	case get && below && !strings.Contains(id, "/"):
		return s.retrieve(c, id)
	case get && strings.HasPrefix(c.Path, pathCharges), get && strings.HasPrefix(c.Path, pathIntents):
		return s.payments(c)
	case get && c.Path == "/v1/balance":
		return answer(http.StatusOK, balance())
	case get && strings.HasPrefix(c.Path, "/v1/disputes/"):
		return s.retrieveDispute(c, strings.TrimPrefix(c.Path, "/v1/disputes/"))
	}
	return fail(http.StatusNotFound, fault{Type: invalidRequest, Message: "Unrecognized request URL (" + c.Method + ": " + c.Path + ")."})
}

// creation is a request for a refund.
type creation struct {
	charge, intent string
	amount         int64 // in Stripe's count
	all            bool  // no amount: all that is left
	reason         string
	metadata       map[string]string
}

var reasons = []string{"duplicate", "fraudulent", "requested_by_customer"}

func readCreation(f form) (in creation, refused *channelsim.Answer) {
	if refused = f.only([]string{"metadata"}, "charge", "payment_intent", "amount", "reason", "instructions_email", "refund_application_fee", "reverse_transfer"); refused != nil {
		return in, refused
	}
	in.charge, in.intent, in.reason = f["charge"], f["payment_intent"], f["reason"]
	if in.charge == "" && in.intent == "" {
		a := bad("parameter_missing", "charge", "One of the following params should be provided for this request: payment_intent or charge.")
		return in, &a
	}
	if in.reason != "" && !slices.Contains(reasons, in.reason) {
		a := bad("", "reason", "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer")
		return in, &a
	}
	var given bool
	if in.amount, given, refused = f.integer("amount", 1, math.MaxInt64); refused != nil {
		return in, refused
	}
	in.all = !given
	in.metadata, refused = f.metadata()
	return in, refused
}

// number is what the books know a refund by: what its metadata says, or else its key.
// Stripe itself has no number of the merchant's.
func (in creation) number(c *channelsim.Call) string {
	for _, one := range []string{in.metadata["number"], in.metadata["refund_id"], c.Header.Get(headerKey)} {
		if one != "" {
			return one
		}
	}
	return "UNNAMED-" + in.charge + in.intent
}

func (s *Side) create(c *channelsim.Call) channelsim.Answer {
	f, refused := body(c)
	if refused != nil {
		return *refused
	}
	in, refused := readCreation(f)
	if refused != nil {
		return *refused // nothing was executed: the key is free
	}
	before, refused := s.recall(c)
	if refused != nil {
		return *refused
	}
	if early := c.Begin(channelsim.StepSubmit, in.number(c)); early != nil {
		return *early
	}
	if before != nil {
		return s.replay(c, before, f)
	}
	p, refused := s.payment(c.Books, in)
	if refused == nil {
		refused = s.rules(c, p, &in)
	}
	if refused != nil {
		s.keep(c, &kept{answer: refused})
		return *refused
	}
	amount, _ := minor(p.Currency, in.amount) // as the rules have it
	attributes := map[string]string{attributeReason: in.reason}
	for name, value := range in.metadata {
		attributes[metadataPrefix+name] = value
	}
	r, err := c.Books.Create(p, channelsim.Refund{Number: in.number(c), Amount: amount, Attributes: attributes}, settle)
	if err != nil {
		a := bad("", "amount", "Refund amount is greater than unrefunded amount on charge")
		return a
	}
	c.Books.Tell(p, *r, eventChargeRefunded)
	s.keep(c, &kept{refundID: r.ID, shown: *r})
	return s.show(c, r, c.View(r), f)
}

// replay answers a request again as it was answered first.
func (s *Side) replay(c *channelsim.Call, before *kept, f form) channelsim.Answer {
	a := channelsim.Answer{}
	if before.answer != nil {
		a = *before.answer
		a.Header = a.Header.Clone()
	} else {
		r := c.Books.RefundByID(before.refundID)
		shown := before.shown
		shown.Amount = c.View(r).Amount // a fault may show another
		a = s.show(c, r, shown, f)
	}
	a.Set("Idempotent-Replayed", "true")
	return a
}

// payment finds the charge of a request.
func (s *Side) payment(books *channelsim.Books, in creation) (*channelsim.Payment, *channelsim.Answer) {
	refuse := func(a channelsim.Answer) (*channelsim.Payment, *channelsim.Answer) { return nil, &a }
	if in.charge != "" {
		p := books.Payment(in.charge)
		switch {
		case p == nil:
			return refuse(missing(http.StatusNotFound, "charge", "charge", in.charge))
		case in.intent != "" && intentOf(p) != in.intent:
			return refuse(bad("", "payment_intent", "The charge does not belong to the payment intent"))
		}
		return p, nil
	}
	if p := byIntent(books, in.intent); p != nil {
		return p, nil
	}
	return refuse(missing(http.StatusNotFound, "payment_intent", "payment_intent", in.intent))
}

func byIntent(books *channelsim.Books, intent string) *channelsim.Payment {
	for _, p := range books.Payments() {
		if intentOf(p) == intent {
			return p
		}
	}
	return nil
}

// rules are what Stripe refuses of a new refund.
func (s *Side) rules(c *channelsim.Call, p *channelsim.Payment, in *creation) *channelsim.Answer {
	refuse := func(a channelsim.Answer) *channelsim.Answer { return &a }
	left := p.Amount - c.Books.Taken(p)
	if d := s.disputes[p.TransactionID]; d != nil && d.holds() {
		return refuse(bad("charge_disputed", "", "Charge %s has been charged back; cannot issue a refund.", p.TransactionID))
	}
	if left == 0 {
		return refuse(bad("charge_already_refunded", "", "Charge %s has already been refunded.", p.TransactionID))
	}
	if in.all {
		in.amount, _ = units(p.Currency, left)
	}
	amount, ok := minor(p.Currency, in.amount)
	switch {
	case !ok:
		return refuse(bad("invalid_charge_amount", "amount", "Invalid amount: this currency's amounts are given in other steps"))
	case amount > left:
		return refuse(bad("", "amount", "Refund amount (%d) is greater than unrefunded amount on charge (%d)", in.amount, unitsOf(p, left)))
	}
	return nil
}

func unitsOf(p *channelsim.Payment, amount money.Minor) int64 {
	n, _ := units(p.Currency, amount)
	return n
}

func (s *Side) retrieve(c *channelsim.Call, id string) channelsim.Answer {
	f, refused := readForm(c.Query)
	if refused == nil {
		refused = f.only(nil)
	}
	if refused != nil {
		return *refused
	}
	r := c.Books.RefundByID(id)
	key := id
	if r != nil {
		key = r.Number
	}
	if early := c.Begin(channelsim.StepQuery, key); early != nil {
		return *early
	}
	if r == nil {
		return missing(http.StatusNotFound, "refund", "id", id)
	}
	return s.show(c, r, c.View(r), f)
}

// change is a POST about one refund, with an idempotency key like any other.
func (s *Side) change(c *channelsim.Call, id string, do func(*channelsim.Call, *channelsim.Refund, form) *channelsim.Answer) channelsim.Answer {
	f, refused := body(c)
	if refused != nil {
		return *refused
	}
	before, refused := s.recall(c)
	if refused != nil {
		return *refused
	}
	if before != nil && before.answer != nil {
		a := *before.answer
		a.Header = a.Header.Clone()
		a.Set("Idempotent-Replayed", "true")
		return a
	}
	r := c.Books.RefundByID(id)
	if r == nil {
		return missing(http.StatusNotFound, "refund", "id", id)
	}
	if refused := do(c, r, f); refused != nil {
		return *refused
	}
	a := s.show(c, r, *r, f)
	s.keep(c, &kept{answer: &a})
	return a
}

// update changes metadata: a key with an empty value goes away.
func (s *Side) update(_ *channelsim.Call, r *channelsim.Refund, f form) *channelsim.Answer {
	if refused := f.only([]string{"metadata"}, "metadata"); refused != nil {
		return refused
	}
	metadata, refused := f.metadata()
	if refused != nil {
		return refused
	}
	if r.Attributes == nil {
		r.Attributes = make(map[string]string)
	}
	for name, value := range metadata {
		if value == "" {
			delete(r.Attributes, metadataPrefix+name)
			continue
		}
		r.Attributes[metadataPrefix+name] = value
	}
	return nil
}

// cancel ends a refund that waits for its payer.
func (s *Side) cancel(c *channelsim.Call, r *channelsim.Refund, f form) *channelsim.Answer {
	if refused := f.only(nil); refused != nil {
		return refused
	}
	if r.State != channelsim.Abnormal {
		a := bad("", "", "You can only cancel a refund whose status is requires_action.")
		return &a
	}
	if r.Attributes == nil {
		r.Attributes = make(map[string]string)
	}
	r.Attributes[attributeCanceled] = "true"
	c.Books.Decide(r, channelsim.Failed)
	return nil
}
