package pingpp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// Units finds refunds that were accepted together by their idempotency key.
// That key, and the batch that they are, is written in the transaction that
// accepts them: none of them is there without the others.
type Units interface {
	// Unit is what a key stands for; ok is false for an unknown one.
	Unit(ctx context.Context, merchantID, key string) (unit Unit, ok bool, err error)
	// Batches lists units that are batches of the filter's dialect, newest first.
	Batches(ctx context.Context, f refund.BatchFilter) (units []Unit, more bool, err error)
	// BatchEvent is an event that tells of a batch as one, as it was then; ok is
	// false for an unknown one.
	BatchEvent(ctx context.Context, merchantID, id string) (event refund.StoredEvent, ok bool, err error)
	// BatchEventList lists such events like Reader.EventList; Types are not looked at.
	BatchEventList(ctx context.Context, f refund.EventFilter) (events []refund.StoredEvent, more bool, err error)
}

// Unit is refunds that were accepted together, as they are now.
type Unit = refund.Together

// Keys that no header can hold: they begin with a blank.
const (
	retryKey = " pingpp retry "
	// passwordKey begins the key of a refund that waits for a password.
	passwordKey = " pingpp password "
)

// unitKey is the request's Idempotency-Key. A signed request has another one
// made of all that a transport retry of five clients repeats and a new request
// does not: body, target, timestamp and signature (P1.8-2). So a client that
// sends a refund again because of a broken connection gets the first.
func unitKey(c *call) (string, *refund.Error) {
	key, err := dialect.IdempotencyKey(c.r)
	if err != nil || key != "" {
		return key, err
	}
	timestamp, signature := c.r.Header.Get(wire.HeaderRequestTimestamp), c.r.Header.Get(wire.HeaderRequestSignature)
	if timestamp == "" || signature == "" {
		return "", nil
	}
	hash := sha256.New()
	// No header and no request line holds a line feed.
	hash.Write([]byte(c.r.RequestURI + "\n" + timestamp + "\n" + signature + "\n"))
	hash.Write(c.body)
	return retryKey + hex.EncodeToString(hash.Sum(nil)), nil
}
