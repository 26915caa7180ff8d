package storetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/refundry/refundry/store"
)

// fileName is the name of a SQLite file in its folder.
const fileName = "refundry.db"

// migratedFile is a SQLite file with the current schema, which every test of this
// process gets a copy of: that takes a hundredth of the time of the migrations.
var migratedFile folder

// SQLite returns the URL of a fresh database file that has the current schema and
// no rows.
func SQLite(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	err := migratedFile.copy(dir, func(dir string) error { return migrate("sqlite:" + filepath.Join(dir, fileName)) })
	if err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + filepath.Join(dir, fileName)
}

// EmptySQLite returns the URL of a database file that is not there yet.
func EmptySQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), fileName)
}

// migrate gives an empty database the current schema.
func migrate(url string) error {
	s, err := store.Open(context.Background(), url, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Migrate(context.Background())
}
