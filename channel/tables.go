package channel

import (
	"context"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Tables is what a channel that keeps tables in our database says of them. The
// SQL is in the channel's own folder, over store/sqldb; what makes the tables is
// a numbered migration like any other.
type Tables struct {
	// Name is what the channel's books are called, such as "the sandbox's books".
	Name string
	// Growing are the tables to which each refund adds rows.
	Growing []string
	// Check compares the channel's books with our own rows and calls found for
	// every difference; an error of found ends it. It only reads.
	Check func(ctx context.Context, q sqldb.Querier, found func(refund.Finding) error) error
	// DeleteRefunds are statements that delete what the tables hold of refunds
	// which are about to be deleted: of the charges in v (n, merchant_id, id), a
	// list of values before each statement.
	DeleteRefunds []string
}
