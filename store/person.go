package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// keyMaker finds who made a key, whoever's it is: a key's id is in no other's.
const keyMaker = `SELECT k.merchant_id, k.made_by FROM api_keys k WHERE k.id = $1`

// Behind implements admin.People.
func (s *Store) Behind(ctx context.Context, a audit.Actor, now time.Time) (audit.Behind, error) {
	var behind audit.Behind
	err := s.Read(ctx, func(q sqldb.Querier) error {
		switch a.Kind {
		case audit.Key:
			return q.Query(ctx, keyMaker, []any{a.Name}, func(scan func(...any) error) error {
				return scan(new(string), (*string)(&behind))
			})
		case audit.User:
			u, _, err := oneUser(ctx, q, userByEmail, merchant.NormalEmail(a.Name))
			if refund.KindOf(err) == refund.KindNotFound { // removed, or never one of ours
				return nil
			}
			behind = u.Behind(now)
			return err
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("find who is behind %s: %w", a, err)
	}
	return behind, nil
}
