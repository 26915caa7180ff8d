package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const withCoupon = `, "coupons": [{"id": "c1", "scope": "GLOBAL", "type": "CASH", "amount": 33}], "subject": "<b>s", "identities": {"pingpp": {"app": "app_1Gqj58ynP0mHeX1q", "charge": "ch_console%s", "order": ""}}`

func TestAQuoteBecomesTheRefundThatItSays(t *testing.T) {
	rig := consoletest.Start(t)
	id := aCharge(t, rig, "QUOTE", 10000, fmt.Sprintf(withCoupon, "quote"))
	b := rig.As(t, merchant.RoleSupport, merchant.DemoID)
	page := b.Get(t, "/console/charges/ch_consolequote")
	if page.Status != http.StatusOK || page.Heading() != "Charge 100.00 CNY" || !page.Has("Left to refund: 100.00 CNY") || !page.Has("ch_consolequote") {
		t.Fatalf("%d %s", page.Status, page.Text())
	}
	for amount, says := range map[string]string{
		"50":                   "hint: 50.00",
		"5,00":                 "2 decimals of CNY",
		"-1.00":                "2 decimals of CNY",
		"100.01":               "This is more than can still be refunded",
		"99999999999999999.00": "This is more than can still be refunded",
		"0.00":                 "above 0",
		"":                     "write an amount",
	} {
		refused := b.Submit(t, page.Form("Show what it would give back").Fill(t, "Amount in CNY, with its decimals", amount))
		if refused.Status == http.StatusOK || !strings.Contains(refused.Problem(), says) || refused.Heading() != "Charge 100.00 CNY" {
			t.Errorf("%s: %d %q", amount, refused.Status, refused.Problem())
		}
	}
	all := b.Submit(t, page.Form("Show what it would give back").Fill(t, "Everything that is left: 100.00 CNY", "1"))
	both := b.Submit(t, page.Form("Show what it would give back").Fill(t, "Everything that is left: 100.00 CNY", "1").Fill(t, "Amount in CNY, with its decimals", "1.00"))
	if all.Heading() != "A refund of 100.00 CNY" || !strings.Contains(both.Problem(), "write an amount") {
		t.Errorf("everything: %q; an amount beside it: %q", all.Heading(), both.Problem())
	}
	form := page.Form("Show what it would give back").Fill(t, "Amount in CNY, with its decimals", "50.00").Fill(t, "Reason", "broken <i>")
	quote := b.Submit(t, form)
	rows := quote.Rows("What goes back to whom")
	if quote.Heading() != "A refund of 50.00 CNY" || len(rows) < 4 || rows[1][1] != "49.84 CNY" || rows[2][1] != "0.16 CNY" || !quote.Has("broken <i>") {
		t.Fatalf("the quote says %s", quote.Text())
	}
	if refunds, _, err := rig.Store.RefundList(t.Context(), refund.Filter{MerchantID: merchant.DemoID, ChargeID: id, Page: refund.Page{Limit: 10}}); err != nil || len(refunds) != 0 {
		t.Fatalf("a quote made %d refunds, %v", len(refunds), err)
	}
	confirm := quote.Form("Make this refund")
	made := b.Submit(t, confirm)
	if made.Flash() != "A refund of 50.00 CNY was accepted." || !strings.HasPrefix(made.Path(), "/console/refunds/re_") || !made.Has(b.User.Email) {
		t.Fatalf("made: %d %q %s", made.Status, made.Problem(), made.Text())
	}
	if again := b.Submit(t, confirm); again.Path() != made.Path() || again.Flash() != made.Flash() {
		t.Errorf("the second click: %d %s %q", again.Status, again.Path(), again.Problem())
	}
	refunds, _, err := rig.Store.RefundList(t.Context(), refund.Filter{MerchantID: merchant.DemoID, ChargeID: id, Page: refund.Page{Limit: 10}})
	if err != nil || len(refunds) != 1 || refunds[0].Amount != 5000 || refunds[0].By.Key != b.User.Email || refunds[0].By.Dialect != refund.ByConsole {
		t.Fatalf("there are %+v, %v", refunds, err)
	}
	until(t, rig, refunds[0].ID, func(r refund.Refund) bool { return r.State == refund.Succeeded })
	page = b.Get(t, "/console/charges/"+id)
	if rows = page.Rows("Its refunds and into what they fall"); len(rows) != 2 || rows[1][2] != "50.00 CNY" || rows[1][3] != "49.84 CNY" || rows[1][4] != "0.16 CNY" {
		t.Errorf("the charge shows %q", rows)
	}
	if !strings.Contains(page.Body, `<rect class="part-refunded" x="0" y="0" width="500" height="40">`) || !page.Has("refunded 50.00 CNY, left 50.00 CNY") {
		t.Errorf("the bar is another: %s", page.Body)
	}
}

func TestAQuoteThatDoesNotHoldAnyMoreIsRefusedWithANewOne(t *testing.T) {
	rig := consoletest.Start(t)
	id := aCharge(t, rig, "STALE", 100, fmt.Sprintf(withCoupon, "stale"))
	b := rig.As(t, merchant.RoleOperator, "")
	const amount = "Amount in CNY, with its decimals"
	quote := b.Submit(t, b.Get(t, "/console/charges/"+id).Form("Show what it would give back").Fill(t, amount, "0.50"))
	other := api(t, rig, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 50}`, id))["id"].(string)
	until(t, rig, other, func(r refund.Refund) bool { return r.State == refund.Succeeded })
	again := b.Submit(t, quote.Form("Make this refund"))
	if again.Status != http.StatusConflict || !strings.Contains(again.Problem(), "the charge has changed since the quote") || !again.Has("this is the new quote") {
		t.Fatalf("answered %d %q", again.Status, again.Problem())
	}
	made := b.Submit(t, again.Form("Make this refund"))
	if made.Flash() != "A refund of 0.50 CNY was accepted." {
		t.Errorf("by the new quote: %d %q", made.Status, made.Problem())
	}
	refused := b.Submit(t, quote.Form("Make this refund")) // its number is taken by the new one
	if refused.Status != http.StatusOK || refused.Path() != made.Path() {
		t.Errorf("the old quote, after its number was used: %d %s %q", refused.Status, refused.Path(), refused.Problem())
	}
}

func TestAChargeIsItsMerchantsAlone(t *testing.T) {
	rig := consoletest.Start(t)
	id := aCharge(t, rig, "ALONE", 100, "")
	other := rig.AddMerchant(t, "other")
	for _, one := range []struct {
		b         *consoletest.Browser
		get, post int
	}{
		{rig.As(t, merchant.RoleAdmin, other.ID), http.StatusNotFound, http.StatusNotFound},
		{rig.As(t, merchant.RoleViewer, merchant.DemoID), http.StatusOK, http.StatusForbidden},
	} {
		page := one.b.Get(t, "/console/charges/"+id)
		if page.Status != one.get || page.Form("Show what it would give back") != nil {
			t.Errorf("%s: %d", one.b.User.Email, page.Status)
		}
		for _, action := range []string{"quote", "refund"} {
			if page = one.b.Post(t, "/console/charges/"+id+"/"+action, map[string][]string{"amount": {"1.00"}, "number": {"n"}, "quote": {"m"}}); page.Status != one.post {
				t.Errorf("%s %s: %d, want %d", one.b.User.Email, action, page.Status, one.post)
			}
		}
	}
	b := rig.As(t, merchant.RoleViewer, "")
	if page := b.Get(t, "/console/charges/"+id+"?lang=zh"); page.Language() != "zh-CN" || !page.Has("可退金额") {
		t.Errorf("in Chinese: %s", page.Text())
	}
	if page := b.Get(t, "/console/charges/none?lang=en"); page.Status != http.StatusNotFound {
		t.Errorf("none: %d", page.Status)
	}
}
