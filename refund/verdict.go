package refund

import (
	"math"
	"time"

	"github.com/refundry/refundry/money"
)

// Asked is a refund that is about to be accepted, as policies judge it.
type Asked struct {
	// Charge is as it is without the refund.
	Charge  Charge
	Request Request
	// Amount is what the refund will be, and Customer the first of Charge.Customers, ""
	// for nobody's.
	Amount   money.Minor
	Customer string
	By       Asker
	// At is when it is asked for.
	At time.Time
}

// Verdict is what policies say of a refund. The zero Verdict accepts it.
type Verdict struct {
	// Policy decided; zero where none did.
	Policy PolicyRef
	// Refuse turns the refund away. Otherwise, with Until set, it is held for an
	// approval, and canceled then if nobody approved it.
	Refuse bool
	Until  time.Time
	// Why says it for people.
	Why string
	// Alert, if not "", is what an operator has to put right: a policy that could not
	// be evaluated.
	Alert string
}

// Holds reports whether the refund waits for an approval.
func (v Verdict) Holds() bool { return !v.Refuse && !v.Until.IsZero() }

// Window is a span of time before a request in which earlier refunds are counted.
type Window struct {
	// OfCustomer counts those of the same customer, of several the most; else all of
	// the merchant.
	OfCustomer bool
	Span       time.Duration
}

// Recent are the earlier refunds of a window that did not end without success.
type Recent struct {
	Count int64
	// Sum is of those in the currency of the request, in minor units.
	Sum money.Minor
}

// Plus adds two counts up. A sum that is more than 64 bits hold stays at the most
// that they do.
func (r Recent) Plus(more Recent) Recent {
	sum, ok := money.Add(r.Sum, more.Sum)
	if !ok {
		sum = math.MaxInt64
	}
	return Recent{Count: r.Count + more.Count, Sum: sum}
}

// Most is the greater of two counts, and of their sums.
func (r Recent) Most(other Recent) Recent {
	return Recent{Count: max(r.Count, other.Count), Sum: max(r.Sum, other.Sum)}
}

// WindowAsk asks for the earlier refunds of one customer, or of all where Customer is
// "", since a time. A customer's are those of their charges, and those that name them.
type WindowAsk struct {
	MerchantID, Customer string
	Currency             money.Currency
	Since                time.Time
}

// Policies judge refunds before they are accepted. A merchant without policies has
// none, and pays nothing.
type Policies interface {
	// Windows are those that Judge asks for.
	Windows() []Window
	// Apart reports whether refunds of the merchant are better judged apart from other
	// merchants': earlier ones have to be counted, or judging costs much.
	Apart() bool
	// Judge is a pure function of what it is passed.
	Judge(asked Asked, recent func(Window) Recent) Verdict
}

// judge has the policies judge a refund. It returns the verdict, or the error of a
// refund that they refuse.
func (b RuleBook) judge(asked Asked) (Verdict, *Error) {
	if b.Judge == nil {
		return Verdict{}, nil
	}
	v := b.Judge(asked)
	if !v.Refuse {
		return v, nil
	}
	e := Errorf(KindPolicyRefused, "", "a policy of the merchant refuses the refund")
	e.Charge, e.More = asked.Charge.ID, v.Why
	return Verdict{}, e
}
