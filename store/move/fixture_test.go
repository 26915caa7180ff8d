package move_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/sample"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/move"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var silent = slog.New(slog.DiscardHandler)

// month is a file with a few days of a sample, made once for all tests.
var month = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "refundry-move-")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "month.db")
	_, err = sample.Load(context.Background(), sample.Options{Database: "sqlite:" + name, Data: dir, MasterKey: storetest.MasterKey, Days: 2, Seed: 1})
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(name + "-wal")
	if err == nil {
		return "", fmt.Errorf("%s has a log beside it", name)
	}
	monthBytes = raw
	return name, os.RemoveAll(dir)
})

var monthBytes []byte

// old is a database of its own for a test, with a few days of a sample.
func old(t testing.TB) string {
	t.Helper()
	if _, err := month(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "old.db")
	if err := os.WriteFile(name, monthBytes, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + name
}

// open opens a database as it is.
func open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := service.OpenStore(t.Context(), url, store.Options{Log: silent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// empty is a new database with the schema and nothing else.
func empty(t testing.TB) (url string, s *store.Store) {
	t.Helper()
	url = storetest.PlainPostgres(t)
	s = open(t, url)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return url, s
}

func options() move.Options {
	return move.Options{From: "old", To: "new", ID: func() string { return refund.NewID(time.Now()) }, Log: silent}
}

// rows reads a whole table as texts, in the order of its key.
func rows(t testing.TB, s *store.Store, table string, columns []sqldb.Column) (all []string) {
	t.Helper()
	names, order := "", ""
	for n, c := range columns {
		if n > 0 {
			names += ", "
		}
		names += c.Name
		if c.Key > 0 && c.Kind == "TEXT" && !s.SQLite() {
			order += fmt.Sprintf(", %s COLLATE \"C\"", c.Name)
		} else if c.Key > 0 {
			order += ", " + c.Name
		}
	}
	err := s.Read(t.Context(), func(q sqldb.Querier) error {
		return q.Query(t.Context(), "SELECT "+names+" FROM "+table+" ORDER BY "+order[2:], nil, func(scan func(...any) error) error {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for n := range values {
				into[n] = &values[n]
			}
			err := scan(into...)
			for n, c := range columns {
				switch value := values[n].(type) {
				case int64:
					if c.Kind == "BOOLEAN" {
						values[n] = value == 1
					}
				case []byte:
					values[n] = string(value) // none is nil, and nil is none
				}
			}
			all = append(all, fmt.Sprintf("%q", values))
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
