package console_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
)

const accountsPath = "/console/settings/accounts?merchant=mer_demo"

// sendForm posts a form with files, as browsers do.
func sendForm(t *testing.T, b *consoletest.Browser, path string, values, files map[string]string) *consoletest.Page {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range values {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		file, err := w.CreateFormFile(name, "key.pem")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, b.URL+path, &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(t, r)
}

func TestAnAccountIsAddedChangedPausedAndClosed(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "mer_demo")
	page := b.Get(t, "/console/settings/accounts/new?merchant=mer_demo&channel=stripe")
	if page.Status != http.StatusOK || !page.Has("secret_key") {
		t.Fatalf("the form: %d %s", page.Status, page.Text())
	}
	const secret = "sk_test_51abcdefABCDEF0123456789"
	values := map[string]string{"channel": "stripe", "takes": "card, <b>x</b>", "Idempotency-Key": "one", "set.secret_key": secret, "set.webhook_secret": "whsec_" + strings.Repeat("a", 32)}
	if page = sendForm(t, b, accountsPath, values, nil); page.Status != http.StatusUnprocessableEntity || strings.Contains(page.Body, "<b>x</b>") || strings.Contains(page.Body, secret) {
		t.Errorf("names that are none: %d %s", page.Status, page.Problem())
	}
	values["takes"], values["set.secret_key"] = "card", "sk_live_"+strings.Repeat("a", 24)
	if page = sendForm(t, b, accountsPath, values, nil); page.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Body, `name="set.secret_key"`) || strings.Contains(page.Body, values["set.secret_key"]) {
		t.Errorf("a live credential of a test merchant: %d %s", page.Status, page.Problem())
	}
	delete(values, "set.secret_key")
	if page = sendForm(t, b, accountsPath, values, nil); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("without its secret: %d %s", page.Status, page.Problem())
	}
	for range 2 { // a double click
		if page = sendForm(t, b, accountsPath, values, map[string]string{"file.secret_key": secret + "\n"}); page.Status != http.StatusOK || page.Flash() == "" {
			t.Fatalf("with the secret as a file: %d %s", page.Status, page.Text())
		}
	}
	all, err := rig.Store.ChannelAccounts(t.Context(), "mer_demo")
	if err != nil || len(all) != 2 {
		t.Fatalf("accounts %v, %v", all, err)
	}
	one, err := rig.Store.ChannelAccount(t.Context(), all[1].ID)
	if err != nil || one.Secrets["secret_key"] != secret || len(one.Takes) != 1 {
		t.Fatalf("the account is %+v, %v", one, err)
	}
	at := func(act string) string { return "/console/settings/accounts/" + one.ID + act + "?merchant=mer_demo" }
	if page = b.Get(t, at("")); page.Status != http.StatusOK || strings.Contains(page.Body, secret) {
		t.Fatalf("shown: %d %s", page.Status, page.Text())
	}
	page = sendForm(t, b, at("/set"), map[string]string{"takes": "*", "default": "1"}, nil)
	if one, err = rig.Store.ChannelAccount(t.Context(), one.ID); err != nil || len(one.Takes) != 0 || !one.Default || one.Version != 1 || one.Secrets["secret_key"] != secret {
		t.Errorf("changed: %d %s: %+v, %v", page.Status, page.Problem(), one, err)
	}
	page = sendForm(t, b, at("/rotate"), map[string]string{"takes": "*", "overlap": "1", "set.secret_key": secret + "2"}, nil)
	if one, err = rig.Store.ChannelAccount(t.Context(), one.ID); err != nil || one.Version != 2 || len(one.Previous) != 1 {
		t.Errorf("rotated: %d %s: %+v, %v", page.Status, page.Problem(), one, err)
	}
	for _, step := range []struct{ button, state string }{{"Pause", "paused"}, {"Resume", "active"}, {"Close", "closed"}} {
		page = b.Submit(t, b.Get(t, at("")).Form(step.button))
		if one, err = rig.Store.ChannelAccount(t.Context(), one.ID); err != nil || string(one.State) != step.state {
			t.Errorf("%s: %d %s: %s, %v", step.button, page.Status, page.Problem(), one.State, err)
		}
	}
}

func TestAccountsAreShownToViewersAndChangedByAdminsOfTheirMerchant(t *testing.T) {
	rig := consoletest.Start(t)
	other := rig.AddMerchant(t, "other")
	theirs, err := rig.Store.ChannelAccounts(t.Context(), other.ID)
	if err != nil || len(theirs) == 0 {
		t.Fatal(theirs, err)
	}
	for _, role := range merchant.Roles() {
		b := rig.As(t, role, "mer_demo")
		if page := b.Get(t, accountsPath); page.Status != http.StatusOK || !page.Has("sandbox_demo") {
			t.Errorf("%s sees %d %s", role, page.Status, page.Text())
		}
		page := b.Get(t, "/console/settings/accounts/sandbox_demo?merchant=mer_demo")
		if can := page.Form("Pause") != nil; page.Status != http.StatusOK || can != (role == merchant.RoleAdmin) {
			t.Errorf("%s: %d, may pause: %v", role, page.Status, can)
		}
		want := http.StatusForbidden
		if role == merchant.RoleAdmin {
			want = http.StatusNotFound
		}
		if page := b.Post(t, "/console/settings/accounts/"+theirs[0].ID+"/close?merchant=mer_demo", nil); page.Status != want {
			t.Errorf("%s closes another merchant's account: %d, want %d", role, page.Status, want)
		}
		if page := b.Post(t, "/console/settings/accounts/sandbox_demo/pause?merchant=mer_demo", nil); role != merchant.RoleAdmin && page.Status != http.StatusForbidden {
			t.Errorf("%s pauses: %d", role, page.Status)
		}
	}
}

// After a restore the channel is asked what it has done: the page says what came of it.
func TestAnAccountsChannelIsAskedSinceATime(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, merchant.DemoID)
	at := "/console/settings/accounts/sandbox_demo"
	for _, since := range []string{"", "yesterday", time.Now().AddDate(1, 0, 0).Format("2006-01-02T15:04")} {
		if page := b.Post(t, at+"/ask?merchant="+merchant.DemoID, url.Values{"since": {since}}); page.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Problem(), "The time from which on to ask") {
			t.Errorf("since %q: %d %q", since, page.Status, page.Problem())
		}
	}
	form := b.Get(t, at+"?merchant="+merchant.DemoID).Form("Ask and adopt")
	page := b.Submit(t, form.Fill(t, "Since (UTC)", time.Now().UTC().Add(-time.Hour).Format("2006-01-02T15:04")))
	if page.Status != http.StatusOK || !page.Has("What the channel has done") {
		t.Errorf("asked: %d %q", page.Status, page.Problem())
	}
	viewer := rig.As(t, merchant.RoleOperator, merchant.DemoID)
	if page := viewer.Post(t, at+"/ask?merchant="+merchant.DemoID, url.Values{"since": {"2026-11-01T00:00"}}); page.Status != http.StatusForbidden {
		t.Errorf("without the right: %d", page.Status)
	}
}
