// Package servicetest saves tests the time in which a service makes its schema, its
// keys and the demo merchant.
package servicetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
)

// prepareTimeout is far above what a start and an end take.
const prepareTimeout = time.Minute

// prepared is the folder of a service with the demo merchant: RSA keys alone take
// fifty times longer than a copy.
var prepared = storetest.Prepared{Make: prepare}

func prepare(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), prepareTimeout)
	defer cancel()
	s, err := service.Start(ctx, service.Options{
		Database: Database(dir), Data: Data(dir), Demo: true, Log: slog.New(slog.DiscardHandler),
		Simulated: service.Simulated{Stepped: true},
	})
	if err != nil {
		return err
	}
	return s.Close(ctx)
}

// Database is the URL of the SQLite file in a folder.
func Database(dir string) string { return "sqlite:" + filepath.Join(dir, "refundry.db") }

// Data is the data folder in a folder.
func Data(dir string) string { return filepath.Join(dir, "data") }

// Prepare fills an empty folder with Database and Data, as a service with the demo
// merchant leaves them that was started and ended well, a moment ago. Services of
// one test have keys of their own each; those of tests one after the other have the
// same.
func Prepare(t testing.TB, dir string) {
	t.Helper()
	prepared.Copy(t, dir)
}
