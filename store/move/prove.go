package move

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/refundry/refundry/store/sqldb"
)

// Sum is a sum of money that was added up in both databases and is the same.
type Sum struct {
	// What is summed: "charges amount", "refunds succeeded", "transfers from payer".
	What     string `json:"what"`
	Merchant string `json:"merchant"`
	Currency string `json:"currency"`
	Rows     int64  `json:"rows"`
	// Minor is in the currency's minor unit; it may need more than 64 bits.
	Minor *big.Int `json:"minor"`
}

// summed are the sums that are compared: a name's expression, the table, the column, and
// who the merchant is.
var summed = []struct{ name, table, column string }{
	{"'charges amount'", "charges", "amount"},
	{"'charges reserved'", "charges", "reserved"},
	{"'charges refunded'", "charges", "refunded"},
	{"'charges blocked'", "charges", "blocked"},
	{"'charges excess'", "charges", "excess"},
	{"'refunds ' || state", "refunds", "amount"},
	{"'transfers from ' || from_account", "transfers", "amount"},
	{"'transfers to ' || to_account", "transfers", "amount"},
}

// sums adds up the money of a database, each by its name, merchant and currency.
func sums(ctx context.Context, db *sqldb.DB) (map[string]Sum, error) {
	all := make(map[string]Sum)
	err := db.Snapshot(ctx, func(q sqldb.Querier) error {
		for _, one := range summed {
			text := fmt.Sprintf(`SELECT %[1]s, merchant_id, currency, COUNT(*), CAST(SUM(%[2]s / %[3]d) AS BIGINT), CAST(SUM(%[2]s %% %[3]d) AS BIGINT)
				FROM %[4]s GROUP BY 1, merchant_id, currency`, one.name, one.column, sqldb.WideUnit, one.table)
			err := q.Query(ctx, text, nil, func(scan func(...any) error) error {
				var s Sum
				var high, low int64
				err := scan(&s.What, &s.Merchant, &s.Currency, &s.Rows, &high, &low)
				s.Minor = sqldb.Wide(high, low)
				all[strings.Join([]string{s.What, s.Merchant, s.Currency}, "\x00")] = s
				return err
			})
			if err != nil {
				return fmt.Errorf("add up %s of %s: %w", one.column, one.table, err)
			}
		}
		return nil
	})
	return all, err
}

// NotProvedError says what is not the same in both databases. Nothing was switched.
type NotProvedError struct{ What string }

func (e *NotProvedError) Error() string {
	return "the new database is not equal to the old one: " + e.What + " (hint: nothing was switched; this is a defect of the program or of a disk: report it)"
}

// prove compares what both databases count and add up by themselves, after every row's
// hash has been compared.
func (m *mover) prove(ctx context.Context) error {
	m.phase("counts and sums")
	m.report.Rows = 0
	m.report.Tables = make(map[string]int64, len(m.tables))
	for _, t := range m.tables {
		old, err := count(ctx, m.from, t.name)
		if err != nil {
			return err
		}
		fresh, err := count(ctx, m.to, t.name)
		if err != nil {
			return err
		}
		if hashed := m.copied(t); old != fresh || old != hashed {
			return &NotProvedError{fmt.Sprintf("table %s has %d rows there and %d here, and %d were hashed", t.name, old, fresh, hashed)}
		}
		m.report.Tables[t.name] = old
		m.report.Rows += old
	}
	old, err := sums(ctx, m.from)
	if err != nil {
		return err
	}
	fresh, err := sums(ctx, m.to)
	if err != nil {
		return err
	}
	m.report.Sums = nil
	for _, key := range slices.Sorted(maps.Keys(old)) {
		a, b := old[key], fresh[key]
		if b.Minor == nil || a.Rows != b.Rows || a.Minor.Cmp(b.Minor) != 0 {
			return &NotProvedError{fmt.Sprintf("%s of merchant %s in %s: %d rows and %v there, %d rows and %v here", a.What, a.Merchant, a.Currency, a.Rows, a.Minor, b.Rows, b.Minor)}
		}
		m.report.Sums = append(m.report.Sums, a)
	}
	if len(fresh) != len(old) {
		return &NotProvedError{fmt.Sprintf("%d sums there and %d here", len(old), len(fresh))}
	}
	return nil
}
