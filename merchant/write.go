package merchant

import (
	"context"
	"time"
)

// WriteSecretLife is how long a write's repeat is told a secret that its answer
// told once: long enough for a client to come back after a broken connection
// or a restart, and no longer than a person would look for it.
const WriteSecretLife = 24 * time.Hour

// Write is a write with an Idempotency-Key. A refund is none: its
// key is claimed by the intake, in the same namespace.
type Write struct {
	MerchantID, Key string
	// Call is what is done to what, such as "native POST /keys".
	Call string
	// Content is a hash of what the request says; see dialect.WriteContent.
	Content string
	// Made is the id of what the write made or changed, "" where an answer
	// needs none. It may be set until the commit.
	Made string
	// Secret is what the answer tells once; "" for none, and from WriteSecretLife on.
	Secret string
	// Kept says that the record is on disk.
	Kept bool
}

type writeKey struct{}

// WithWrite gives a context whose next commit in the store records w.
func WithWrite(ctx context.Context, w *Write) context.Context {
	return context.WithValue(ctx, writeKey{}, w)
}

// WriteOf is the write that a context carries, nil if none.
func WriteOf(ctx context.Context) *Write {
	w, _ := ctx.Value(writeKey{}).(*Write)
	return w
}

// WriteMade notes what the context's write made or found there, if it is not on
// disk yet.
func WriteMade(ctx context.Context, id string) {
	if w := WriteOf(ctx); w != nil && !w.Kept {
		w.Made = id
	}
}
