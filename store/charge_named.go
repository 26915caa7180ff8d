package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// What the charges of a list v of names are, by a dialect's name or by their own id. An
// id that is another charge's name as well stands for neither.
const (
	byDialect = `charge_aliases a CROSS JOIN charges c
		WHERE a.merchant_id = v.merchant_id AND a.dialect = v.dialect AND a.name = v.name
		AND c.merchant_id = a.merchant_id AND c.id = a.charge_id`
	byOwnID = `charges c WHERE c.merchant_id = v.merchant_id AND c.id = v.name
		AND NOT EXISTS (SELECT 1 FROM charge_aliases a WHERE a.merchant_id = v.merchant_id AND a.name = v.name AND a.charge_id <> c.id)`
)

// eachNamed is a query of columns of charges, of each name in the list v. It goes from
// the list to the names to the charges, by the indexes that it takes for one: OFFSET 0
// has PostgreSQL do so whatever it knows of the tables, and CROSS JOIN SQLite.
func (t *intakeTx) eachNamed(columns, which, lock string) string {
	if t.store.SQLite() {
		return `SELECT v.n, ` + columns + ` FROM v CROSS JOIN ` + which
	}
	return `SELECT v.n, ` + columns + ` FROM v CROSS JOIN LATERAL (SELECT ` + columns + ` FROM ` + which + ` OFFSET 0 ` + lock + `) c`
}

// NamedCharges implements intake.Tx.
func (t *intakeTx) NamedCharges(ctx context.Context, names []refund.ChargeName) (map[refund.ChargeName]intake.FoundCharge, error) {
	found := make(map[refund.ChargeName]intake.FoundCharge, len(names))
	err := t.named(ctx, names, found, chargeColumns, t.q.Lock("OF c SKIP LOCKED"), func(scan func(...any) error) error {
		n := int64(-1)
		c, err := scanCharge(func(columns ...any) error { return scan(append([]any{&n}, columns...)...) })
		if n < 0 || c.ID == "" {
			return err
		}
		found[names[n]] = intake.FoundCharge{Charge: c, Err: err}
		return nil
	})
	if err != nil || len(found) == len(names) {
		return found, err
	}
	err = t.named(ctx, names, found, `c.id`, "", func(scan func(...any) error) error {
		var n int64
		var id string
		if err := scan(&n, &id); err != nil {
			return err
		}
		found[names[n]] = intake.FoundCharge{Charge: refund.Charge{MerchantID: names[n].MerchantID, ID: id}, Held: true}
		return nil
	})
	return found, err
}

// named runs a query about those of the names that are not found yet. v.n is a name's
// place.
func (t *intakeTx) named(ctx context.Context, names []refund.ChargeName, found map[refund.ChargeName]intake.FoundCharge, columns, lock string, each func(func(...any) error) error) error {
	var dialects, ids [][]any
	for n, name := range names {
		if _, is := found[name]; is {
			continue
		}
		row := []any{int64(n), name.MerchantID, name.Dialect, name.Name}
		if name.Dialect == "" {
			ids = append(ids, row)
		} else {
			dialects = append(dialects, row)
		}
	}
	err := sqldb.QueryValues(ctx, t.q, chargeAliasColumns, dialects, t.eachNamed(columns, byDialect, lock), each)
	if err == nil {
		err = sqldb.QueryValues(ctx, t.q, chargeAliasColumns, ids, t.eachNamed(columns, byOwnID, lock), each)
	}
	if err != nil {
		return fmt.Errorf("find charges by their names: %w", err)
	}
	return nil
}
