package native_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// aLog is a log that a test reads.
type aLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *aLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

// A card to which a refund is rerouted is in no row of the database, in no file of it
// and in no line of the log, whether the call was fine or not; nor is a hash of the
// body with it, from which the number could be found by trying.
func TestACardIsKeptNowhere(t *testing.T) {
	const account, name = "6222020000000000403", "SECRETHOLDER"
	var logged aLog
	file := filepath.Join(t.TempDir(), "card.db")
	s := dialecttest.Start(t, func(o *service.Options) {
		o.Database = "sqlite:" + file
		o.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	path := asked(152, refund.Abnormal, "/refunds/{}/reroute")(t, s)
	body := `{"to": "card", "bank_type": "CMB_DEBIT", "bank_account": "` + account + `", "real_name": "` + name + `"}`
	send(t, s, demo, "POST", path, strings.Replace(body, `"card"`, `"merchant"`, 1), http.StatusBadRequest)
	send(t, s, demo, "POST", path, strings.Replace(body, `"real_name"`, `"holder"`, 1), http.StatusBadRequest, "Idempotency-Key", "card")
	send(t, s, demo, "POST", path, body, http.StatusOK, "Idempotency-Key", "card")
	// Another card under the same key is the same write: of the card nothing is kept.
	again := send(t, s, demo, "POST", path, strings.Replace(body, account, "6222020000000000999", 1), http.StatusOK, "Idempotency-Key", "card")
	await(t, s, demo, text(again, "id"), refund.Succeeded)
	send(t, s, demo, "POST", path, body, http.StatusConflict)
	for _, name := range []string{file, file + "-wal"} {
		rows, err := os.ReadFile(name) // #nosec G304 -- the test's own file
		if err != nil {
			t.Fatal(err)
		}
		nowhere(t, name, rows, account)
	}
	logged.mu.Lock()
	defer logged.mu.Unlock()
	nowhere(t, "the log", logged.text.Bytes(), account)
}

func nowhere(t *testing.T, where string, kept []byte, account string) {
	t.Helper()
	for _, secret := range []string{account, account[:12], "SECRETHOLDER"} {
		if bytes.Contains(kept, []byte(secret)) {
			t.Errorf("%s holds %q", where, secret)
		}
	}
}
