// Package webhook notifies merchants of what happened: it gives new events
// their feed numbers and makes a delivery for each address that subscribed
// (fan-out), sends due deliveries signed, and keeps the record of every try.
package webhook

import (
	"context"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// EventKind says what an event is about, and where it is kept.
type EventKind int

// The kinds. Only events about refunds are in the feed and have a number.
const (
	AboutRefund EventKind = iota
	// AboutBatch is an event about a batch of refunds that has ended. The
	// fan-out itself makes it, of the refunds' events.
	AboutBatch
	// AboutPayment is an event about a charge that was paid. Its ID is the
	// charge's.
	AboutPayment
	// AboutDispute is an event about a dispute of a charge.
	AboutDispute
	// AboutAlert is an alert that was raised. Its ID is the alert's.
	AboutAlert
)

// Event is a stored event with what it is about, as it was right then.
type Event struct {
	Kind       EventKind
	MerchantID string
	// Mode is the merchant's, for bodies that show it.
	Mode      merchant.Mode
	ID        string
	Type      string
	At        time.Time
	RequestID string
	Refund    refund.Refund // zero in an event about a payment, a dispute or an alert
	Charge    refund.Charge
	// Dispute is what an event about a dispute is about, nil in all others.
	Dispute *refund.Dispute
	// Alert is what an event about an alert is about, nil in all others.
	Alert *refund.StoredAlert
	// Together is what an event about a batch of refunds is about, nil in all
	// others; Refund and Charge are then the first of them.
	Together *refund.Together
	// Pending is how many deliveries this event gets, for bodies that show it.
	Pending int
	// Err says why the event could not be read; nothing but Kind, MerchantID,
	// Mode, ID and At is filled in then.
	Err error
}

// News is what a fan-out reads of one merchant before it makes deliveries.
type News struct {
	MerchantID string
	// Events are new: those about payments, then those about refunds, oldest
	// first, which have no feed number yet, then those about batches, about
	// disputes and about alerts.
	Events []Event
	// Endpoints are those in use.
	Endpoints []merchant.Endpoint
}

// Making is what came of making a delivery that could not be made at first.
type Making struct {
	// Delivery is as it shall be kept: made, with DueAt, if its Problem is "";
	// else not made, to be made at MakeAt, or dead where that is zero.
	Delivery merchant.Delivery
	// Before is the MakeAt that was read. The delivery is left alone if
	// another process has changed it since.
	Before time.Time
	// Withdrawn deletes the delivery: its address is not to be notified.
	Withdrawn bool
	At        time.Time
}

// Store is what the sender needs of the database.
type Store interface {
	Feed
	Makings
	Queue
}

// Feed is where new events are found.
type Feed interface {
	// MerchantsWithNewEvents lists merchants that have new events, by their
	// ids, from the first behind after. It locks nothing.
	MerchantsWithNewEvents(ctx context.Context, after string, limit int) ([]string, error)
	// News reads a merchant's new events, at most limit of each kind, and its
	// endpoints. It locks nothing. An event that can't be read is there with
	// its Err.
	News(ctx context.Context, merchantID string, limit int) (News, error)
	// FanOut takes over what News returned, in one short transaction: the
	// events get their numbers and the deliveries are written. It returns
	// false, and changes nothing, where another process is at it or what was
	// read has changed; later News shows what is left.
	FanOut(ctx context.Context, news News, deliveries []merchant.Delivery) (bool, error)
}

// Makings is where deliveries are found that could not be made.
type Makings interface {
	// Unmade lists deliveries whose MakeAt has come, oldest first. It locks
	// nothing.
	Unmade(ctx context.Context, now time.Time, limit int) ([]merchant.Delivery, error)
	// Subject reads the event of a delivery and its endpoint, which is zero
	// for an address that came with the event. KindNotFound where the event is
	// gone or the endpoint no longer in use.
	Subject(ctx context.Context, d merchant.Delivery) (Event, merchant.Endpoint, error)
	// SaveMakings records what came of making deliveries.
	SaveMakings(ctx context.Context, makings []Making) error
}

// Queue is where deliveries wait for their time.
type Queue interface {
	// DueDeliveries lists deliveries that are due, oldest first. It locks
	// nothing.
	DueDeliveries(ctx context.Context, now time.Time, limit int) ([]merchant.DeliveryKey, error)
	// MerchantsWithDueDeliveries lists merchants that have due deliveries, by
	// their ids, from the first behind after. It locks nothing.
	MerchantsWithDueDeliveries(ctx context.Context, after string, now time.Time, limit int) ([]string, error)
	// DueDeliveriesOf lists due deliveries of one merchant, oldest first, without
	// those to the named hosts. It locks nothing.
	DueDeliveriesOf(ctx context.Context, merchantID string, now time.Time, without []string, limit int) ([]merchant.DeliveryKey, error)
	// ClaimDeliveries compares and sets each epoch, and returns those it got
	// under a lease until then. The commit is over when it returns.
	ClaimDeliveries(ctx context.Context, keys []merchant.DeliveryKey, now, until time.Time) ([]merchant.Delivery, error)
	// ReturnDeliveries gives leases back: what has the epochs of keys still is
	// due at the given time.
	ReturnDeliveries(ctx context.Context, keys []merchant.DeliveryKey, at time.Time) error
	// SaveAttempts records tries and what they lead to; one whose lease was
	// lost is recorded and changes nothing else, and one whose delivery was
	// deleted is dropped. It returns the places of those that were left because
	// another transaction holds the delivery.
	SaveAttempts(ctx context.Context, attempts []merchant.DeliveryAttempt) (held []int, err error)
}
