package native_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

func TestARestoredAccountIsAskedBeforeItIsResumed(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paid(t, s, 1000)
	known := text(send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 100}`, charge), http.StatusCreated, "Prefer", "wait=10"), "id")
	await(t, s, demo, known, refund.Succeeded)
	desk, err := service.NewAdmin(t.Context(), s.Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	restored := func() {
		t.Helper()
		if err := desk.PauseRestored(t.Context(), admin.By{Actor: audit.ByCommand("root")}, "mer_demo", merchant.DemoAccount, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	restored()
	if answer := send(t, s, demo, "GET", "/accounts/sandbox_demo", "", http.StatusOK); text(answer, "state") != "paused" || text(answer, "ask_since") == "" {
		t.Errorf("the account is %s", answer)
	}
	if answer := send(t, s, demo, "POST", "/accounts/sandbox_demo/resume", "", http.StatusConflict); !strings.Contains(answer, "nobody has asked it") {
		t.Errorf("resuming it answers %s", answer)
	}
	send(t, s, demo, "POST", "/accounts/sandbox_demo/close", "", http.StatusConflict)
	send(t, s, demo, "POST", "/accounts/sandbox_demo/check", `{"since": "2999-01-01T00:00:00Z"}`, http.StatusBadRequest)
	answer := send(t, s, demo, "POST", "/accounts/sandbox_demo/check", `{"since": "2026-01-01T00:00:00Z"}`, http.StatusOK)
	if text(answer, "known") != "1" || !strings.Contains(answer, `"adopted":[]`) {
		t.Errorf("asking it answers %s", answer)
	}
	if answer := send(t, s, demo, "POST", "/accounts/sandbox_demo/resume", "", http.StatusOK); text(answer, "state") != "active" || text(answer, "ask_since") != "" {
		t.Errorf("resumed, it is %s", answer)
	}
	restored()
	if answer := send(t, s, demo, "POST", "/accounts/sandbox_demo/resume", `{"unchecked": true}`, http.StatusOK); text(answer, "state") != "active" {
		t.Errorf("resumed unchecked, it is %s", answer)
	}
	if records := send(t, s, demo, "GET", "/audit?limit=100", "", http.StatusOK); strings.Count(records, `"unchecked":"true"`) != 1 || strings.Count(records, `"account.check"`) != 1 {
		t.Errorf("the records are %s", records)
	}
}
