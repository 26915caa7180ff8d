package channelsim

import (
	"net/http"
	"time"

	"github.com/refundry/refundry/money"
)

// Side is the server side of one channel. The Simulator calls its methods one at a
// time with the books locked, except where a method says otherwise.
type Side interface {
	// Name is the channel's name: its part of sim.json and what its paths begin with.
	Name() string
	// NewAccount makes the channel's one account, at the first start. shown is its
	// part of sim.json without addresses, kept what the simulator alone knows, such as
	// the platform's private keys.
	NewAccount(now time.Time) (shown, kept map[string]string, err error)
	// Open takes the account up again, at every start, before anything is served.
	// base is the address of the side, such as http://127.0.0.1:9000/wechatpay; shown
	// lacks what Addresses returns.
	Open(base string, shown, kept map[string]string) error
	// Addresses are the members of sim.json that depend on the address of the side,
	// such as {"base_url": base}.
	Addresses(base string) map[string]string

	// Settings are the settings and secrets of a channel account that belongs to a part
	// of sim.json, by the names that `refundry account channels` prints.
	Settings(shown map[string]string) map[string]string

	// Authenticate checks who calls, and returns the answer to a caller who can't prove
	// it, nil else. It is called without the lock and by many goroutines at once, and
	// must not look at the books.
	Authenticate(c *Call) *Answer
	// Serve answers a request below the side's name; Call.Path says which.
	Serve(c *Call) Answer
	// Sign adds to an answer what proves it; wrong asks for a proof that does not hold.
	// It is called without the lock, as Authenticate is. A channel that signs no answers
	// leaves the answer alone.
	Sign(c *Call, a *Answer, wrong bool)
	// Throttled is the answer to a caller who asks too often.
	Throttled(c *Call) Answer
	// ShortOfFunds is the answer where the merchant's balance is too small. Nothing was
	// created.
	ShortOfFunds(c *Call) Answer
	// Switch changes which of the channel's keys signs from here on, where the caller
	// does not ask for one. Call.Switched says so of a single answer.
	Switch()
	// Lacks reports whether the channel can't have a fault in a phase, because it has
	// nothing of the kind (no signed answers, no notices, no bill). Sensible says what
	// makes sense at all.
	Lacks(phase Phase, fault Fault) bool

	// PaymentID and RefundID make the channel's own numbers of the n-th, counted from 1.
	PaymentID(n int64, at time.Time) string
	RefundID(n int64, at time.Time) string
	// CheckPayment refuses a payment that the channel can't have had, and fills in what
	// was left open.
	CheckPayment(p *Payment) error

	// Notice renders the notice of a change, again for every attempt. ok is false where
	// the channel sends none of it.
	Notice(n Notice) (out Outgoing, ok bool)
	// Accepted reports whether the answer to a notice ends its retries.
	Accepted(status int, body []byte) bool
	// NoticeDelays are the pauses before each further attempt.
	NoticeDelays() []time.Duration

	// Zone is the time zone in which the channel's days begin.
	Zone() *time.Location
	// Bill renders the bill of a day, of the rows that it shall show.
	Bill(books *Books, day time.Time, rows []Refund) (contentType string, body []byte)
}

// Rooted is a side whose official clients can't be given an address with a path: it is
// called at the simulator's root too, by the paths that AtRoot knows.
type Rooted interface{ AtRoot(path string) bool }

// Disputer is a side whose payers may dispute a payment.
type Disputer interface {
	// Dispute opens a dispute of a payment, or moves it on. The amount is the whole
	// payment's where it is 0.
	Dispute(books *Books, p *Payment, amount money.Minor, status string) error
}

// Answer is what a side answers.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Abort closes the connection in place of an answer.
	Abort bool
}

// Set sets a header.
func (a *Answer) Set(name, value string) {
	if a.Header == nil {
		a.Header = make(http.Header)
	}
	a.Header.Set(name, value)
}

// Notice is one attempt to tell a merchant of a change.
type Notice struct {
	Books *Books
	// ID is the notice's own, the same for every attempt; it has letters, digits and
	// hyphens.
	ID string
	// Event is the side's own name of what Books.Tell tells of, "" for the change of a
	// refund's state.
	Event string
	// Refund is as the notice shall show it: right after the change, and with a wrong
	// amount where that is the fault.
	Refund  Refund
	Payment Payment
	// URL is the address that the account names (POST /sim/notify), "" for none.
	URL string
	// At is the time of the attempt by the clock that signatures go by, which POST
	// /sim/clock does not move.
	At time.Time
	// Wrong asks for a signature that does not hold.
	Wrong bool
}

// Outgoing is a rendered notice, sent by POST.
type Outgoing struct {
	URL    string
	Header http.Header
	Body   []byte
}

// Payment is a payment that was made at a channel.
type Payment struct {
	Channel       string
	TransactionID string
	// Number is the merchant's order number.
	Number   string
	Amount   money.Minor
	Currency money.Currency
	Coupons  []Coupon
	PaidAt   time.Time
	// Attributes are what else the channel knows of it, by the side's own names.
	Attributes map[string]string
}

// Coupon is a discount on a payment, as the native API names it.
type Coupon struct {
	ID     string      `json:"id"`
	Scope  string      `json:"scope"`
	Type   string      `json:"type"`
	Amount money.Minor `json:"amount"`
}

// State is the state of a refund in a channel's books.
type State string

// The states of refunds.
const (
	Processing State = "processing"
	Succeeded  State = "succeeded"
	Failed     State = "failed"
	Abnormal   State = "abnormal"
	// Returned is a refund that succeeded and came back later.
	Returned State = "returned"
)

// Refund is a refund in a channel's books. Its state is changed by Books alone.
type Refund struct {
	Channel string
	// ID is the channel's number of it, Number the merchant's.
	ID, Number    string
	TransactionID string
	Amount        money.Minor
	Currency      money.Currency
	State         State
	// Moves is how often the payer was given the money.
	Moves     int
	CreatedAt time.Time
	// EndedAt is when the state became what it is, and SucceededAt when the payer was
	// given the money.
	EndedAt, SucceededAt time.Time
	// Foreign says that it was made in the channel's own console.
	Foreign bool
	// NotifyURL is the address that the request names, "" for the account's.
	NotifyURL string
	// Attributes are what else the channel keeps of it, by the side's own names.
	Attributes map[string]string

	before *Refund // as it was before its last change
}
