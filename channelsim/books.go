package channelsim

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/refundry/refundry/money"
)

// ErrTooMuch: a refund would give back more than was paid.
var ErrTooMuch = errors.New("more than is left of the payment")

// Books are the payments and refunds of one channel. Sides use them while they are
// called with the books locked, and at no other time.
type Books struct {
	sim      *Simulator
	side     Side
	payments []*Payment
	refunds  []*Refund

	paymentOf map[string]*Payment // by transaction id
	orderOf   map[string]*Payment // by the merchant's number
	refundOf  map[string]*Refund  // by the channel's id
	numberOf  map[string]*Refund  // by the merchant's number, the first that has it
	refundsOf map[string][]*Refund
	submits   map[string]int // by the merchant's number
	made      int64          // refund ids
}

func newBooks(sim *Simulator, side Side) *Books {
	return &Books{
		sim: sim, side: side, paymentOf: map[string]*Payment{}, orderOf: map[string]*Payment{}, refundOf: map[string]*Refund{},
		numberOf: map[string]*Refund{}, refundsOf: map[string][]*Refund{}, submits: map[string]int{},
	}
}

// Now is the time by the simulator's clock.
func (b *Books) Now() time.Time { return b.sim.now() }

// Payment finds a payment by the channel's number, nil for none.
func (b *Books) Payment(transactionID string) *Payment { return b.paymentOf[transactionID] }

// PaymentByNumber finds a payment by the merchant's order number, nil for none.
func (b *Books) PaymentByNumber(number string) *Payment { return b.orderOf[number] }

// Refund finds a refund by the merchant's number, nil for none; where several have it,
// the oldest.
func (b *Books) Refund(number string) *Refund { return b.numberOf[number] }

// RefundByID finds a refund by the channel's number, nil for none.
func (b *Books) RefundByID(id string) *Refund { return b.refundOf[id] }

// RefundsOf are the refunds of a payment, oldest first.
func (b *Books) RefundsOf(p *Payment) []*Refund { return b.refundsOf[p.TransactionID] }

// Taken is what a payment's refunds take of it in minor units: those that were paid and
// those that may yet be.
func (b *Books) Taken(p *Payment) money.Minor {
	var sum money.Minor
	for _, r := range b.RefundsOf(p) {
		if r.State != Failed && r.State != Returned {
			sum += r.Amount
		}
	}
	return sum
}

// Create makes a refund of a payment with the number, amount, address and attributes of
// r, processing, and succeeding after settle; at once where settle is 0, and never by
// itself where it is negative. The error is ErrTooMuch. Whether the number was used
// before is for the side to look at.
func (b *Books) Create(p *Payment, r Refund, settle time.Duration) (*Refund, error) {
	if r.Amount <= 0 || r.Amount > p.Amount-b.Taken(p) {
		return nil, ErrTooMuch
	}
	b.made++
	now := b.Now()
	made := &Refund{
		Channel: b.side.Name(), ID: b.side.RefundID(b.made, now), Number: r.Number, TransactionID: p.TransactionID, Amount: r.Amount, Currency: p.Currency,
		State: Processing, CreatedAt: now, EndedAt: now, Foreign: r.Foreign, NotifyURL: r.NotifyURL, Attributes: maps.Clone(r.Attributes),
	}
	b.refunds = append(b.refunds, made)
	b.refundOf[made.ID] = made
	b.refundsOf[p.TransactionID] = append(b.refundsOf[p.TransactionID], made)
	if b.numberOf[made.Number] == nil {
		b.numberOf[made.Number] = made
	}
	b.sim.notify(b, made)
	b.settle(made, settle)
	return made, nil
}

// settle has a refund succeed after a time.
func (b *Books) settle(r *Refund, after time.Duration) {
	switch {
	case after == 0:
		b.Decide(r, Succeeded)
	case after > 0:
		b.sim.later(after, func() {
			if r.State == Processing {
				b.Decide(r, Succeeded)
			}
		})
	}
}

// Reroute sends an abnormal refund elsewhere: it is processed again, with the attributes
// added, and succeeds after settle. It reports whether the refund was abnormal.
func (b *Books) Reroute(r *Refund, attributes map[string]string, settle time.Duration) bool {
	if r.State != Abnormal {
		return false
	}
	r.change(func() {
		if r.Attributes == nil {
			r.Attributes = make(map[string]string)
		}
		maps.Copy(r.Attributes, attributes)
		r.State, r.EndedAt = Processing, b.Now()
	})
	b.settle(r, settle)
	return true
}

// Decide moves a refund to a state and tells the merchant. It reports whether the
// refund could go there: one that failed or was returned stays as it is, and only one
// that succeeded is returned.
func (b *Books) Decide(r *Refund, state State) bool {
	open := r.State == Processing || r.State == Abnormal
	switch {
	case r.State == state:
		return true
	case state == Returned && r.State != Succeeded, state != Returned && !open, state == Processing:
		return false
	}
	r.change(func() {
		r.State, r.EndedAt = state, b.Now()
		if state == Succeeded {
			r.SucceededAt = r.EndedAt
			r.Moves++
		}
	})
	b.sim.notify(b, r)
	return true
}

// Tell tells the merchant of an event that is no change of a refund's state. r is what
// the notice shows; it need not be in the books.
func (b *Books) Tell(p *Payment, r Refund, event string) { b.sim.tell(b, p, &r, event) }

// Refunds are all refunds, oldest first, and Payments all payments.
func (b *Books) Refunds() []*Refund { return b.refunds }

// Payments are all payments, oldest first.
func (b *Books) Payments() []*Payment { return b.payments }

// change keeps how a refund was before what do does to it.
func (r *Refund) change(do func()) {
	before := r.copy()
	do()
	r.before = &before
}

func (r *Refund) copy() Refund {
	one := *r
	one.Attributes, one.before = maps.Clone(r.Attributes), nil
	return one
}

// between are the refunds that were made in a span of time, oldest first.
func (b *Books) between(from, until time.Time) []Refund {
	var rows []Refund
	for _, r := range b.refunds {
		if !r.CreatedAt.Before(from) && r.CreatedAt.Before(until) {
			rows = append(rows, r.copy())
		}
	}
	return rows
}

// addPayment adds a payment. A number of an order is paid once.
func (b *Books) addPayment(p Payment) (*Payment, error) {
	if p.Amount <= 0 {
		return nil, errors.New("amount must be more than 0, in minor units")
	}
	if p.Number == "" {
		return nil, errors.New("number is missing: the merchant's order number")
	}
	if b.orderOf[p.Number] != nil {
		return nil, errors.New("this order number was paid before")
	}
	p.Channel = b.side.Name()
	if p.PaidAt.IsZero() {
		p.PaidAt = b.Now()
	}
	if err := b.side.CheckPayment(&p); err != nil {
		return nil, err
	}
	if p.TransactionID == "" {
		p.TransactionID = b.side.PaymentID(int64(len(b.payments)+1), p.PaidAt)
	}
	if b.paymentOf[p.TransactionID] != nil {
		return nil, errors.New("this transaction id was paid before")
	}
	added := &p
	b.payments = append(b.payments, added)
	b.paymentOf[p.TransactionID], b.orderOf[p.Number] = added, added
	return added, nil
}

// Entry is a refund as GET /sim/books shows it.
type Entry struct {
	Channel       string         `json:"channel"`
	Number        string         `json:"number"`
	RefundID      string         `json:"refund_id"`
	TransactionID string         `json:"transaction_id"`
	OrderNo       string         `json:"order_no"`
	Amount        money.Minor    `json:"amount"`
	Currency      money.Currency `json:"currency"`
	State         State          `json:"state"`
	// Submits is how often the number was asked for, Moves how often money moved.
	Submits   int       `json:"submits"`
	Moves     int       `json:"moves"`
	Foreign   bool      `json:"foreign"`
	CreatedAt time.Time `json:"created_at"`
}

func (b *Books) entries() []Entry {
	out := make([]Entry, 0, len(b.refunds))
	for _, r := range b.refunds {
		out = append(out, Entry{
			Channel: r.Channel, Number: r.Number, RefundID: r.ID, TransactionID: r.TransactionID, OrderNo: b.paymentOf[r.TransactionID].Number, Amount: r.Amount,
			Currency: r.Currency, State: r.State, Submits: b.submits[r.Number], Moves: r.Moves, Foreign: r.Foreign, CreatedAt: r.CreatedAt,
		})
	}
	return slices.Clip(out)
}
