package sqldb_test

import (
	"context"
	"strings"
	"testing"

	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// A worker of Citus waits for a row as long as a server of PostgreSQL does: the
// coordinator passes on to it what the transaction itself sets.
func TestOnCitusATransactionPassesOnHowLongItWaits(t *testing.T) {
	plain, spread := storetest.PlainPostgres(t), storetest.PlainPostgres(t)
	storetest.Distribute(t, spread)
	settings := func(run func(context.Context, func(sqldb.Querier) error) error) (passed, wait string) {
		t.Helper()
		const text = `SELECT COALESCE(current_setting('citus.propagate_set_commands', true), ''), current_setting('lock_timeout')`
		err := run(t.Context(), func(q sqldb.Querier) error {
			return q.Query(t.Context(), text, nil, func(scan func(...any) error) error { return scan(&passed, &wait) })
		})
		if err != nil {
			t.Fatal(err)
		}
		return passed, wait
	}
	own := spread + "?lock_timeout=1500"
	if strings.Contains(spread, "?") {
		own = spread + "&lock_timeout=1500"
	}
	for _, one := range []struct{ address, passed, wait, shared string }{
		{plain, "", "2s", "300ms"}, {spread, "local", "2s", "300ms"}, {own, "local", "1500ms", "300ms"},
	} {
		db := openAt(t, one.address)
		if passed, wait := settings(db.Write); passed != one.passed || wait != one.wait {
			t.Errorf("of %v a transaction sets %q, %q", one, passed, wait)
		}
		if passed, wait := settings(db.Share); passed != one.passed || wait != one.shared {
			t.Errorf("of %v a shared one sets %q, %q", one, passed, wait)
		}
	}
}
