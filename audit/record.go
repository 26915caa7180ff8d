package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Record is one action that somebody did.
type Record struct {
	// MerchantID says whose chain it is in; "" is the installation's.
	MerchantID string
	// ID is unique in the chain and sorts by time.
	ID string
	// At has whole microseconds.
	At    time.Time
	Actor Actor
	// Action is what was done, such as "refund.resolve".
	Action string
	// Object is the id of what it was done to.
	Object string
	// RequestID is that of the request, as its answer and the log have it.
	RequestID string
	// Detail says more, by name. It never holds a secret.
	Detail map[string]string

	// Number counts the records of the chain from 1 in the order in which they
	// were linked, and Hash is over this record and the Hash before it, as 64
	// hex digits. Both are empty until the record is linked, after its commit.
	Number int64
	Hash   string
}

// MaxText bounds each text of a record's detail, in bytes. What may be longer,
// such as a key's PEM text, is named and not repeated.
const MaxText = 1024

// New makes a record that is not linked yet. merchantID is "" for the
// installation's chain.
func New(actor Actor, merchantID, action, object string, at time.Time) Record {
	return Record{MerchantID: merchantID, At: at.UTC().Truncate(time.Microsecond), Actor: actor, Action: action, Object: object}
}

// With returns the record with one more detail. A value longer than MaxText is
// cut.
func (r Record) With(name, value string) Record {
	r.Detail = maps.Clone(r.Detail)
	if r.Detail == nil {
		r.Detail = make(map[string]string)
	}
	if len(value) > MaxText {
		value = strings.ToValidUTF8(value[:MaxText], "")
	}
	r.Detail[name] = value
	return r
}

// Check returns an error for a record that must not be written: one without an
// actor or an action.
func (r Record) Check() error {
	if err := r.Actor.Check(); err != nil {
		return fmt.Errorf("record %s: %w", r.Action, err)
	}
	if r.Action == "" {
		return errors.New("a record says what was done")
	}
	return nil
}

// Head is where a chain ends: the number and hash of its last record. The zero
// Head is a chain without records.
type Head struct {
	Number int64
	Hash   string
}

// Link returns the record as the next one of the chain.
func (h Head) Link(r Record) Record {
	r.Number = h.Number + 1
	r.Hash = h.hash(r)
	return r
}

// Follows reports whether the record is the next one of the chain, as it was
// linked.
func (h Head) Follows(r Record) bool { return r.Number == h.Number+1 && r.Hash == h.hash(r) }

// hash is over each text with its length, so that no two records are written
// alike.
func (h Head) hash(r Record) string {
	text := appendText(nil, "refundry audit 1")
	for _, field := range []string{
		h.Hash, strconv.FormatInt(r.Number, 10), r.MerchantID, r.ID, strconv.FormatInt(r.At.UnixMicro(), 10),
		string(r.Actor.Kind), r.Actor.Name, r.Action, r.Object, r.RequestID,
	} {
		text = appendText(text, field)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Detail)) {
		text = appendText(appendText(text, name), r.Detail[name])
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func appendText(to []byte, text string) []byte {
	to = strconv.AppendInt(to, int64(len(text)), 10)
	return append(append(to, ':'), text...)
}
