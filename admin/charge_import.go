package admin

import (
	"context"
	"strconv"

	"github.com/refundry/refundry/refund"
)

// Charges registers paid charges for an operator.
type Charges interface {
	// RegisterCharges registers charges, in few commits, and returns one Registered
	// for each, in their order. What is wrong with one harms no other.
	RegisterCharges(ctx context.Context, charges []refund.Charge, w *refund.Write) ([]refund.Registered, error)
	// ImportCharges is RegisterCharges where each commit that registers something new
	// writes the record.
	ImportCharges(ctx context.Context, charges []refund.Charge, record refund.Action) ([]refund.Registered, error)
}

// Import registers the charges of one file or batch, part by part. It leaves two
// audit records: that it has begun, in the first commit that registers something,
// and what became of it. It is not for several goroutines.
type Import struct {
	admin      *Admin
	by         By
	merchantID string
	record     refund.Action
	begun      bool // a record says that it has begun
	// Registered, Again and Rejected count what became of the charges so far: those
	// that were not there, those that were, and those that were refused.
	Registered, Again, Rejected int
}

// Import begins to import a merchant's charges from a source, such as a file's
// name.
func (a *Admin) Import(by By, merchantID, source string) (*Import, error) {
	record, err := a.record(by, merchantID, "charge.import", "")
	if err != nil {
		return nil, err
	}
	return &Import{admin: a, by: by, merchantID: merchantID, record: record.With("source", source)}, nil
}

// Register registers a part, and returns one Registered for each charge, in their
// order. Charges that are there already with the same content change nothing. The
// commit that registers the first of the import records whose it is, so that one
// that is killed right after has a name. The error is of all of the part; calling
// it again does no harm.
func (i *Import) Register(ctx context.Context, charges []refund.Charge) ([]refund.Registered, error) {
	var results []refund.Registered
	var err error
	if !i.begun {
		begin := i.record
		begin.Action += ".begin"
		results, err = i.admin.s.Store.ImportCharges(ctx, charges, begin)
	} else {
		results, err = i.admin.s.Store.RegisterCharges(ctx, charges, nil)
	}
	if err != nil {
		return nil, err
	}
	before := i.Registered
	for _, r := range results {
		switch {
		case r.Err != nil:
			i.Rejected++
		case r.Again:
			i.Again++
		default:
			i.Registered++
		}
	}
	i.begun = i.begun || i.Registered > before
	if i.Registered > before {
		i.admin.done(i.merchantID)
	}
	return results, nil
}

// End records the import, whatever became of it: how much was registered, how much
// was there, how many lines of the source were refused (which the caller may count
// further than Register could), and the digest of what was read, as SHA-256 in hex.
// An import that registered nothing leaves no record.
func (i *Import) End(ctx context.Context, rejected int, digest string) error {
	if i.Registered == 0 {
		return nil
	}
	record := i.record.With("registered", strconv.Itoa(i.Registered)).With("again", strconv.Itoa(i.Again)).
		With("rejected", strconv.Itoa(rejected)).With("sha256", digest)
	record.At = i.admin.now()
	if err := i.admin.s.Store.AddRecord(context.WithoutCancel(ctx), record); err != nil {
		return err
	}
	i.admin.done(i.merchantID)
	return nil
}
