package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	auditColumns = `a.merchant_id, a.created_at, a.id, a.actor, a.action, a.object, a.request_id, a.detail, a.number, a.hash`
	insertAudit  = `INSERT INTO audit_records (merchant_id, created_at, id, actor, action, object, request_id, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	newAudit = `SELECT ` + auditColumns + ` FROM audit_records a
		WHERE a.merchant_id = $1 AND a.number = 0 ORDER BY a.created_at, a.id LIMIT $2`
	auditAfter = `SELECT ` + auditColumns + ` FROM audit_records a
		WHERE a.merchant_id = $1 AND a.number > $2 ORDER BY a.number LIMIT $3`
	chainHead  = `SELECT c.last_number, c.last_hash FROM audit_chains c WHERE c.merchant_id = $1`
	beginChain = `INSERT INTO audit_chains (merchant_id) VALUES ($1) ON CONFLICT DO NOTHING`
	moveChain  = `UPDATE audit_chains SET last_number = $2, last_hash = $3 WHERE merchant_id = $1`
	linkAudit  = `UPDATE audit_records SET number = v.number, hash = v.hash FROM v
		WHERE audit_records.merchant_id = v.merchant_id AND audit_records.created_at = v.created_at AND audit_records.id = v.id`
)

var linkColumns = sqldb.NewColumns("merchant_id TEXT", "created_at BIGINT", "id TEXT", "number BIGINT", "hash TEXT")

// maxLinked bounds the records that one transaction links.
const maxLinked = 256

func scanAudit(scan func(...any) error) (audit.Record, error) {
	var r audit.Record
	var at int64
	var actor, detail string
	if err := scan(&r.MerchantID, &at, &r.ID, &actor, &r.Action, &r.Object, &r.RequestID, &detail, &r.Number, &r.Hash); err != nil {
		return audit.Record{}, fmt.Errorf("read audit record: %w", err)
	}
	if err := fromJSON(detail, &r.Detail); err != nil {
		// Somebody changed it: the record is shown, and verify finds that its hash
		// is another one's.
		r.Detail = map[string]string{"unreadable": detail}
	}
	r.At, r.Actor = sqldb.FromMicros(at), audit.ParseActor(actor)
	return r, nil
}

// appendAudit writes the record of an action in the transaction of its effect.
// A record without an actor is an error, so that the action does not happen.
func (s *Store) appendAudit(ctx context.Context, q sqldb.Querier, r audit.Record) error {
	if err := r.Check(); err != nil {
		return err
	}
	detail, err := jsonText(r.Detail)
	if err != nil {
		return fmt.Errorf("encode audit record: %w", err)
	}
	if len(r.Detail) == 0 {
		detail = "{}"
	}
	_, err = q.Exec(ctx, insertAudit, r.MerchantID, sqldb.Micros(r.At), "aud_"+s.newID(r.At), r.Actor.String(), r.Action, r.Object, r.RequestID, detail)
	if err != nil {
		return fmt.Errorf("write audit record: %w", err)
	}
	return nil
}

// AddRecord writes the record of an action whose effects are in other commits.
func (s *Store) AddRecord(ctx context.Context, record refund.Action) error {
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error { return s.appendAudit(ctx, q, record.Record) })
	if err != nil {
		return fmt.Errorf("record %s: %w", record.Action, err)
	}
	return nil
}

// LinkAudit adds the records of a chain that are not in it yet, at most
// maxLinked, and returns how many. The chain's row is locked until the commit,
// so that two processes can't link the same record or give one number twice.
// merchantID is "" for the installation's chain.
func (s *Store) LinkAudit(ctx context.Context, merchantID string) (int, error) {
	linked := 0
	err := s.write(ctx, func(q sqldb.Querier) error {
		linked = 0
		head, err := lockChain(ctx, q, merchantID)
		if err != nil {
			return err
		}
		var records []audit.Record
		err = q.Query(ctx, newAudit, []any{merchantID, int64(maxLinked)}, func(scan func(...any) error) error {
			r, err := scanAudit(scan)
			records = append(records, r)
			return err
		})
		if err != nil || len(records) == 0 {
			return err
		}
		rows := make([][]any, len(records))
		for n, r := range records {
			r = head.Link(r)
			head = audit.Head{Number: r.Number, Hash: r.Hash}
			rows[n] = []any{r.MerchantID, sqldb.Micros(r.At), r.ID, r.Number, r.Hash}
		}
		statements := sqldb.WithValues(linkColumns, rows, linkAudit)
		statements = append(statements, sqldb.Statement{SQL: moveChain, Args: []any{merchantID, head.Number, head.Hash}})
		_, err = q.Send(ctx, statements)
		linked = len(records)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("link audit records: %w", err)
	}
	return linked, nil
}

// lockChain reads where a chain ends and keeps everybody else from adding to
// it.
func lockChain(ctx context.Context, q sqldb.Querier, merchantID string) (audit.Head, error) {
	if _, err := q.Exec(ctx, beginChain, merchantID); err != nil {
		return audit.Head{}, err
	}
	var head audit.Head
	err := q.Query(ctx, chainHead+q.Lock(""), []any{merchantID}, func(scan func(...any) error) error {
		return scan(&head.Number, &head.Hash)
	})
	return head, err
}

// AuditRecords lists a chain's records after a number, in the chain's order, at
// most limit. Records that are not linked yet are not listed. merchantID is ""
// for the installation's chain.
func (s *Store) AuditRecords(ctx context.Context, merchantID string, after int64, limit int) ([]audit.Record, error) {
	var found []audit.Record
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, auditAfter, []any{merchantID, after, int64(limit)}, func(scan func(...any) error) error {
			r, err := scanAudit(scan)
			found = append(found, r)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list audit records: %w", err)
	}
	return found, nil
}
