// Package webhook tells merchants what happened: it gives new events their
// feed numbers and writes a delivery for each address that subscribed
// (fan-out), sends due deliveries signed, and keeps the record of every try.
package webhook

import (
	"context"
	"net/http"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Event is a stored event with what it is about, as it was right then.
type Event struct {
	MerchantID string
	// Mode is the merchant's, for bodies that say so.
	Mode      merchant.Mode
	ID        string
	Type      string
	At        time.Time
	RequestID string
	Refund    refund.Refund
	Charge    refund.Charge
	// Together is what an event about a batch of refunds is about, nil in all
	// others; Refund and Charge are then the first of them.
	Together *refund.Together
	// Pending is how many deliveries this event gets, for bodies that say so.
	Pending int
}

// Renderer turns events into one dialect's words.
type Renderer interface {
	// Subscribed reports whether an endpoint gets this event; with no types
	// named, the dialect's promise decides.
	Subscribed(endpoint merchant.Endpoint, event Event) bool
	// Render gives the body that is sent, the same at every try. It is called
	// inside the fan-out's transaction, and should read nothing but the event.
	Render(ctx context.Context, endpoint merchant.Endpoint, event Event) ([]byte, error)
	// Sign adds the headers of one try: content type and signature. keyID
	// names the platform key that the delivery keeps.
	Sign(ctx context.Context, keyID string, body []byte, header http.Header) error
	// KeyID names the key that signs new deliveries to an endpoint.
	KeyID(ctx context.Context, endpoint merchant.Endpoint) (string, error)
	// Succeeded reports whether an answer to a delivery means "received".
	Succeeded(d merchant.Delivery, status int, body []byte) bool
	// Schedule lists the waits before each retry; after the last the
	// delivery is dead.
	Schedule() []time.Duration
}

// Addresser is a renderer whose dialect also tells addresses that came with a
// refund or its charge, not only the endpoints that are on record.
type Addresser interface {
	// Addresses gives them as endpoints without an id, none for most events.
	// Each is asked for Subscribed like any other.
	Addresses(event Event) []merchant.Endpoint
}

// Repeater is a renderer whose dialect may have an event told more than once,
// or later than at once.
type Repeater interface {
	// Waits lists how long each delivery of an event to an address is put off;
	// nil is one delivery at once.
	Waits(event Event) []time.Duration
}

// Getter is a renderer whose dialect tells by GET: the address says it all,
// and there is no body.
type Getter interface {
	// Address is the endpoint's with what the event adds to its query.
	Address(endpoint merchant.Endpoint, event Event) (string, error)
}

// Store is what webhook needs of the database.
type Store interface {
	// FanOut takes a merchant's new events, at most limit, oldest first, in
	// one short transaction: numbers them, and writes the deliveries that plan
	// makes of them for the endpoints in use. It gives how many events it
	// numbered. A repeated transaction calls plan again. Only one FanOut of a
	// merchant is under way at a time, in all processes.
	FanOut(ctx context.Context, merchantID string, limit int, plan func([]Event, []merchant.Endpoint) ([]merchant.Delivery, error)) (int, error)
	// MerchantsWithNewEvents lists merchants that have events without a number.
	MerchantsWithNewEvents(ctx context.Context, limit int) ([]string, error)
	// DueDeliveries lists deliveries that are due, oldest first, without locks
	// and without those to the named hosts.
	DueDeliveries(ctx context.Context, now time.Time, without []string, limit int) ([]merchant.DeliveryKey, error)
	// ClaimDeliveries compares and sets each epoch, and gives those it got
	// under a lease until then. The commit is over when it returns.
	ClaimDeliveries(ctx context.Context, keys []merchant.DeliveryKey, now, until time.Time) ([]merchant.Delivery, error)
	// ReturnDeliveries gives leases back: what still holds them is due now.
	ReturnDeliveries(ctx context.Context, deliveries []merchant.Delivery, now time.Time) error
	// SaveAttempts records tries and what they lead to; one whose lease was
	// lost is recorded and changes nothing else, and one whose delivery was
	// deleted is dropped.
	SaveAttempts(ctx context.Context, attempts []merchant.DeliveryAttempt) error
}
