package wechatpay_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/service"
)

// A disabled merchant's mchid is not known, however well its requests are signed;
// once it is enabled again they are taken.
func TestADisabledMerchantsRequestsAreNotTaken(t *testing.T) {
	s := dialecttest.Start(t)
	p := demo(t, s, direct)
	const body = `{"transaction_id":"4200000000202607010000000001","out_refund_no":"D1","amount":{"refund":1,"total":1000,"currency":"CNY"}}`
	desk, err := service.NewAdmin(t.Context(), s.Store, nil)
	if err != nil {
		t.Fatal(err)
	}
	by := admin.By{Actor: audit.ByCommand("root")}
	if _, err := desk.DisableMerchant(t.Context(), by, "mer_demo"); err != nil {
		t.Fatal(err)
	}
	s.Unchanged(t, func() {
		for _, r := range []*http.Request{p.request(t, "POST", refundPath, body), p.request(t, "GET", refundPath+"/D1", "")} {
			// As for any mchid that is not known, there is no key to sign the answer with.
			if answer, text := dialecttest.Do(t, r); answer.StatusCode != http.StatusUnauthorized || !strings.Contains(text, `"code":"SIGN_ERROR"`) {
				t.Errorf("%s is answered %d %s", r.Method, answer.StatusCode, text)
			}
		}
	})
	if _, err := desk.EnableMerchant(t.Context(), by, "mer_demo"); err != nil {
		t.Fatal(err)
	}
	p.post(t, refundPath, body, http.StatusOK)
}
