package refund

import (
	"time"

	"github.com/refundry/refundry/audit"
)

// WriteSecretLife is for how long the repeat of a write is answered with a
// secret that the first answer showed once: long enough for a client to come
// back after a broken connection or a restart, and not longer than a person
// would look for it.
const WriteSecretLife = 24 * time.Hour

// Write is a write with an Idempotency-Key other than a request for refunds,
// whose keys the intake claims in the same namespace. The nil Write is that of a
// request without a key: whatever takes a *Write takes nil.
type Write struct {
	MerchantID, Key string
	// Call is what is done to what, such as "native POST /keys".
	Call string
	// Content is a hash of what the request says; see dialect.WriteContent.
	Content string
	// Made is the id of what the write made or changed, "" where an answer
	// needs none. It may be set until the commit.
	Made string
	// Secret is what the answer shows once; "" for none, and from WriteSecretLife on.
	Secret string
	// Kept says that the record is on disk.
	Kept bool
}

// Makes notes the id of what the write makes, or has found there, unless the
// record is on disk already.
func (w *Write) Makes(id string) {
	if w != nil && !w.Kept {
		w.Made = id
	}
}

// Shows notes the id of what the write makes and the secret that its answer
// shows once. It is called before the commit.
func (w *Write) Shows(id, secret string) {
	if w != nil {
		w.Made, w.Secret = id, secret
	}
}

// Action is what an operator's action leaves in the commit of its effect: the
// record of who did it, and the request's write where it has a key.
type Action struct {
	audit.Record
	Write *Write
}

// With returns the action with a detail added to its record.
func (a Action) With(name, value string) Action {
	a.Record = a.Record.With(name, value)
	return a
}
