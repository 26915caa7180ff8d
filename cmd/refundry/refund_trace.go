package main

import (
	"fmt"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// refundTrace is refundry refund trace.
type refundTrace struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The refund, by its id, the merchant's number, or any number that a channel or API gave it."`
}

func (c *refundTrace) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.RefundByAny(e, m.ID, c.ID)
	if err != nil {
		return asUsage(err)
	}
	t, err := admin.TraceRefund(e, s, r)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.TraceJSON(service.Dialects(), t))
	}
	rows := [][]string{
		{when(r.CreatedAt), "refund", fmt.Sprintf("%s of %s, charge %s, %s", r.ID, amountText(r.Amount, r.Currency), r.ChargeID, givenNumber(r.Number))},
	}
	for _, one := range t.Entries {
		what, text := traceText(t, one)
		rows = append(rows, []string{when(one.At), what, text})
	}
	rows = append(rows, []string{"now", string(r.State), nextText(t) + freshText(t)})
	return e.printTable([]string{"AT", "WHAT", "DETAIL"}, rows)
}

func givenNumber(number string) string {
	if number == "" {
		return "without a number of the merchant's"
	}
	return "the merchant's " + number
}

// traceText is an entry in two words and a line.
func traceText(t admin.Trace, e admin.TraceEntry) (what, text string) {
	switch {
	case e.Attempt != nil:
		return "attempt", attemptText(t.Refund, *e.Attempt)
	case e.Transfer != nil:
		return "transfer", fmt.Sprintf("%s %s: %s -> %s", e.Transfer.Kind, e.Transfer.Amount, e.Transfer.From, e.Transfer.To)
	case e.Event != nil:
		return "event", fmt.Sprintf("%s: the refund is %s (%s)", e.Event.Type, e.Event.Refund.State, e.Event.ID)
	case e.Delivery != nil:
		return "webhook", deliveryText(e)
	case e.Notice != nil:
		return "notice", strings.TrimSpace(fmt.Sprintf("%s: %s %s", e.Notice.State, e.Notice.Text, e.Notice.Note))
	case e.Alert != nil:
		return "alert", e.Alert.Text
	}
	return "action", fmt.Sprintf("%s by %s", e.Action.Action, e.Action.Actor)
}

func deliveryText(e admin.TraceEntry) string {
	d := e.Delivery.Delivery
	switch {
	case e.Try == nil && d.Problem != "":
		return fmt.Sprintf("to %s: not made yet: %s", d.URL, d.Problem)
	case e.Try == nil:
		return fmt.Sprintf("to %s: %s, not tried yet", d.URL, e.Delivery.State)
	case e.Try.Error != "":
		return fmt.Sprintf("to %s: %s", d.URL, e.Try.Error)
	}
	return fmt.Sprintf("to %s: answered %d", d.URL, e.Try.Status)
}

// freshText says how old what we know is, and what may be expected.
func freshText(t admin.Trace) string {
	text := ""
	if !t.AskedAt.IsZero() {
		text += ", asked last at " + when(t.AskedAt)
	}
	if t.Promised != (refund.Promise{}) {
		text += fmt.Sprintf(", expected by %s as 95 of 100 of the account's last %d refunds", when(t.Promised.By), t.Promised.Of)
	}
	return text
}

// nextText says who acts next.
func nextText(t admin.Trace) string {
	at := ""
	if !t.NextAt.IsZero() {
		at = ", next at " + when(t.NextAt)
	}
	switch t.Next {
	case admin.NextService:
		return "the service tells or asks the channel" + at
	case admin.NextMerchant:
		return "the merchant's balance at the channel is too small: it is sent again when funds are there" + at
	case admin.NextOperator:
		if t.Refund.HeldReason == refund.HeldForApproval {
			return "somebody else than who asked has to approve it (hint: refund approve), or it is canceled at " + when(t.NextAt)
		}
		return "a person has to decide or to find out (hint: refund reroute, or refund resolve with proof)" + at
	}
	return "nobody has to do anything"
}
