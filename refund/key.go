package refund

import "time"

// Key names a refund.
type Key struct{ MerchantID, ID string }

// ChargeKey names a charge.
type ChargeKey struct{ MerchantID, ID string }

// AccountKey names a channel account.
type AccountKey struct{ MerchantID, ID string }

// Namespace tells refund numbers from idempotency keys: two namespaces, each
// unique per merchant across dialects.
type Namespace string

// The namespaces.
const (
	NumberNamespace Namespace = "number"
	KeyNamespace    Namespace = "key"
)

// NumberKey names a claim.
type NumberKey struct {
	MerchantID string
	Namespace  Namespace
	Value      string
}

// ChannelNumber names a refund as its channel account knows it.
type ChannelNumber struct{ MerchantID, Account, Number string }

// Number is a claim of a refund number or idempotency key.
type Number struct {
	NumberKey
	// Refunds are the refunds it stands for: one, or a unit's. Another claimer's
	// key without any stands for a write that is no refund.
	Refunds []string
	// Contents is what a repeat must share, one per refund.
	Contents []Content
	// Batch is the batch that claims it; zero for none.
	Batch     Batch
	CreatedAt time.Time
}
