// Package dialecttest helps to test dialects against the real service in the
// process of the test: Start runs it on a fresh SQLite file with the demo
// merchant, Transcript compares whole conversations with golden files, and Run
// is the suite that every dialect must pass. Only tests import it.
package dialecttest

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/service/servicetest"
	"github.com/refundry/refundry/store/storetest"
)

// closeTimeout is far above what the end of a service takes.
const closeTimeout = 30 * time.Second

// Service is a running service with the demo merchant.
type Service struct {
	*service.Service
	// URL is where it listens: http://127.0.0.1:port.
	URL string
	// reading is a connection of its own to the database.
	reading *sql.DB
}

// Start runs a service on a fresh database file until the test ends; change
// may set further options. It loads the demo merchant. With the standard folders
// and clock the file is a copy of one that another service of this process has
// prepared and closed.
func Start(t testing.TB, change ...func(*service.Options)) *Service {
	t.Helper()
	dir := t.TempDir()
	s := &Service{}
	opts := service.Options{Database: servicetest.Database(dir), Data: servicetest.Data(dir), Demo: true, Log: slog.New(slog.DiscardHandler)}
	standard := opts
	for _, set := range change {
		set(&opts)
	}
	if opts.Database == standard.Database && opts.Data == standard.Data && opts.Demo && opts.MasterKey == "" && opts.Now == nil {
		servicetest.Prepare(t, dir)
	}
	var err error
	if s.Service, err = service.Start(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	file := strings.TrimPrefix(standard.Database, "sqlite:")
	if !s.Store.SQLite() {
		file = filepath.Join(dir, "none.db") // of what is counted in the file
	}
	if s.reading, err = sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(10000)"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	s.URL = server.URL
	t.Cleanup(func() {
		server.Close()
		_ = s.reading.Close()
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Charge registers a paid charge of a merchant on its sandbox account, with a
// name in each dialect that the merchant has; edit may change it before. An id,
// a transaction number and an order number are made up where edit sets none.
func (s *Service) Charge(t testing.TB, merchantID string, amount money.Minor, edit func(*refund.Charge)) refund.Charge {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	accounts, err := s.Store.ChannelAccounts(t.Context(), merchantID)
	if err != nil {
		t.Fatal(err)
	}
	account, ok := dialect.SandboxAccount(accounts)
	if !ok {
		t.Fatalf("merchant %s has no sandbox account", merchantID)
	}
	id := refund.NewID(now)
	charge := refund.Charge{
		MerchantID: merchantID, ID: "ch_" + id, OrderNo: "T" + id, Channel: "wx", ChannelAccount: account.ID,
		TransactionID: refund.NewTransactionID(now), Currency: "CNY", Amount: amount, PaidAt: now, CreatedAt: now, UpdatedAt: now,
	}
	if edit != nil {
		edit(&charge)
	}
	identities, err := s.Store.Identities(t.Context(), merchantID)
	if err != nil {
		t.Fatal(err)
	}
	stored, _, err := s.Store.RegisterCharge(t.Context(), dialect.FillAliases(service.Dialects(), charge, identities), nil)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// Merchant adds a merchant with an identity and keys in every dialect.
func (s *Service) Merchant(t testing.TB, name string, mode merchant.Mode, edit func(*merchant.Fresh)) merchant.Fresh {
	t.Helper()
	fresh, err := merchant.NewFresh(name, mode, service.Dialects(), nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(&fresh)
	}
	fresh.Merchant.Name += " " + fresh.Merchant.ID // no two merchants have one name
	if err := s.Store.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store.LinkAudit(t.Context(), fresh.Merchant.ID); err != nil {
		t.Fatal(err)
	}
	return fresh
}

// Refunds are a charge's, newest first.
func (s *Service) Refunds(t testing.TB, charge refund.Charge) []refund.Refund {
	t.Helper()
	refunds, more, err := s.Store.RefundList(t.Context(), refund.Filter{
		MerchantID: charge.MerchantID, ChargeID: charge.ID, Page: refund.Page{Limit: 100},
	})
	if err != nil {
		t.Fatal(err)
	}
	if more {
		t.Fatal("more refunds than a test should make")
	}
	return refunds
}

// Answer is an answer without its body, which is read and closed.
type Answer struct {
	StatusCode    int
	Header        http.Header
	Close         bool // the connection is closed behind it
	ContentLength int64
}

// Do sends a request and reads the whole answer.
func Do(t testing.TB, r *http.Request) (Answer, string) {
	t.Helper()
	answer, body, err := do(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

// do is Do for goroutines of a test, which must not end it.
func do(r *http.Request) (Answer, string, error) {
	return exchange(http.DefaultTransport, r)
}

// exchange sends a request and reads the whole answer. With an error the answer
// has a status only if it began.
func exchange(by http.RoundTripper, r *http.Request) (Answer, string, error) {
	response, err := by.RoundTrip(r)
	if err != nil {
		return Answer{}, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return Answer{response.StatusCode, response.Header, response.Close, response.ContentLength}, string(body), err
}

// Request makes a request; headers are name, value, name, value.
func Request(t testing.TB, method, url, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n+1 < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	return r
}
