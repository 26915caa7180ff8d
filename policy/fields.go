package policy

import (
	"time"

	"github.com/google/cel-go/cel"

	"github.com/refundry/refundry/refund"
)

// Facts are what an expression sees of one refund.
type Facts struct {
	refund.Asked
	// Recent returns the earlier refunds of a window.
	Recent func(refund.Window) refund.Recent
}

// Field is a name that expressions may use.
type Field struct {
	Name, Type, Meaning string
}

// Fields lists what expressions may use, for documents and forms.
func Fields() []Field {
	out := make([]Field, len(fields))
	for n, f := range fields {
		out[n] = Field{f.name, f.kind.String(), f.meaning}
	}
	return out
}

type field struct {
	name, meaning string
	kind          *cel.Type
	value         func(Facts) any
	// window is what a field of earlier refunds counts in, nil for others.
	window *refund.Window
}

const day = 24 * time.Hour

var fields = append([]field{
	{name: "refund.amount", kind: cel.IntType, meaning: "its amount in minor units", value: func(f Facts) any { return int64(f.Amount) }},
	{name: "refund.currency", kind: cel.StringType, meaning: "its currency, such as \"CNY\"", value: func(f Facts) any { return string(f.Charge.Currency) }},
	{name: "refund.full", kind: cel.BoolType, meaning: "it gives back all that was paid", value: func(f Facts) any { return f.Amount == f.Charge.Amount }},
	{name: "refund.reason", kind: cel.StringType, meaning: "why, in the requester's words", value: func(f Facts) any { return f.Request.Reason }},
	{name: "refund.reason_code", kind: cel.StringType, meaning: "why, as a code", value: func(f Facts) any { return f.Request.ReasonCode }},
	{name: "refund.requested_at", kind: cel.TimestampType, meaning: "when it is asked for", value: func(f Facts) any { return f.At }},
	{name: "charge.amount", kind: cel.IntType, meaning: "what was paid, in minor units", value: func(f Facts) any { return int64(f.Charge.Amount) }},
	{name: "charge.refunded", kind: cel.IntType, meaning: "what earlier refunds gave back or hold, in minor units", value: func(f Facts) any { return int64(f.Charge.Refunded) + int64(f.Charge.Reserved) }},
	{name: "charge.refunds", kind: cel.IntType, meaning: "how many refunds it had, failed ones too", value: func(f Facts) any { return f.Charge.Refunds }},
	{name: "charge.channel", kind: cel.StringType, meaning: "how it was paid, such as \"wx\"", value: func(f Facts) any { return f.Charge.Channel }},
	{name: "charge.paid_at", kind: cel.TimestampType, meaning: "when it was paid", value: func(f Facts) any { return f.Charge.PaidAt }},
	{name: "charge.age_days", kind: cel.IntType, meaning: "whole days since it was paid", value: func(f Facts) any { return int64(f.At.Sub(f.Charge.PaidAt) / day) }},
	{name: "requester.kind", kind: cel.StringType, meaning: "who asks: \"key\", \"user\" or \"command\"", value: func(f Facts) any { return string(f.By.Actor().Kind) }},
	{name: "requester.name", kind: cel.StringType, meaning: "the key's id, the user's address, or the operating system's user", value: func(f Facts) any { return f.By.Actor().Name }},
	{name: "dialect", kind: cel.StringType, meaning: "the API that it came by, such as \"native\"", value: func(f Facts) any { return f.By.Dialect }},
	{name: "customer.id", kind: cel.StringType, meaning: "whose it is: the charge's customer, or else the one that the request names; \"\" where nobody said", value: func(f Facts) any { return f.Customer }},
}, counted()...)

// counted are the fields of earlier refunds, those that ended without success left out.
// A merchant's windows are short: all of its refunds in them are read.
func counted() (out []field) {
	add := func(who, whose, span string, w refund.Window) {
		out = append(out,
			field{
				name: who + ".refunds_" + span, kind: cel.IntType, window: &w, meaning: "earlier refunds of the " + whose + " within " + span + ", without failed and canceled ones",
				value: func(f Facts) any { return f.Recent(w).Count },
			},
			field{
				name: who + ".amount_" + span, kind: cel.IntType, window: &w, meaning: "their sum in minor units, of those in the refund's currency",
				value: func(f Facts) any { return int64(f.Recent(w).Sum) },
			})
	}
	for _, s := range []struct {
		name string
		span time.Duration
	}{{"1h", time.Hour}, {"24h", day}, {"7d", 7 * day}, {"30d", 30 * day}} {
		add("customer", "same customer", s.name, refund.Window{OfCustomer: true, Span: s.span})
	}
	add("merchant", "merchant", "1h", refund.Window{Span: time.Hour})
	add("merchant", "merchant", "24h", refund.Window{Span: day})
	return out
}

var fieldByName = func() map[string]field {
	byName := make(map[string]field, len(fields))
	for _, f := range fields {
		byName[f.name] = f
	}
	return byName
}()

// seen resolves the names of one evaluation.
type seen struct{ facts Facts }

// ResolveName implements cel.Activation.
func (s *seen) ResolveName(name string) (any, bool) {
	f, ok := fieldByName[name]
	if !ok {
		return nil, false
	}
	return f.value(s.facts), true
}

// Parent implements cel.Activation.
func (s *seen) Parent() cel.Activation { return nil }
