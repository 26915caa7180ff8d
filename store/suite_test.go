package store_test

import (
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

func TestSQLiteIsAStore(t *testing.T)     { storetest.Run(t, storetest.SQLite) }
func TestPostgreSQLIsAStore(t *testing.T) { storetest.Run(t, storetest.Postgres) }
