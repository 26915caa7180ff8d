package store_test

import (
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

func TestSQLiteIsAStore(t *testing.T)     { storetest.Run(t, storetest.SQLite) }
func TestPostgreSQLIsAStore(t *testing.T) { storetest.Run(t, storetest.Postgres) }

// The texts that Citus is sent, on a server that has all rows itself: what is wrong
// with them but where rows lie shows without a cluster.
func TestPostgreSQLWithListsSplitByMerchantIsAStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB) string {
		url := storetest.PlainPostgres(t)
		storetest.Distribute(t, url)
		return url
	})
}
