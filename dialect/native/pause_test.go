package native_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

func TestAKeyPausesItsMerchantAloneAndCannotEndAnOperatorsPause(t *testing.T) {
	s := dialecttest.Start(t)
	other := s.Merchant(t, "other", merchant.Test, nil)
	send(t, s, demo, "POST", "/merchant/pause", `{"reason": "counting"}`, http.StatusOK)
	if answer := send(t, s, other.Key(merchant.Native), "GET", "/merchant", "", http.StatusOK); !strings.Contains(answer, `"pauses":[]`) {
		t.Errorf("another merchant is shown %s", answer)
	}
	desk, err := service.NewAdmin(t.Context(), s.Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Pause(t.Context(), admin.By{Actor: audit.ByCommand("root")}, merchant.PauseScope{}, "by the operator"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/merchant/pause", "/merchant/resume"} { // empty is not every one
		send(t, s, demo, "POST", path, `{"channel": ""}`, http.StatusBadRequest)
	}
	charge := paid(t, s, 1000)
	id := text(send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 100}`, charge), http.StatusCreated), "id")
	left := send(t, s, demo, "POST", "/merchant/resume", "", http.StatusOK)
	if !strings.Contains(left, `"merchant":null`) || !strings.Contains(left, "by the operator") || strings.Contains(left, "root") || strings.Contains(left, "counting") {
		t.Errorf("after the merchant resumed, it is shown %s", left)
	}
	if answer := send(t, s, demo, "GET", "/accounts/sandbox_demo", "", http.StatusOK); !strings.Contains(answer, "by the operator") {
		t.Errorf("the account is shown %s", answer)
	}
	if answer := send(t, s, demo, "GET", "/refunds/"+id, "", http.StatusOK); text(answer, "state") != string(refund.Created) {
		t.Errorf("the refund is %s", answer)
	}
	if _, err := desk.Resume(t.Context(), admin.By{Actor: audit.ByCommand("root")}, merchant.PauseScope{}); err != nil {
		t.Fatal(err)
	}
	await(t, s, demo, id, refund.Succeeded)
}
