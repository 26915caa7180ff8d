package console_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// api sends a request to the demo merchant's native API, and returns its answer.
func api(t testing.TB, rig *consoletest.Rig, method, path, body string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, rig.URL+"/refundry/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer rk_test_demo")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	answer := map[string]any{}
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %s %v", method, path, response.StatusCode, text, err)
	}
	return answer
}

// aCharge registers a charge with what else its JSON may have, and returns its id.
func aCharge(t testing.TB, rig *consoletest.Rig, order string, amount int, more string) string {
	t.Helper()
	return api(t, rig, "POST", "/charges", fmt.Sprintf(`{"order_no": %q, "amount": %d, "currency": "CNY", "channel": "wx"%s}`, order, amount, more))["id"].(string)
}

// aRefund makes a refund of a new charge, and waits until it is in a state.
func aRefund(t testing.TB, rig *consoletest.Rig, minor int, state refund.State, more string) refund.Refund {
	t.Helper()
	charge := aCharge(t, rig, fmt.Sprintf("O-%d-%d", minor, time.Now().UnixNano()), minor, "")
	id := api(t, rig, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": %d%s}`, charge, minor, more))["id"].(string)
	return until(t, rig, id, func(r refund.Refund) bool { return r.State == state && r.LeaseUntil.IsZero() })
}

// until waits for a refund.
func until(t testing.TB, rig *consoletest.Rig, id string, fits func(refund.Refund) bool) refund.Refund {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; {
		r, err := rig.Store.Refund(t.Context(), merchant.DemoID, id)
		if err == nil && fits(r) {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("refund %s is %s, held for %q, %v", id, r.State, r.HeldReason, err)
		}
	}
}

// act walks from a refund's page over the step that says what will happen to its end,
// and clicks twice.
func act(t testing.TB, b *consoletest.Browser, id, action, button string, fill func(*consoletest.Form)) *consoletest.Page {
	t.Helper()
	page := b.Get(t, "/console/refunds/"+id)
	step := b.Get(t, page.Link(action))
	form := step.Form(button)
	if form == nil {
		t.Fatalf("%s shows %d %s", action, step.Status, step.Text())
	}
	if fill != nil {
		fill(form)
	}
	done := b.Submit(t, form)
	for range 20 { // while the engine is at it
		if done.Status != http.StatusConflict || !strings.Contains(done.Problem(), "try again") {
			break
		}
		done = b.Submit(t, form)
	}
	if again := b.Submit(t, form); done.Status == http.StatusOK && again.Flash() != done.Flash() {
		t.Errorf("%s: the second click shows %d %q %q", action, again.Status, again.Flash(), again.Problem())
	}
	return done
}

func TestARefundIsFoundByAnyNumberAndItsTextsAreInert(t *testing.T) {
	rig := consoletest.Start(t)
	r := aRefund(t, rig, 100, refund.Succeeded, `, "number": "R-<b>1", "reason": "<script>alert(1)</script>", "customer": "\"><img src=x>"`)
	b := rig.As(t, merchant.RoleViewer, "")
	for _, number := range []string{r.ID, r.ChannelNumber, r.ChannelRefundID, url.PathEscape("R-<b>1")} {
		page := b.Get(t, "/console/refunds/"+number)
		if page.Status != http.StatusOK || page.Heading() != "Refund 1.00 CNY succeeded" || !page.Has("The payer has the money.") || !page.Has("Nobody has to do anything.") {
			t.Fatalf("%s: %d %s", number, page.Status, page.Text())
		}
		if strings.Contains(page.Body, "<script>alert") || strings.Contains(page.Body, "<img") || !page.Has("<script>alert(1)</script>") {
			t.Errorf("a merchant's text is not inert:\n%s", page.Body)
		}
		for _, action := range []string{"Cancel", "Retry", "Resend webhooks", "Ask the channel"} {
			if page.Link(action) != "" {
				t.Errorf("a viewer is offered %q", action)
			}
		}
	}
	page := b.Get(t, "/console/refunds/"+r.ID)
	var what []string
	for _, row := range page.Rows("")[1:] {
		what = append(what, row[1])
	}
	if got := strings.Join(what, " "); !strings.HasPrefix(got, "request transfer") || !strings.Contains(got, "submit") || !strings.Contains(got, "event") {
		t.Errorf("the timeline has %s", got)
	}
	page = b.Get(t, "/console/refunds/"+r.ID+"?lang=zh")
	if page.Language() != "zh-CN" || !page.Has("付款人已收到款项。") || !page.Has("时间线") {
		t.Errorf("in Chinese: %s", page.Text())
	}
	if page = b.Get(t, "/console/refunds/re_none"); page.Status != http.StatusNotFound {
		t.Errorf("none: %d", page.Status)
	}
}

func TestAnotherMerchantsRefundIsNotThere(t *testing.T) {
	rig := consoletest.Start(t)
	r := aRefund(t, rig, 158, refund.Pending, "")
	other := rig.AddMerchant(t, "other")
	stranger, support, viewer := rig.As(t, merchant.RoleAdmin, other.ID), rig.As(t, merchant.RoleSupport, merchant.DemoID), rig.As(t, merchant.RoleViewer, merchant.DemoID)
	for _, one := range []struct {
		b      *consoletest.Browser
		path   string
		status int
	}{
		{stranger, "", http.StatusNotFound},
		{stranger, "?merchant=" + merchant.DemoID, http.StatusNotFound},
		{stranger, "/retry", http.StatusNotFound},
		{support, "", http.StatusOK},
		{support, "/retry", http.StatusOK},
		{support, "/resolve", http.StatusForbidden},
		{support, "/nothing", http.StatusNotFound},
		{viewer, "/retry", http.StatusForbidden},
		{viewer, "/replay", http.StatusForbidden},
	} {
		path := "/console/refunds/" + r.ID + one.path
		if page := one.b.Get(t, path); page.Status != one.status {
			t.Errorf("%s %s: %d, want %d", one.b.User.Email, path, page.Status, one.status)
		}
		if one.path == "" || strings.HasPrefix(one.path, "?") || one.status == http.StatusOK {
			continue
		}
		if page := one.b.Post(t, path, url.Values{"state": {"failed"}, "proof": {"p"}}); page.Status != one.status {
			t.Errorf("%s POST %s: %d, want %d", one.b.User.Email, path, page.Status, one.status)
		}
	}
	if now, err := rig.Store.Refund(t.Context(), merchant.DemoID, r.ID); err != nil || now.State != refund.Pending {
		t.Errorf("it is %s, %v", now.State, err)
	}
}

func TestEachActionDoesWhatItsStepSays(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleOperator, merchant.DemoID)
	r := aRefund(t, rig, 158, refund.Pending, "")
	if page := act(t, b, r.ID, "Ask the channel", "Ask now", nil); page.Flash() != "The channel was asked." || !page.Has("refund.ask") {
		t.Errorf("asked: %q %q", page.Flash(), page.Problem())
	}
	if page := act(t, b, r.ID, "Retry", "Retry now", nil); page.Flash() != "The refund is looked at now." {
		t.Errorf("retried: %q %q", page.Flash(), page.Problem())
	}
	bad := act(t, b, r.ID, "Resolve with proof", "Record it", func(f *consoletest.Form) { f.Fill(t, "How it ended", "failed").Fill(t, "Proof", " ") })
	if bad.Status != http.StatusUnprocessableEntity || !strings.Contains(bad.Problem(), "proof must not be empty") || !strings.Contains(bad.Body, `aria-invalid="true"`) {
		t.Errorf("without proof: %d %q", bad.Status, bad.Problem())
	}
	resolve := func() *consoletest.Page {
		return act(t, b, r.ID, "Resolve with proof", "Record it", func(f *consoletest.Form) { f.Fill(t, "How it ended", "failed").Fill(t, "Proof", "statement 7 <b>") })
	}
	page := resolve()
	for strings.Contains(page.Problem(), "is being asked about the refund; try again") { // it was retried above
		page = resolve()
	}
	if page.Flash() != "It is recorded." || page.Heading() != "Refund 1.58 CNY failed" || !page.Has("statement 7 <b>") || !page.Has(b.User.Email) {
		t.Errorf("resolved: %q %q %s", page.Flash(), page.Problem(), page.Text())
	}
	if now := until(t, rig, r.ID, func(r refund.Refund) bool { return r.State == refund.Failed }); now.ResolvedBy.Name != b.User.Email {
		t.Errorf("resolved by %v", now.ResolvedBy)
	}
	if step := b.Get(t, "/console/refunds/"+r.ID+"/resolve"); true {
		late := b.Submit(t, step.Form("Record it").Fill(t, "How it ended", "succeeded").Fill(t, "Proof", "p"))
		if late.Status != http.StatusConflict || !strings.Contains(late.Problem(), "second person") {
			t.Errorf("after its end: %d %q", late.Status, late.Problem())
		}
	}
	held := aRefund(t, rig, 155, refund.Held, "")
	if page := act(t, b, held.ID, "Cancel", "Cancel the refund", nil); !strings.HasPrefix(page.Flash(), "The refund is canceled, or will be") {
		t.Errorf("canceled: %d %q %q", page.Status, page.Flash(), page.Problem())
	}
	until(t, rig, held.ID, func(r refund.Refund) bool { return r.State == refund.Canceled })
}

func TestACardReachesTheChannelAndNothingElse(t *testing.T) {
	const account, holder = "6222020000000000403", "SECRETHOLDER"
	file := filepath.Join(t.TempDir(), "card.db")
	rig := consoletest.StartOn(t, "sqlite:"+file)
	b := rig.As(t, merchant.RoleSupport, merchant.DemoID)
	r := aRefund(t, rig, 152, refund.Abnormal, "")
	card := func(f *consoletest.Form) {
		f.Values.Set("type", "card")
		f.Fill(t, "The channel's code of the bank", "CMB_DEBIT").Fill(t, "Card number", account).Fill(t, "Name of its holder", holder)
	}
	// Refused, the form comes back without the card.
	refused := act(t, b, r.ID, "Reroute", "Send it there", func(f *consoletest.Form) {
		card(f)
		f.Values.Del("real_name")
	})
	if refused.Status != http.StatusUnprocessableEntity || refused.Problem() == "" || strings.Contains(refused.Body, account) {
		t.Errorf("refused: %d %q", refused.Status, refused.Problem())
	}
	sent := b.Get(t, "/console/refunds/"+r.ID+"/reroute").Form("Send it there")
	card(sent)
	page := b.Submit(t, sent)
	// What keeps the second click harmless is the same whatever the card is: a hash of
	// its number could be tried out.
	if again := b.Submit(t, sent.Fill(t, "Card number", "6222020000000000999")); again.Flash() != page.Flash() {
		t.Errorf("the second click: %d %q", again.Status, again.Problem())
	}
	if page.Flash() != "The channel was told where to send it." || strings.Contains(page.Body, account) || strings.Contains(page.Body, holder) {
		t.Errorf("rerouted: %d %q %q", page.Status, page.Flash(), page.Problem())
	}
	until(t, rig, r.ID, func(r refund.Refund) bool { return r.State == refund.Succeeded })
	for _, name := range []string{file, file + "-wal"} {
		rows, err := os.ReadFile(name) // #nosec G304 -- the test's own file
		if err != nil || bytes.Contains(rows, []byte(account)) || bytes.Contains(rows, []byte(holder)) {
			t.Errorf("%s holds the card, or %v", name, err)
		}
	}
	form := b.Get(t, "/console/refunds/"+r.ID+"/reroute").Form("Send it there")
	card(form)
	if late := b.Submit(t, form); late.Status != http.StatusConflict || !strings.Contains(late.Problem(), "only an abnormal refund") {
		t.Errorf("after its end: %d %q", late.Status, late.Problem())
	}
}

func TestWhoMayNotChooseANewDestinationIsNotOfferedIt(t *testing.T) {
	rig := consoletest.Start(t)
	r := aRefund(t, rig, 152, refund.Abnormal, "")
	support, boss := rig.As(t, merchant.RoleSupport, merchant.DemoID), rig.As(t, merchant.RoleAdmin, merchant.DemoID)
	form := support.Get(t, "/console/refunds/"+r.ID+"/reroute").Form("Send it there")
	expression, enabled, name := "false", true, "p"
	if _, err := rig.Admin.AddPolicy(t.Context(), rig.By, merchant.DemoID, admin.PolicyChange{Name: &name, Expression: &expression, Enabled: &enabled}); err != nil {
		t.Fatal(err)
	}
	if page := support.Get(t, "/console/refunds/"+r.ID); page.Link("Reroute") != "" || page.Link("Ask the channel") == "" {
		t.Errorf("a role that may not approve is offered %s", page.Text())
	}
	if page := support.Get(t, "/console/refunds/"+r.ID+"/reroute"); page.Status != http.StatusForbidden {
		t.Errorf("the form: %d", page.Status)
	}
	if page := support.Submit(t, form); page.Status != http.StatusForbidden {
		t.Errorf("an old form: %d", page.Status)
	}
	// The key of the demo asked; an admin may approve.
	if page := act(t, boss, r.ID, "Reroute", "Send it there", func(f *consoletest.Form) { f.Values.Set("type", "merchant") }); page.Flash() == "" {
		t.Errorf("another: %d %q", page.Status, page.Problem())
	}
	until(t, rig, r.ID, func(r refund.Refund) bool { return r.State == refund.Succeeded })
}

func TestACorrectionIsAskedForOnTheRefundsPage(t *testing.T) {
	rig := consoletest.Start(t)
	r := aRefund(t, rig, 100, refund.Succeeded, "")
	support, b := rig.As(t, merchant.RoleSupport, merchant.DemoID), rig.As(t, merchant.RoleOperator, merchant.DemoID)
	if page := support.Get(t, "/console/refunds/"+r.ID); page.Link("Correct") != "" {
		t.Error("who may not resolve is offered a correction")
	}
	if page := support.Post(t, "/console/refunds/"+r.ID+"/correct", url.Values{"state": {"failed"}, "proof": {"p"}}); page.Status != http.StatusForbidden {
		t.Errorf("without the right: %d", page.Status)
	}
	fill := func(state string) func(*consoletest.Form) {
		return func(f *consoletest.Form) { f.Fill(t, "How it ended", state).Fill(t, "Proof", "statement 8") }
	}
	if same := act(t, b, r.ID, "Correct", "Ask for the correction", fill("succeeded")); same.Status != http.StatusConflict {
		t.Errorf("to what it is: %d %q", same.Status, same.Problem())
	}
	if page := act(t, b, r.ID, "Correct", "Ask for the correction", fill("failed")); !strings.HasPrefix(page.Flash(), "A second person") {
		t.Errorf("asked: %d %q %q", page.Status, page.Flash(), page.Problem())
	}
	if now, err := rig.Store.Refund(t.Context(), merchant.DemoID, r.ID); err != nil || now.State != refund.Succeeded {
		t.Errorf("one person changed it to %s, %v", now.State, err)
	}
	asked, err := rig.Admin.Approval(t.Context(), merchant.DemoID, r.ID)
	if err != nil || asked.Kind != refund.ToCorrect || asked.To != refund.Failed || asked.Requester.Name != b.User.Email || asked.Proof != "statement 8" {
		t.Errorf("asked: %+v, %v", asked.Approval, err)
	}
	open := aRefund(t, rig, 158, refund.Pending, "")
	if page := b.Get(t, "/console/refunds/"+open.ID); page.Link("Correct") != "" || page.Link("Resolve with proof") == "" {
		t.Error("an open refund is corrected")
	}
}

func TestWhatWasRefusedIsSaidInTheUsersLanguage(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleSupport, merchant.DemoID)
	for language, says := range map[string]string{"en": "The amount is not right: ", "zh": "\u91d1\u989d\u6709\u8bef\uff1a"} {
		b.Get(t, "/console/?lang="+language)
		page := b.Post(t, "/console/charges/123456789/quote", url.Values{"amount": {"1"}})
		if page.Status != http.StatusUnprocessableEntity || !strings.HasPrefix(page.Problem(), says) || !strings.Contains(page.Problem(), "decimals of CNY") {
			t.Errorf("%s: %d %q", language, page.Status, page.Problem())
		}
	}
}
