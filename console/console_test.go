package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestSigningInLeadsToThePageThatWasAskedFor(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.Browser(t)
	rig.AddUser(t, "a@example.com", merchant.RoleViewer, "")
	page := b.Get(t, "/console/?merchant=mer_demo")
	if page.Path() != "/console/login" || page.Status != http.StatusOK {
		t.Fatalf("without a session: %d %s", page.Status, page.URL)
	}
	form := page.Form("Sign in").Fill(t, "Email address", "A@example.com ").Fill(t, "Password", "wrong "+consoletest.Password)
	page = b.Submit(t, form)
	if page.Status != http.StatusUnauthorized || !strings.Contains(page.Problem(), "not known together") || strings.Contains(page.Body, "wrong "+consoletest.Password) {
		t.Fatalf("a wrong password: %d %q", page.Status, page.Problem())
	}
	page = b.Submit(t, form.Fill(t, "Password", consoletest.Password))
	if page.Status != http.StatusOK || page.Path() != "/console/" || page.Heading() != "Overview" {
		t.Fatalf("signed in: %d %s %s", page.Status, page.URL, page.Text())
	}
	if page = b.Get(t, "/console/?merchant=mer_other"); page.Status != http.StatusNotFound || page.Heading() != "This did not work" {
		t.Errorf("a merchant that is not there: %d %s", page.Status, page.Text())
	}
	page = b.Submit(t, b.Get(t, "/console/").Form("Sign out"))
	if page.Path() != "/console/login" {
		t.Errorf("signed out: %s", page.URL)
	}
	if page = b.Get(t, "/console/"); page.Path() != "/console/login" {
		t.Errorf("the session opens %s after it ended", page.URL)
	}
}

func TestPagesAreInTheLanguageThatIsAskedFor(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.Browser(t)
	b.Language = "zh-TW,zh;q=0.9,en;q=0.8"
	for _, step := range []struct{ path, language, heading string }{
		{"/console/login", "zh-CN", "登录"},
		{"/console/login?lang=en", "en", "Sign in"},
		{"/console/login", "en", "Sign in"},
		{"/console/login?lang=zh", "zh-CN", "登录"},
		{"/console/login?lang=fr", "zh-CN", "登录"},
	} {
		page := b.Get(t, step.path)
		if page.Language() != step.language || page.Heading() != step.heading {
			t.Errorf("%s: %s %s", step.path, page.Language(), page.Heading())
		}
	}
}

func TestEveryAnswerHasThePolicy(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.Browser(t)
	for _, path := range []string{"/console/login", "/console/asset/nothing.css", "/console/nowhere"} {
		page := b.Get(t, path)
		policy := page.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") || page.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, page.Header)
		}
	}
	page := b.Get(t, "/console/login")
	for _, inline := range []string{"<style", " style=", " onclick=", "<script>", "http://", "https://"} {
		if strings.Contains(page.Body, inline) {
			t.Errorf("the page has %q", inline)
		}
	}
	if page := b.Get(t, "/console/nowhere"); page.Status != http.StatusNotFound {
		t.Errorf("nowhere: %d", page.Status)
	}
}

func TestAFormOfAnotherSiteIsRefused(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "")
	r, err := http.NewRequest(http.MethodPost, rig.URL+"/console/logout", strings.NewReader(url.Values{}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if page := b.Do(t, r); page.Status != http.StatusForbidden || !strings.Contains(page.Problem(), "another site") {
		t.Errorf("answered %d %s", page.Status, page.Text())
	}
	if page := b.Get(t, "/console/"); page.Path() != "/console/" {
		t.Error("it ended the session")
	}
}
