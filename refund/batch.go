package refund

import "strings"

// Batch names refunds that were asked for as one batch, unique per merchant and
// dialect. The zero Batch is none.
type Batch struct {
	Dialect string
	// ID is the batch's in its dialect, without a blank.
	ID string
	// Identity is whose request it was in that dialect; lists select by it.
	Identity string
}

// batchMark stands between dialect and id in a batch's key.
const batchMark = " batch "

// Key is the idempotency key that a batch claims, so that there is one of a name.
// No header can hold it, since it begins with a blank. Rows of every released
// schema have this form.
func (b Batch) Key() string {
	if b.ID == "" {
		return ""
	}
	return " " + b.Dialect + batchMark + b.ID
}

// BatchOf is the batch, without its identity, that a key stands for; the zero
// Batch for any other key.
func BatchOf(key string) Batch {
	dialect, id, ok := strings.Cut(key, batchMark)
	if !ok || id == "" || !strings.HasPrefix(dialect, " ") || strings.Contains(dialect[1:], " ") {
		return Batch{}
	}
	return Batch{Dialect: dialect[1:], ID: id}
}
