package verify

import (
	"context"
	"maps"
	"slices"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/store/sqldb"
)

// audit follows each chain of audit records from its first to its last record,
// and holds its end against what the chain's own row says.
func (v *verifier) audit(ctx context.Context) error {
	const (
		records = `SELECT a.merchant_id, a.created_at, a.id, a.actor, a.action, a.object, a.request_id, a.detail, a.number, a.hash
			FROM audit_records a ORDER BY a.merchant_id, a.number, a.created_at, a.id`
		heads = `SELECT c.merchant_id, c.last_number, c.last_hash FROM audit_chains c`
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
			v.found(Audit, merchantID, "audit chain", "its last record is number %d, the chain ended with number %d: records were removed or changed",
				last[merchantID].Number, end.Number)
		}
	}
	for _, merchantID := range slices.Sorted(maps.Keys(last)) {
		if _, there := ends[merchantID]; !there {
			v.found(Audit, merchantID, "audit chain", "nothing says where the chain ends")
		}
	}
	return nil
}

// link holds a record against the one before it.
func (v *verifier) link(before audit.Head, r audit.Record) {
	row := "audit record " + r.ID
	switch {
	case r.Number != before.Number+1:
		v.found(Audit, r.MerchantID, row, "it is number %d behind number %d: records were removed or reordered", r.Number, before.Number)
	case !before.Follows(r):
		v.found(Audit, r.MerchantID, row, "number %d was changed since it was linked, or the one before it was", r.Number)
	case r.Check() != nil:
		v.found(Audit, r.MerchantID, row, "number %d does not say who did what", r.Number)
	}
}

func scanAudit(scan func(...any) error) (audit.Record, error) {
	var r audit.Record
	var at int64
	var actor, detail string
	if err := scan(&r.MerchantID, &at, &r.ID, &actor, &r.Action, &r.Object, &r.RequestID, &detail, &r.Number, &r.Hash); err != nil {
		return audit.Record{}, err
	}
	if err := fromJSON(detail, &r.Detail); err != nil {
		// Its hash can't be that of what was written.
		r.Detail = map[string]string{"unreadable": detail}
	}
	r.At, r.Actor = sqldb.FromMicros(at), audit.ParseActor(actor)
	return r, nil
}
