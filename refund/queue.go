package refund

import (
	"math/big"
	"time"

	"github.com/refundry/refundry/money"
)

// Queue is a list of what waits for a person.
type Queue string

// The queues.
const (
	// QueueAbnormal are refunds that the payer's account could not take.
	QueueAbnormal Queue = "abnormal"
	// QueueFunds are refunds that wait until the merchant's balance at the channel
	// suffices.
	QueueFunds Queue = "funds"
	// QueueUnknown are refunds of which only a person can find out what became.
	QueueUnknown Queue = "unknown"
	// QueueDeliveries are webhooks that were given up and that nobody sent again.
	QueueDeliveries Queue = "deliveries"
	// QueueForeign are refunds that a channel made without us, charges of which
	// more went back than was paid, and refunds that failed because their payment
	// is registered twice.
	QueueForeign Queue = "foreign"
)

// Queues lists all, in the order of their urgency.
func Queues() []Queue {
	return []Queue{QueueAbnormal, QueueFunds, QueueUnknown, QueueDeliveries, QueueForeign}
}

// MaxQueueCount bounds what QueueCounts counts of each queue: a number of this size
// says as much as any above it.
const MaxQueueCount = 1000

// QueueCounts are how many wait in each queue, at most MaxQueueCount of each.
type QueueCounts map[Queue]int64

// CodeTwice is the failure code of a refund whose payment is registered twice.
const CodeTwice = "PAYMENT_REGISTERED_TWICE"

// Shortage is what one channel account lacks of one currency.
type Shortage struct {
	Account  string
	Currency money.Currency
	// Refunds is how many wait, and Needed their sum in minor units, which may need
	// more than 64 bits.
	Refunds int64
	Needed  *big.Int
	// Since is when the oldest of them was made.
	Since time.Time
}
