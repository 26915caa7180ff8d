package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestASchemaIsMigratedOnceAndAgainChangesNothing(t *testing.T) {
	for name, url := range map[string]string{"SQLite": storetest.EmptySQLite(t), "PostgreSQL": storetest.EmptyPostgres(t)} {
		s := storetest.Open(t, url)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		current, known, err := s.Schema(t.Context())
		if err != nil || current != known || known < 1 {
			t.Errorf("%s: schema %d of %d, %v", name, current, known, err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestLookingAtADatabaseChangesNothing(t *testing.T) {
	for name, url := range map[string]string{"SQLite": storetest.EmptySQLite(t), "PostgreSQL": storetest.EmptyPostgres(t)} {
		s, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		current, known, err := s.Schema(t.Context())
		if err != nil || current != 0 || known < 1 {
			t.Errorf("%s: an empty database has schema %d of %d, %v", name, current, known, err)
		}
		if has, err := s.HasMasterKey(t.Context()); has || err != nil {
			t.Errorf("%s: an empty database has a master key: %t, %v", name, has, err)
		}
		if has, err := s.DB().HasTable(t.Context(), "goose_db_version"); has || err != nil {
			t.Errorf("%s: a table was made: %t, %v", name, has, err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if s, err = store.Open(t.Context(), url, store.Options{ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if current, _, err := s.Schema(t.Context()); err != nil || current != known {
			t.Errorf("%s: schema %d, %v", name, current, err)
		}
		record := audit.New(audit.ByCommand("root"), "mer_1", "merchant.add", "mer_1", time.Now())
		err = s.AddMerchant(t.Context(), merchant.Fresh{Merchant: merchant.Merchant{ID: "mer_1", Name: "shop", Mode: merchant.Test}}, refund.Action{Record: record})
		if err == nil || !strings.Contains(err.Error(), "read") {
			t.Errorf("%s: what is open for reading was changed: %v", name, err)
		}
	}
}
