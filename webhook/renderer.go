package webhook

import (
	"context"
	"net/http"
	"time"

	"github.com/refundry/refundry/merchant"
)

// Known is what a dialect has read of a merchant to render its events. Which
// members are filled in is the dialect's matter.
type Known struct {
	// Identities are the merchant's, with their secrets and platform keys.
	Identities []merchant.Identity
	// Key is the platform key in use that signs.
	Key merchant.PlatformKey
}

// Identity finds an identity of a dialect by its name; not one that is damaged.
func (k Known) Identity(dialect, name string) (merchant.Identity, bool) {
	for _, identity := range k.Identities {
		if identity.Dialect == dialect && identity.Name == name {
			return identity, !identity.Unreadable
		}
	}
	return merchant.Identity{}, false
}

// Message is an event as one address is sent it, the same at every try.
type Message struct {
	// URL is where it is sent; "" is the endpoint's.
	URL string
	// KeyID names the platform key or secret that signs each try, for Sign.
	KeyID string
	Body  []byte // nil is empty
}

// Renderer turns events into one dialect's messages, signs them and judges the
// answers. Only Know and Sign read anything; the others decide by their
// arguments and the clock alone, and may be called any number of times.
type Renderer interface {
	// Know reads what the dialect must know of a merchant before its events
	// can be rendered. It is called outside every transaction, about once for
	// all of a merchant's new events, and ends with ctx. Something that is
	// absent is no error: Render says what it misses. After an error the
	// dialect's deliveries are made later; events get their numbers all the
	// same.
	Know(ctx context.Context, merchantID string) (Known, error)
	// Subscribed reports whether an endpoint gets an event; with no types
	// named, the dialect's promise decides. Where known lacks what decides, as
	// when it could not be read, it returns true: it is asked once more when
	// the delivery is made.
	Subscribed(known Known, endpoint merchant.Endpoint, event Event) bool
	// Render makes what is sent to an endpoint that is subscribed. After an
	// error it is called again later, until the delivery is given up.
	Render(known Known, endpoint merchant.Endpoint, event Event) (Message, error)
	// Sign adds the headers of one try: content type and signature. keyID is
	// the message's.
	Sign(ctx context.Context, keyID string, body []byte, header http.Header) error
	// Succeeded reports whether an answer to a delivery means "received".
	Succeeded(d merchant.Delivery, status int, body []byte) bool
	// Schedule lists the waits before each retry; after the last the
	// delivery is dead.
	Schedule() []time.Duration
}

// Addresser is a renderer whose dialect also notifies addresses that came with
// a refund or its charge, not only the endpoints that are on record.
type Addresser interface {
	// Addresses returns them as endpoints without an id, none for most events.
	// Each is asked for Subscribed like any other.
	Addresses(event Event) []merchant.Endpoint
}

// Repeater is a renderer whose dialect may send an event more than once, or
// later than at once.
type Repeater interface {
	// Waits lists how long each delivery of an event to an address is put off;
	// nil is one delivery at once.
	Waits(event Event) []time.Duration
}

// Getter is a renderer whose dialect may send by GET: the address says it all,
// and there is no body.
type Getter interface {
	// ByGET reports whether all its messages are sent so.
	ByGET() bool
}

// PlainGuarder is a renderer whose dialect takes addresses by plain http, where
// they come with a request, only within the networks that the operator allows.
type PlainGuarder interface {
	// PlainGuarded reports whether that is so.
	PlainGuarded() bool
}
