package storetest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store"
)

// MasterKey is the master key of stores in tests, base64 of 32 bytes.
const MasterKey = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

// Each runs a test on a fresh, migrated store of each engine.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, Open(t, SQLite(t))) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, Open(t, Postgres(t))) })
}

// Open opens a database with the keyring of MasterKey, and migrates it where it is
// empty or older; it is closed at the end of the test.
func Open(t testing.TB, url string) *store.Store {
	t.Helper()
	tables := sandbox.Tables()
	s, err := store.Open(context.Background(), url, store.Options{
		Dialects: store.Dialects{BatchEnd: pingpp.BatchEnd}, Growing: tables.Growing, DeleteRefunds: tables.DeleteRefunds,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	keyring, err := secret.New(bytes.Repeat([]byte{1}, secret.MasterBytes))
	if err != nil {
		t.Fatal(err)
	}
	s.UseKeyring(keyring)
	return s
}

// Record is an action that a test does at the command line.
func Record(merchantID string) refund.Action {
	return refund.Action{Record: audit.New(audit.ByCommand("test"), merchantID, "test", "", time.Now())}
}
