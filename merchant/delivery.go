package merchant

import "time"

// Delivery is one event on its way to one address. It keeps the address, the
// key and the bytes of its first try for all that follow.
type Delivery struct {
	MerchantID string
	ID         string
	CreatedAt  time.Time
	EventID    string
	EndpointID string
	Dialect    string
	URL        string
	// Host is the URL's host and port, by which sending is bounded.
	Host  string
	KeyID string
	Body  []byte
	// Attempts counts the tries on record.
	Attempts int64
	// DueAt is when it is sent next; LeaseUntil while a lease holds.
	DueAt      time.Time
	LeaseEpoch int64
	LeaseUntil time.Time // zero: nobody holds one
	// Problem says why its key, address or body could not be made, "" once it
	// is made. MakeAt is when that is tried again, zero when it is not.
	Problem string
	MakeAt  time.Time
}

// DeliveryKey names a delivery row as a look without locks saw it.
type DeliveryKey struct {
	MerchantID string
	CreatedAt  time.Time
	ID         string
	LeaseEpoch int64
	Host       string
}

// Key names the delivery under the lease that it has.
func (d Delivery) Key() DeliveryKey {
	return DeliveryKey{MerchantID: d.MerchantID, CreatedAt: d.CreatedAt, ID: d.ID, LeaseEpoch: d.LeaseEpoch, Host: d.Host}
}

// DeliveryAttempt is one try of a delivery and what it leads to.
type DeliveryAttempt struct {
	Delivery Delivery
	At       time.Time
	// Status is the HTTP status, 0 when there was no answer; Error says why
	// the try failed where the status does not.
	Status   int
	Error    string
	Duration time.Duration
	// Delivered or Dead end the delivery; else it is due again at Next.
	Delivered, Dead bool
	Next            time.Time
}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states. DeliveryDead is the end of a delivery that nobody took: it stays
// on record, and in the log.
const (
	DeliveryWaiting DeliveryState = "waiting"
	Delivered       DeliveryState = "delivered"
	DeliveryDead    DeliveryState = "dead"
)

// DeliveryRecord is what is kept of a delivery, for whoever asks what became
// of it.
type DeliveryRecord struct {
	Delivery Delivery
	State    DeliveryState
	EndedAt  time.Time // zero while it waits
	// ReplayedAt is when somebody had it sent once more; zero: nobody did.
	ReplayedAt time.Time
	Tries      []DeliveryTry // oldest first
}

// DeliveryTry is what is kept of one try.
type DeliveryTry struct {
	At       time.Time
	Status   int
	Error    string
	Duration time.Duration
}

// DeliveryFilter selects deliveries; zero members select all.
type DeliveryFilter struct {
	MerchantID, EventID, EndpointID string
	State                           DeliveryState
	// Waiting selects dead deliveries that nobody has sent again; State is then "".
	Waiting bool
}

// DeliverySummary is how often one dialect's addresses were notified of how a
// refund stands, for protocols that show it.
type DeliverySummary struct {
	Tries int64
	// LastAt is the last try, ReceivedAt the first that was answered with
	// "received"; zero for none.
	LastAt, ReceivedAt time.Time
}

// Replay is what became of a delivery that was to be sent again.
type Replay struct {
	// Of is the delivery's id, and Again the one that was made of it; zero where
	// Problem says why not.
	Of      string
	Again   Delivery
	Problem string
}
