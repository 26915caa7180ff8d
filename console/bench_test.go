package console_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
)

// BenchmarkConsole measures each page of the console, and each list and sum of the
// native API, of the demo merchant with REFUNDS refunds: a million by make
// bench-console. ENGINE is postgresql, unless it says sqlite; DATABASE is the URL of a
// database to use, and to keep, which is filled if it has no refund.
// It prints what 50 and 95 of 100 loads took.
func BenchmarkConsole(b *testing.B) {
	refunds := int64(10_000)
	if text := os.Getenv("REFUNDS"); text != "" {
		if _, err := fmt.Sscan(text, &refunds); err != nil {
			b.Fatal(err)
		}
	}
	address := os.Getenv("DATABASE")
	switch {
	case address != "":
	case os.Getenv("ENGINE") == "sqlite":
		address = storetest.SQLite(b)
	default:
		address = storetest.Postgres(b)
	}
	rig := consoletest.StartOn(b, address)
	driver, source := "pgx", address
	if file, is := strings.CutPrefix(address, "sqlite:"); is {
		driver, source = "sqlite", file
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if there := number(b.Context(), b, db, "SELECT COUNT(*) FROM refunds WHERE merchant_id = 'mer_demo'"); there == 0 {
		fill(b, rig, db, refunds)
	} else {
		refunds = there
	}
	user := rig.As(b, merchant.RoleAdmin, "")
	for _, path := range append(pages(refunds), lists(b, rig, db, refunds)...) {
		took, size := loads(b, user, path)
		b.Logf("%-90s p50 %8s  p95 %8s %7d bytes", path, took[len(took)/2].Round(100*time.Microsecond), took[len(took)*95/100].Round(100*time.Microsecond), size)
	}
}

// pages are addresses of the console.
func pages(refunds int64) []string {
	half := fmt.Sprint(refunds / 2)
	return []string{
		"/console/", "/console/?days=90", "/console/overview.json?days=30", "/console/refunds", "/console/refunds?state=failed", "/console/refunds?state=succeeded", "/console/refunds?channel=none",
		"/console/refunds?amount_min=900&reason=mind", "/console/refunds?q=N" + half, "/console/refunds?q=tx77", "/console/refunds?failure_code=CLOSED", "/console/refunds/re_" + half, "/console/charges/ch_" + half,
		"/console/queues/abnormal", "/console/queues/unknown", "/console/queues/funds", "/console/queues/deliveries", "/console/queues/foreign", "/console/queues/approvals", "/console/bulk", "/console/policies",
		"/console/audit", "/console/settings/users", "/console/settings/merchants", "/console/settings/merchants/mer_demo", "/console/settings/accounts", "/console/settings/accounts/sandbox_demo",
		"/console/settings/endpoints", "/console/settings/keys",
	}
}

// lists are addresses of the native API.
func lists(b *testing.B, rig *consoletest.Rig, db *sql.DB, refunds int64) []string {
	b.Helper()
	half, last := fmt.Sprint(refunds/2), fmt.Sprint(refunds-1)
	middle := number(b.Context(), b, db, "SELECT created_at FROM refunds WHERE merchant_id = 'mer_demo' AND id = 're_"+half+"'")
	at := time.UnixMicro(middle).UTC().Format("2006-01-02T15:04:05Z")
	var all []string
	for _, one := range []string{
		"refunds", "refunds?limit=100", "refunds?created_to=" + at, "refunds?state=failed", "refunds?state=succeeded", "refunds?state=succeeded&created_to=" + at, "refunds?state=pending", "refunds?state=held", "refunds?state=canceled",
		"refunds?state=failed&state=pending", "refunds?channel=none", "refunds?channel=alipay", "refunds?account=none", "refunds?account=sandbox_demo", "refunds?amount_min=900", "refunds?amount_min=90000", "refunds?reason=never", "refunds?reason=mind",
		"refunds?reason_code=late", "refunds?reason_code=none", "refunds?failure_code=CLOSED", "refunds?failure_code=none", "refunds?needs_person=true", "refunds?customer=M-77", "refunds?customer=none", "refunds?number=N" + half, "refunds?number=none",
		"refunds?charge=ch_" + half, "refunds?charge=none", "refunds?q=N" + half, "refunds?q=T" + half, "refunds?q=M-77", "refunds?q=ch_alias" + last, "refunds?q=none", "refunds?customer=M-77&state=failed",
		"refunds?state=failed&channel=none", "refunds?state=failed&amount_min=90000", "refunds/re_" + half, "refunds/re_" + half + "/trace",
		"charges", "charges?limit=100", "charges?created_to=" + at, "charges?paid_to=" + at, "charges?paid_from=" + at, "charges?order_no=T" + half, "charges?order_no=none", "charges?customer=M-77", "charges?channel=none", "charges?channel=alipay",
		"charges?amount_min=90000", "charges?amount_min=900", "charges/ch_" + half,
		"deliveries", "deliveries?state=dead", "deliveries?state=waiting", "deliveries?state=delivered", "deliveries?event=evt_" + half, "deliveries?event=none", "deliveries?endpoint=we_often", "deliveries?endpoint=we_rare", "deliveries?endpoint=we_none",
		"events", "events?limit=100", "events?after=" + readNext(b, rig),
		"queues", "queues/abnormal", "queues/unknown", "queues/funds", "queues/deliveries", "queues/foreign", "overview", "balances", "alerts", "alerts?all=true", "notices", "notices?state=waiting", "notices?state=matched", "notices?state=refused",
		"approvals", "bulk", "policies", "endpoints", "accounts", "keys", "users", "audit", "audit?actor=none", "audit?object=none", "audit?action=none",
	} {
		all = append(all, "/refundry/v1/"+one)
	}
	return all
}

// readNext is where the feed goes on behind its first page.
func readNext(b *testing.B, rig *consoletest.Rig) string {
	b.Helper()
	text, err := get(b, rig.Browser(b), "/refundry/v1/events")
	var page struct{ Next string }
	if err == nil {
		err = json.Unmarshal([]byte(text), &page)
	}
	if err != nil || page.Next == "" {
		b.Fatalf("%v: %s", err, text)
	}
	return page.Next
}

// loads loads an address 40 times, and returns how long each took, shortest first.
func loads(b *testing.B, user *consoletest.Browser, path string) (took []time.Duration, size int) {
	b.Helper()
	for range 40 {
		begin := time.Now()
		text, err := get(b, user, path)
		took, size = append(took, time.Since(begin)), len(text)
		if err != nil {
			b.Errorf("%s: %v %s", path, err, text[:min(300, len(text))])
			break
		}
	}
	slices.Sort(took)
	return took, size
}

func get(b *testing.B, user *consoletest.Browser, path string) (string, error) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, user.URL+path, nil)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(path, "/refundry/") {
		request.Header.Set("Authorization", "Bearer rk_test_demo")
	}
	answer, err := user.Client.Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(text), errors.Join(err, answer.Body.Close())
}
