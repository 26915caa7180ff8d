package service

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// A bank sends a refund back after a day, and no notice comes: the shop finds out by
// asking again.
func TestARefundThatABankSendsBackIsNoticedWithoutANotice(t *testing.T) {
	var clock hurriedClock
	platform := start(t, Options{Database: storetest.SQLite(t), Demo: true, Now: clock.now})
	server := httptest.NewServer(http.HandlerFunc(platform.Handler().ServeHTTP))
	t.Cleanup(server.Close)
	w := newWeChatShopAt(t, start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now}), platform, server.URL, "1900009191", "public_key")
	amount := money.Minor(156) // as the sandbox at the platform reads it: returned later
	result, err := w.intake.Accept(t.Context(), refund.Unit{
		MerchantID: w.owner, Requests: []refund.Request{{ChargeID: w.charge.ID, Amount: &amount}}, Members: []refund.Content{{}},
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	id := result.Refunds[0].ID
	done := clock.hurry(t, w.Service, w.owner, id, refund.Succeeded)
	if until := done.WatchAt.Sub(done.SucceededAt); until != 24*time.Hour {
		t.Fatalf("it is asked about again after %v", until)
	}
	if code, body := call(t, platform, http.MethodPost, "/refundry/v1/sandbox/clock", `{"advance_seconds": 90000}`); code != http.StatusOK && code != http.StatusNoContent {
		t.Fatalf("%d %s", code, body)
	}
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		theirs, err := platform.Store.Charge(t.Context(), merchant.DemoID, demoWeChatID)
		if err != nil || time.Now().After(end) {
			t.Fatalf("the platform has %d refunded, %v", theirs.Refunded, err)
		}
		if theirs.Refunded == 0 {
			break
		}
	}
	clock.ahead.Add(int64(25 * time.Hour))
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		if _, err := w.engine.StepWatch(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := w.Store.Refund(t.Context(), w.owner, id)
		switch {
		case err != nil:
			t.Fatal(err)
		case r.State == refund.Failed:
			charge, err := w.Store.Charge(t.Context(), w.owner, w.charge.ID)
			if err != nil || charge.Refunded != 0 || r.FailureCode != "CLOSED" || !r.WatchAt.IsZero() {
				t.Errorf("%d refunded, %s, watched at %v, %v", charge.Refunded, r.FailureCode, r.WatchAt, err)
			}
			if found, err := Verify(t.Context(), w.Store); err != nil || len(found) != 0 {
				t.Errorf("verify finds %v, %v", found, err)
			}
			return
		case time.Now().After(end):
			attempts, _ := w.Store.Attempts(t.Context(), w.owner, id)
			t.Fatalf("the refund is %s; attempts %+v", r.State, attempts)
		}
	}
}
