package stripe_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/stripe/stripetest"
	"github.com/refundry/refundry/refund"
)

// What Stripe is known for, each by its name.

func TestAKeyProvesNothingAfterADay(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	first := s.connector.Submit(t.Context(), i)
	if first.Kind != refund.OutcomeDone {
		t.Fatalf("outcome %+v", first)
	}
	within := s.connector.Pace().ResubmitWithin
	s.ahead = within
	if s.connector.Submit(t.Context(), i); s.moves(i) != 1 {
		t.Fatalf("within the day the key moved money %d times", s.moves(i))
	}
	// What the engine must not do: this is what it keeps from by Pace.
	s.ahead = 24*time.Hour + time.Minute
	if s.connector.Submit(t.Context(), i); s.moves(i) != 2 {
		t.Fatalf("Stripe remembers a key for longer than it says: %d", s.moves(i))
	}
	if within <= 0 || within >= 24*time.Hour {
		t.Errorf("a number is submitted again within %s", within)
	}
	// The list finds the refund at any age, and the engine asks it before it submits.
	s.ahead = 60 * 24 * time.Hour
	if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeDone {
		t.Errorf("outcome %+v", o)
	}
	if !s.connector.Capabilities().List {
		t.Error("no list, so that nothing could be submitted again")
	}
}

// Stripe keeps the error as the answer to the key, whatever the balance is later.
func TestAKeyThatWasAnsweredWithAnEmptyBalanceIsNotUsedAgain(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{Amount: 5000, Currency: "sar", NoFunds: true})
	o := s.connector.Submit(t.Context(), i)
	if o.Kind != refund.OutcomeShortOfFunds {
		t.Fatalf("outcome %+v", o)
	}
	s.Change(i.TransactionID, func(c *stripetest.Charge) { c.NoFunds = false })
	if again := s.connector.Submit(t.Context(), i); again.Kind != refund.OutcomeShortOfFunds || !strings.Contains(again.Message, "earlier request") {
		t.Fatalf("the fake does not keep the answer: %+v", again)
	}
	// As the engine has it after the answer: held, nothing submitted.
	i.Refund.State, i.Refund.HeldReason, i.Refund.Shown = refund.Held, refund.HeldForFunds, o.Sent.Shown
	s.Spoil(http.MethodPost, "drop after")
	if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeUnknown || o.Sent.Shown["idempotency_key"] != i.Number+"-2" {
		t.Fatalf("outcome %+v", o)
	} else {
		i.Refund.Shown = o.Sent.Shown
	}
	// The answer was lost: the refund is unknown, and every repeat has the same key.
	i.Refund.State, i.Refund.HeldReason = refund.Pending, ""
	if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeDone || s.moves(i) != 1 {
		t.Errorf("outcome %+v, money moved %d times", o, s.moves(i))
	}
	// The process died before it could record the key: the one before repeats the
	// error, which says that nothing was created by it, and the list finds the refund.
	i.Refund.Shown = map[string]string{"idempotency_key": i.Number}
	if s.connector.Submit(t.Context(), i); s.moves(i) != 1 {
		t.Errorf("money moved %d times", s.moves(i))
	}
	if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeDone {
		t.Errorf("outcome %+v", o)
	}
}

func TestAKeyOfAnotherRefundIsNotTakenOver(t *testing.T) {
	s := newShop(t)
	for _, last := range []string{"", "other", "other-2", "-2"} {
		i := s.instruction(stripetest.Charge{})
		i.Refund.Shown = map[string]string{"idempotency_key": last}
		if o := s.connector.Submit(t.Context(), i); o.Sent.Shown["idempotency_key"] != i.Number {
			t.Errorf("after %q the key is %q", last, o.Sent.Shown["idempotency_key"])
		}
	}
}

func TestAKeyInUseIsUnknown(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	s.connector.Submit(t.Context(), i)
	s.Running(i.Number, s.Requests()[0].Form.Encode())
	if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeUnknown || o.Code != "idempotency_key_in_use" {
		t.Errorf("outcome %+v", o)
	}
}

// Package net/http sends a request with an idempotency key again by itself where the
// connection breaks that it was kept on.
func TestASubmitIsNotSentAgainByTheHTTPClient(t *testing.T) {
	s := newShop(t)
	s.Config.SetKeepAlivesEnabled(true)
	i := s.instruction(stripetest.Charge{})
	for range 10 {
		s.connector.Query(t.Context(), i) // the connection is kept
		before := len(s.Requests())
		s.Spoil(http.MethodPost, "drop after")
		if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeUnknown {
			t.Errorf("outcome %+v", o)
		}
		if sent := len(s.Requests()) - before; sent != 1 {
			t.Errorf("it was sent %d times", sent)
		}
	}
}

func TestALaterFailureOfASuccessIsSaidByAQuery(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	o := s.connector.Submit(t.Context(), i)
	i.ChannelRefundID = o.ChannelRefundID
	s.End(o.ChannelRefundID, func(r *stripetest.Refund) { r.Status, r.FailureReason = "failed", "lost_or_stolen_card" })
	if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeFailed {
		t.Errorf("outcome %+v", o)
	}
}

// The first page of a list proves nothing.
func TestARefundIsFoundOnTheLastPageOfAList(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{Amount: 1_000_000, Currency: "sar"})
	s.connector.Submit(t.Context(), i)
	for range 250 {
		s.Make(i.TransactionID, 100, nil)
	}
	if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeDone {
		t.Errorf("outcome %+v", o)
	}
	list, err := s.connector.List(t.Context(), channel.PaymentRef{TransactionID: i.TransactionID})
	if err != nil || len(list) != 251 {
		t.Errorf("%d listed, %v", len(list), err)
	}
	// A page that can't be read leaves nothing proved.
	for _, fault := range []string{"drop before", "half", "500 before", "429 before", "empty", "202"} {
		s.Spoil(http.MethodGet, "", "", fault)
		if list, err := s.connector.List(t.Context(), channel.PaymentRef{TransactionID: i.TransactionID}); err == nil {
			t.Errorf("with the last page %s, %d are listed", fault, len(list))
		}
		s.Spoil(http.MethodGet, "", "", fault)
		if o := s.connector.Query(t.Context(), i); o.Kind == refund.OutcomeNotFound || o.Kind == refund.OutcomeInconclusive {
			t.Errorf("with the last page %s the outcome is %+v", fault, o)
		}
		if s.Left() != 0 {
			t.Errorf("%s did not come about", fault)
		}
	}
}

// An empty object is not an empty list.
func TestAnAnswerThatIsNoListProvesNothing(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	for _, body := range []string{
		`{}`, `[]`, `null`, `{"object": "list"}`, `{"object": "list", "data": []}`, `{"object": "list", "data": null, "has_more": false}`,
		`{"object": "list", "data": [], "has_more": true}`, `{"object": "list", "data": [null], "has_more": false}`,
		`{"object": "list", "data": [{"id": "re_1", "object": "charge"}], "has_more": false}`,
		`{"object": "list", "data": [{"id": "re_1", "object": "refund", "charge": "ch_other", "amount": 1, "currency": "sar", "status": "succeeded"}], "has_more": false}`,
		`{"object": "list", "data": [{"id": "re_1", "object": "refund", "charge": "` + i.TransactionID + `", "amount": 1, "currency": "sar", "status": "succeeded"}], "has_more": true}`,
	} {
		connector := fixed(t, http.StatusOK, nil, body)
		if o := connector.Query(t.Context(), i); o.Kind != refund.OutcomeUnknown {
			t.Errorf("%s: outcome %+v", body, o)
		}
		if list, err := connector.List(t.Context(), channel.PaymentRef{TransactionID: i.TransactionID}); err == nil {
			t.Errorf("%s: listed %+v", body, list)
		}
	}
}

// The key of another Stripe account knows no payment, and so no refund of it.
func TestAPaymentThatTheAccountDoesNotKnowProvesNothing(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	i.TransactionID = "ch_3OfAnotherAccount"
	if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeInconclusive {
		t.Errorf("outcome %+v", o)
	}
	if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeRefused || o.Code != "resource_missing" {
		t.Errorf("outcome %+v", o)
	}
}

// A key that Stripe had dropped, or a number that somebody copied: the first is the
// refund, and the others are told.
func TestARefundThatWasMadeTwiceIsTold(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	first := s.connector.Submit(t.Context(), i)
	s.DropKeys()
	second := s.connector.Submit(t.Context(), i)
	copied := s.Make(i.TransactionID, 100, map[string]string{"refund_id": i.RefundID, "number": i.Number})
	s.End(copied.ID, func(r *stripetest.Refund) { r.Status = "failed" })
	o := s.connector.Query(t.Context(), i)
	if o.Kind != refund.OutcomeDone || o.ChannelRefundID != first.ChannelRefundID || !slices.Equal(o.Twins, []string{second.ChannelRefundID}) {
		t.Errorf("outcome %+v", o)
	}
	s.End(first.ChannelRefundID, func(r *stripetest.Refund) { r.Status = "canceled" })
	if o := s.connector.Query(t.Context(), i); o.ChannelRefundID != second.ChannelRefundID || len(o.Twins) != 0 {
		t.Errorf("outcome %+v", o)
	}
}

func TestAnotherSystemsMetadataIsNotOurs(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	for _, metadata := range []map[string]string{{"number": i.Number}, {"refund_id": i.RefundID}, {"refund_id": "A-1", "number": i.Number}, {"refund_id": i.RefundID, "number": "A-1"}} {
		s.Make(i.TransactionID, 100, metadata)
	}
	if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeNotFound {
		t.Errorf("outcome %+v", o)
	}
	list, err := s.connector.List(t.Context(), channel.PaymentRef{TransactionID: i.TransactionID})
	if err != nil || len(list) != 4 {
		t.Fatalf("listed %+v, %v", list, err)
	}
	for _, one := range list {
		if one.Number != one.ChannelRefundID {
			t.Errorf("listed %+v", one)
		}
	}
}
