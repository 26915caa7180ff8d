package dialect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// Writes remembers writes by their keys, for as long as refunds are kept.
type Writes interface {
	// KeptWrite gives what a key stands for; ok is false for a key that is
	// free. One that stands for refunds is a write without a Call.
	KeptWrite(ctx context.Context, merchantID, key string) (w merchant.Write, ok bool, err error)
	// KeepWrite records a write in a commit of its own. KindBusy when another
	// request has taken the key meanwhile.
	KeepWrite(ctx context.Context, w *merchant.Write) error
	// FreeWrite forgets a write that was refused after all.
	FreeWrite(ctx context.Context, w *merchant.Write) error
}

// Once runs a write that has a key at most once. With a context that carries
// w, the store puts the record into the first commit that do makes, so that
// effect and record are there together or not at all; a do that commits
// nothing, because all was so already, is recorded alone. Where the key stands
// for the same write, again answers in do's place, from what w made; where it
// stands for anything else that is KindKeyConflict, and nothing is done. So it
// is for requests at the same time: one of them commits first, the others' work
// is rolled back. Without a key it is just do.
func Once(ctx context.Context, writes Writes, w *merchant.Write, do func(context.Context) error, again func(merchant.Write) error) error {
	if w.Key == "" {
		return do(ctx)
	}
	kept, known, err := sameWrite(ctx, writes, w)
	if err != nil {
		return err
	}
	if known {
		return again(kept)
	}
	failed := do(merchant.WithWrite(ctx, w))
	if failed == nil && !w.Kept {
		failed = writes.KeepWrite(ctx, w)
	}
	switch {
	case failed == nil:
		return nil
	case !w.Kept:
		// Whoever had the key at the same moment may have done it: then what
		// went wrong here is only that.
		if kept, known, err := sameWrite(ctx, writes, w); err != nil || known {
			if err != nil {
				return err
			}
			return again(kept)
		}
	case refused(failed):
		// A refusal that came after the first commit. A refused request uses up
		// no key.
		if err := writes.FreeWrite(context.WithoutCancel(ctx), w); err != nil {
			return err
		}
	}
	return failed
}

// OnceObject is Once for a handler that gives the object to answer with; what
// is done, and what the request says, are of the dialect's own. It looks after
// the request's header. r is the handler's, whose context do goes by; again
// gets the id of what was made.
func OnceObject(r **http.Request, writes Writes, w merchant.Write, do func() (any, error), again func(id string) (any, error)) (object any, err error) {
	key, fault := IdempotencyKey(*r)
	if fault != nil {
		return nil, fault
	}
	w.Key = key
	bare := *r
	err = Once(bare.Context(), writes, &w, func(ctx context.Context) error {
		*r = bare.WithContext(ctx)
		object, err = do()
		return err
	}, func(kept merchant.Write) error {
		*r = bare
		object, err = again(kept.Made)
		return err
	})
	return object, err
}

// sameWrite finds what w's key stands for; KindKeyConflict if that is not w.
func sameWrite(ctx context.Context, writes Writes, w *merchant.Write) (kept merchant.Write, known bool, err error) {
	kept, known, err = writes.KeptWrite(ctx, w.MerchantID, w.Key)
	if err != nil || !known {
		return kept, false, err
	}
	if kept.Call != w.Call || kept.Content != w.Content {
		return kept, false, KeyConflict()
	}
	return kept, true, nil
}

// KeyConflict is the error of a key that stands for another request.
func KeyConflict() *refund.Error {
	return refund.Errorf(refund.KindKeyConflict, "idempotency_key", "the idempotency key was used for another request")
}

// refused reports whether err says that nothing was done.
func refused(err error) bool {
	switch refund.KindOf(err) {
	case refund.KindInternal, refund.KindCorrupt, refund.KindUnknownOutcome, refund.KindBusy:
		return false
	}
	return true
}

// WriteContent is what a request says as the content of a repeat: a hash of
// its values, whatever order members came in and however they were written
// down. An empty body says what {} says.
func WriteContent(body exactjson.Value) string {
	var text []byte
	if body.Kind == exactjson.Absent {
		body.Kind = exactjson.Object
	}
	sum := sha256.Sum256(appendCanonical(text, body))
	return hex.EncodeToString(sum[:])
}

// appendCanonical writes a value in its one form: a kind, how much there is in
// it, and that.
func appendCanonical(text []byte, v exactjson.Value) []byte {
	text = append(text, byte('0'+v.Kind))
	switch v.Kind {
	case exactjson.Array:
		text = strconv.AppendInt(text, int64(len(v.Items)), 10)
		for _, item := range v.Items {
			text = appendCanonical(append(text, ' '), item)
		}
	case exactjson.Object:
		members := slices.Clone(v.Members)
		slices.SortFunc(members, func(a, b exactjson.Member) int { return strings.Compare(a.Name, b.Name) })
		text = strconv.AppendInt(text, int64(len(members)), 10)
		for _, m := range members {
			text = appendCanonical(exactjson.AppendString(append(text, ' '), m.Name), m.Value)
		}
	default:
		text = exactjson.AppendString(text, v.Text)
	}
	return text
}
