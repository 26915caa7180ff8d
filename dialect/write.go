package dialect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// Writes remembers writes by their keys, for as long as refunds are kept.
type Writes interface {
	// KeptWrite returns what a key stands for; ok is false for a key that is
	// free. One that stands for refunds is a write without a Call.
	KeptWrite(ctx context.Context, merchantID, key string) (w refund.Write, ok bool, err error)
	// KeepWrite records a write in a commit of its own. KindBusy when another
	// request has taken the key meanwhile.
	KeepWrite(ctx context.Context, w *refund.Write) error
	// FreeWrite forgets a write that was refused after all.
	FreeWrite(ctx context.Context, w *refund.Write) error
}

// Once runs a write that has a key at most once. do passes its argument, which
// is w, to the store, which records it in the same commit as the effect, so that
// both are there or neither; a do that commits nothing, because all was so
// already, is recorded alone. Where the key stands for the same write, again
// answers in do's place, from what w made; where it stands for anything else
// that is KindKeyConflict, and nothing is done. Of requests at the same time one
// commits first, and the others' transactions roll back. Without a key it is do
// with nil.
func Once(ctx context.Context, writes Writes, w *refund.Write, do func(*refund.Write) error, again func(refund.Write) error) error {
	if w.Key == "" {
		return do(nil)
	}
	kept, known, err := sameWrite(ctx, writes, w)
	if err != nil {
		return err
	}
	if known {
		return again(kept)
	}
	failed := do(w)
	if failed == nil && !w.Kept {
		failed = writes.KeepWrite(ctx, w)
	}
	switch {
	case failed == nil:
		return nil
	case !w.Kept:
		// Another request with the key may have done it at the same moment: then
		// nothing else went wrong here.
		kept, known, err := sameWrite(ctx, writes, w)
		switch {
		case err != nil && errors.Is(failed, refund.ErrCommitUnknown):
			return failed // which says more than that it can't be looked up
		case err != nil:
			return err
		case known:
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

// OnceObject is Once for a handler that returns the object to answer with. The
// key is that of the request's header; again is called with the id of what was
// made.
func OnceObject(r *http.Request, writes Writes, w refund.Write, do func(*refund.Write) (any, error), again func(id string) (any, error)) (object any, err error) {
	key, fault := IdempotencyKey(r)
	if fault != nil {
		return nil, fault
	}
	w.Key = key
	err = Once(r.Context(), writes, &w, func(w *refund.Write) error {
		object, err = do(w)
		return err
	}, func(kept refund.Write) error {
		object, err = again(kept.Made)
		return err
	})
	return object, err
}

// sameWrite finds what w's key stands for; KindKeyConflict if that is not w.
func sameWrite(ctx context.Context, writes Writes, w *refund.Write) (kept refund.Write, known bool, err error) {
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
	case refund.KindInternal, refund.KindCorrupt, refund.KindUnknownOutcome, refund.KindBusy, refund.KindUnavailable:
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
