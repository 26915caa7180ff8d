package channelsim

import (
	"net/http"
	"net/url"
	"time"

	"github.com/refundry/refundry/money"
)

// Call is one request to a side.
type Call struct {
	Method string
	// Path is the path below the side's name, decoded, such as
	// "/v3/refund/domestic/refunds"; Target is the request target as it was sent behind
	// the side's name, which is what callers sign.
	Path, Target string
	Query        url.Values
	Header       http.Header
	Body         []byte
	// At is when it came, by the clock that signatures go by: POST /sim/clock moves the
	// books' time (Books.Now) and not this one, because callers' clocks are not moved.
	At    time.Time
	Books *Books
	// Caller is for the side: Authenticate leaves there what Serve and Sign need.
	Caller any

	sim   *Simulator
	phase Phase
	fault Fault
	step  Step
	key   string
	shown bool // something was shown that the fault may spoil
	quiet bool // repeated by the network: no fault, no answer
}

// Begin says what a call asks for: its step, and the refund's number, the payment's or
// the bill's day. It returns an answer where a fault takes the call's place, and the
// side returns that; nil else.
func (c *Call) Begin(step Step, key string) *Answer {
	c.step, c.key = step, key
	if step == StepSubmit {
		c.Books.submits[key]++
	}
	if c.quiet {
		return nil
	}
	c.phase, c.fault = c.sim.faults.draw(c.Books.side, step, key)
	switch c.fault {
	case DropBefore:
		c.hit()
		return &Answer{Abort: true}
	case ShortOfFunds:
		c.hit()
		return c.refuse(c.Books.side.ShortOfFunds(c))
	case Throttle:
		if c.phase == AfterMove {
			return nil
		}
		c.hit()
		return c.refuse(c.Books.side.Throttled(c))
	case Delay, Reorder:
		if c.phase != BeforeMove {
			return nil
		}
		c.hit()
		c.sim.postpone(c, c.fault)
		return &Answer{Abort: true}
	}
	return nil
}

// refuse ends the fault: the rest of the answer is as it should be.
func (c *Call) refuse(a Answer) *Answer {
	c.fault = ""
	return &a
}

// Switched reports whether the answer shall be signed by another of the channel's keys
// than by rights.
func (c *Call) Switched() bool { return c.fault == CertificateSwitch }

func (c *Call) hit() { c.sim.faults.hit(c.Books.side, c.phase, c.fault) }

// Refund finds a refund for a query, by the merchant's number; nil for none. A query
// that is overtaken by the refund's own request does not find it yet.
func (c *Call) Refund(number string) *Refund {
	r := c.Books.Refund(number)
	if r != nil && c.fault == Reorder && r.before == nil && c.Books.Now().Sub(r.CreatedAt) < lateBy {
		c.hit()
		c.fault = ""
		return nil
	}
	return r
}

// View is what the answer shall show of a refund.
func (c *Call) View(r *Refund) Refund {
	one := r.copy()
	c.shown = true
	if c.fault == WrongAmount && r.Foreign {
		return one // nobody but the channel knows its amount: a lie told twice would be the truth
	}
	switch c.fault {
	case WrongAmount:
		one.Amount = wrong(one.Amount)
		c.hit()
		c.fault = ""
	case Reorder:
		if r.before != nil {
			one = r.before.copy()
			c.hit()
		}
		c.fault = ""
	case LateReturn:
		c.hit()
		c.fault = ""
		c.sim.later(returnAfter, func() { c.Books.Decide(r, Returned) })
	}
	return one
}

// Amount is what the answer shall show of a payment's amount.
func (c *Call) Amount(p *Payment) money.Minor {
	if c.fault != WrongAmount {
		return p.Amount
	}
	c.hit()
	c.fault = ""
	return wrong(p.Amount)
}

// BillRows are the refunds that the bill of a day shall show, by when they were made.
// Day is midnight in the side's zone.
func (c *Call) BillRows(day time.Time) []Refund {
	rows := c.Books.between(day, day.AddDate(0, 0, 1))
	if c.fault != LyingBill || len(rows) == 0 {
		return rows
	}
	c.hit()
	c.fault = ""
	cell := Cell{c.Books.side.Name(), InBill, LyingBill}
	last := len(rows) - 1
	if c.sim.faults.hits[cell]%2 == 1 {
		return rows[:last]
	}
	rows[last].Amount = wrong(rows[last].Amount)
	return rows
}

// wrong is another amount.
func wrong(amount money.Minor) money.Minor {
	if amount > 1 {
		return amount - 1
	}
	return amount + 1
}

const (
	// returnAfter is how long after its request a refund is sent back by the bank.
	returnAfter = 26 * time.Hour
	// lateBy is how long a request or notice takes that arrives late: longer than its
	// sender waits, and shorter than any channel's settling time.
	lateBy = 40 * time.Second
)
