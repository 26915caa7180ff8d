package store

import (
	"context"
	"maps"
	"slices"

	"github.com/refundry/refundry/audit"
)

// audit follows each chain of audit records from its first to its last record,
// and holds its end against what the chain's own row says.
func (v *verifier) audit(ctx context.Context) error {
	const (
		records = `SELECT ` + auditColumns + ` FROM audit_records a ORDER BY a.merchant_id, a.number, a.created_at, a.id`
		heads   = `SELECT c.merchant_id, c.last_number, c.last_hash FROM audit_chains c`
	)
	ends := make(map[string]audit.Head)
	err := v.q.Query(ctx, heads, nil, func(scan func(...any) error) error {
		var merchantID string
		var head audit.Head
		err := scan(&merchantID, &head.Number, &head.Hash)
		ends[merchantID] = head
		return v.enough(err)
	})
	if err != nil {
		return err
	}
	last := make(map[string]audit.Head)
	err = v.q.Query(ctx, records, nil, func(scan func(...any) error) error {
		r, err := scanAudit(scan)
		if err != nil {
			return err
		}
		if r.Number != 0 {
			v.link(last[r.MerchantID], r)
			// The next one is judged by what this one says, so that one change is
			// one finding.
			last[r.MerchantID] = audit.Head{Number: r.Number, Hash: r.Hash}
		}
		return v.enough(nil)
	})
	if err != nil {
		return err
	}
	for _, merchantID := range slices.Sorted(maps.Keys(ends)) {
		end := ends[merchantID]
		if last[merchantID] != end {
			v.found(VerifyAudit, merchantID, "audit chain", "its last record is number %d, the chain ended with number %d: records were removed or changed",
				last[merchantID].Number, end.Number)
		}
	}
	for _, merchantID := range slices.Sorted(maps.Keys(last)) {
		if _, there := ends[merchantID]; !there {
			v.found(VerifyAudit, merchantID, "audit chain", "nothing says where the chain ends")
		}
	}
	return nil
}

// link holds a record against the one before it.
func (v *verifier) link(before audit.Head, r audit.Record) {
	row := "audit record " + r.ID
	switch {
	case r.Number != before.Number+1:
		v.found(VerifyAudit, r.MerchantID, row, "it is number %d behind number %d: records were removed or reordered", r.Number, before.Number)
	case !before.Follows(r):
		v.found(VerifyAudit, r.MerchantID, row, "number %d was changed since it was linked, or the one before it was", r.Number)
	case r.Check() != nil:
		v.found(VerifyAudit, r.MerchantID, row, "number %d does not say who did what", r.Number)
	}
}
