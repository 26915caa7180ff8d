package audit

import (
	"context"
	"time"
)

// Filter selects records of one chain. Empty members select all.
type Filter struct {
	// MerchantID says which chain; "" is the installation's.
	MerchantID string
	// Actor is who acted, as Actor.String has it, or its name alone.
	Actor string
	// Action is what was done, or its beginning with a dot at the end: "key.".
	Action string
	// Object is the id of what it was done to.
	Object string
	// From and To bound the time; To itself is outside.
	From, To time.Time
	// After and Before bound the number; 0 is none.
	After, Before int64
	// Newest lists the newest first.
	Newest bool
	Limit  int
}

// MaxFilter bounds each text of a filter, in bytes.
const MaxFilter = 256

// Reader reads records.
type Reader interface {
	// FindAudit lists the linked records that a filter selects, at most its Limit.
	FindAudit(ctx context.Context, f Filter) ([]Record, error)
}

// pageSize is how many records are read at once for a file or a check.
const pageSize = 500

// each calls do for all records that a filter selects, oldest first, and onPage,
// which may be nil, before those of each page.
func each(ctx context.Context, from Reader, f Filter, onPage func() error, do func(Record) error) error {
	f.Newest, f.Limit = false, pageSize
	for {
		records, err := from.FindAudit(ctx, f)
		if err == nil && onPage != nil {
			err = onPage()
		}
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := do(r); err != nil {
				return err
			}
			f.After = r.Number
		}
		if len(records) < pageSize {
			return nil
		}
	}
}
