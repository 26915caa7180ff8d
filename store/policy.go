package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/policy"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	policyColumns = `p.merchant_id, p.id, p.name, p.expression, p.effect, p.hold_hours, p.state, p.version, p.position, p.created_at, p.updated_at, p.updated_by`
	policiesOf    = `SELECT ` + policyColumns + ` FROM policies p WHERE p.merchant_id = $1 ORDER BY p.position, p.id`
	insertPolicy  = `INSERT INTO policies (merchant_id, id, name, expression, effect, hold_hours, state, version, position, created_at, updated_at, updated_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	updatePolicy = `UPDATE policies SET name = $3, expression = $4, effect = $5, hold_hours = $6, state = $7, version = $8, position = $9, updated_at = $10, updated_by = $11
		WHERE merchant_id = $1 AND id = $2 AND version = $12`
	deletePolicy = `DELETE FROM policies WHERE merchant_id = $1 AND id = $2`

	policyEnabled, policyDraft = "enabled", "draft"
)

func policyState(enabled bool) string {
	if enabled {
		return policyEnabled
	}
	return policyDraft
}

func queryPolicies(ctx context.Context, q sqldb.Querier, text string, args ...any) (found []merchant.Policy, err error) {
	err = q.Query(ctx, text, args, func(scan func(...any) error) error {
		var p merchant.Policy
		var state, by string
		var createdAt, updatedAt int64
		err := scan(&p.MerchantID, &p.ID, &p.Name, &p.Expression, (*string)(&p.Effect), &p.HoldHours, &state, &p.Version, &p.Position, &createdAt, &updatedAt, &by)
		p.Enabled, p.UpdatedBy = state == policyEnabled, audit.ParseActor(by)
		p.CreatedAt, p.UpdatedAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(updatedAt)
		found = append(found, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	return found, nil
}

// Policies lists a merchant's policies in the order in which they are asked.
func (s *Store) Policies(ctx context.Context, merchantID string) (found []merchant.Policy, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		found, err = queryPolicies(ctx, q, policiesOf, merchantID)
		return err
	})
	return found, err
}

// recentPolicies are a merchant's enabled policies, compiled, mostly from memory; nil
// where it has none. They are read again within entryLife of a change.
func (s *Store) recentPolicies(ctx context.Context, merchantID string) (*policy.Set, error) {
	return s.directory.policies.get(ctx, merchantID, s.now(), func(ctx context.Context) (*policy.Set, error) {
		found, err := s.Policies(ctx, merchantID)
		return policy.NewSet(found), err
	})
}

// AddPolicy writes a new policy, unless check of those that there are returns an error;
// one of its name is KindStateConflict.
func (s *Store) AddPolicy(ctx context.Context, p merchant.Policy, check func(there []merchant.Policy) error, record refund.Action) error {
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		there, err := s.lockedPolicies(ctx, q, p.MerchantID)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(there); err != nil {
				return err
			}
		}
		if err := freeName(there, p); err != nil {
			return err
		}
		_, err = q.Exec(ctx, insertPolicy, p.MerchantID, p.ID, p.Name, p.Expression, string(p.Effect), p.HoldHours, policyState(p.Enabled), p.Version, p.Position,
			sqldb.Micros(p.CreatedAt), sqldb.Micros(p.UpdatedAt), p.UpdatedBy.String())
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("add policy: %w", err)
	}
	return nil
}

// lockedPolicies reads a merchant's policies while nobody else changes them.
func (s *Store) lockedPolicies(ctx context.Context, q sqldb.Querier, merchantID string) ([]merchant.Policy, error) {
	const row = `SELECT m.id FROM merchants m WHERE m.id = $1`
	there := ""
	err := q.Query(ctx, row+q.Lock(""), []any{merchantID}, func(scan func(...any) error) error { return scan(&there) })
	if err != nil {
		return nil, err
	}
	if there == "" {
		return nil, refund.Errorf(refund.KindNotFound, "merchant", "there is no such merchant")
	}
	return queryPolicies(ctx, q, policiesOf, merchantID)
}

func freeName(there []merchant.Policy, p merchant.Policy) error {
	for _, other := range there {
		if other.Name == p.Name && other.ID != p.ID {
			return refund.Errorf(refund.KindStateConflict, "name", "the merchant has a policy of that name: %s", other.ID)
		}
	}
	return nil
}

// ChangePolicy changes a policy under lock. Absent is KindNotFound; a name that is
// taken KindStateConflict. change returns false where nothing changes, and then there
// is no record.
func (s *Store) ChangePolicy(ctx context.Context, merchantID, id string, change func(p *merchant.Policy, there []merchant.Policy) (bool, error), record refund.Action) (merchant.Policy, error) {
	var p merchant.Policy
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		there, err := s.lockedPolicies(ctx, q, merchantID)
		if err != nil {
			return err
		}
		p = merchant.Policy{}
		for _, one := range there {
			if one.ID == id || one.Name == id {
				p = one
			}
		}
		if p.ID == "" {
			return noPolicy()
		}
		was, before := p, p.Version
		changed, err := change(&p, there)
		if err != nil || !changed {
			return err
		}
		if err := freeName(there, p); err != nil {
			return err
		}
		_, err = q.Exec(ctx, updatePolicy, p.MerchantID, p.ID, p.Name, p.Expression, string(p.Effect), p.HoldHours, policyState(p.Enabled), p.Version, p.Position,
			sqldb.Micros(p.UpdatedAt), p.UpdatedBy.String(), before)
		if err == nil {
			err = s.alertLooser(ctx, q, was, was.Loosened(p), record)
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, policyRecord(record, p))
	})
	s.directory.forget()
	if err != nil {
		return merchant.Policy{}, fmt.Errorf("change policy: %w", err)
	}
	return p, nil
}

// alertLooser leaves an alert that names who had a policy judge less; how is "" where
// it does not.
func (s *Store) alertLooser(ctx context.Context, q sqldb.Querier, p merchant.Policy, how string, record refund.Action) error {
	if how == "" {
		return nil
	}
	text := fmt.Sprintf("the policy %q (%s) was %s by %s", p.Name, p.ID, how, record.Actor)
	one := s.alertStatement(p.MerchantID, refund.Alert{Text: text})
	_, err := q.Exec(ctx, one.SQL, one.Args...)
	return err
}

// policyRecord says in a record what a policy says now.
func policyRecord(record refund.Action, p merchant.Policy) audit.Record {
	record.Object = p.ID
	return record.With("name", p.Name).With("expression", p.Expression).With("effect", string(p.Effect)).With("state", policyState(p.Enabled)).Record
}

func noPolicy() error { return refund.Errorf(refund.KindNotFound, "policy", "there is no such policy") }

// RemovePolicy deletes a policy. Absent is KindNotFound. What it held waits on.
func (s *Store) RemovePolicy(ctx context.Context, merchantID, id string, record refund.Action) error {
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		there, err := s.lockedPolicies(ctx, q, merchantID)
		if err != nil {
			return err
		}
		for _, p := range there {
			if p.ID != id && p.Name != id {
				continue
			}
			if _, err := q.Exec(ctx, deletePolicy, merchantID, p.ID); err != nil {
				return err
			}
			looser := ""
			if p.Enabled {
				looser = "removed"
			}
			if err := s.alertLooser(ctx, q, p, looser, record); err != nil {
				return err
			}
			return s.appendAudit(ctx, q, policyRecord(record, p))
		}
		return noPolicy()
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("remove policy: %w", err)
	}
	return nil
}
