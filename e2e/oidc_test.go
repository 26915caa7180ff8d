package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/console"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
)

// openProvider starts zitadel's example provider, and returns its issuer and how a
// redirect address is registered.
func openProvider(t *testing.T) (issuer string, register func(address string)) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "provider")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("deploy", "oidcprovider")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v (hint: make setup-e2e)\n%s", err, text)
	}
	running := exec.CommandContext(t.Context(), program)
	in, err := running.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := running.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = running.Wait()
	})
	lines := bufio.NewReader(out)
	line := func() string {
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(text)
	}
	issuer = line()
	return issuer, func(address string) {
		_, _ = fmt.Fprintln(in, address)
		line()
	}
}

var providersID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// byProvider begins a sign-in at the console and types the password at the
// provider; the last page is the console's.
func byProvider(t *testing.T, b *consoletest.Browser, user string) *consoletest.Page {
	t.Helper()
	page := b.Get(t, "/console/login/oidc?next=/console/profile")
	id := providersID.FindStringSubmatch(page.Body)
	if id == nil {
		t.Fatalf("the provider shows %d %s: %s", page.Status, page.URL, page.Body)
	}
	form := url.Values{"id": {id[1]}, "username": {user}, "password": {"verysecure"}}
	r, err := http.NewRequest(http.MethodPost, page.URL.Scheme+"://"+page.URL.Host+"/login/username", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.Do(t, r)
}

// A real provider (zitadel's, with PKCE) signs in users who are there, and nobody
// else; an answer that another browser asked for opens nothing.
func TestUsersSignInByAnOIDCProvider(t *testing.T) {
	issuer, register := openProvider(t)
	rig := consoletest.StartOn(t, storetest.SQLite(t), func(o *service.Options) {
		o.OIDC = console.OIDC{Issuer: issuer, ClientID: "web", ClientSecret: "secret"}
	})
	register(rig.URL + "/console/login/oidc/callback")
	b := rig.Browser(t)
	if link := b.Get(t, "/console/login").Link("Sign in with single sign-on"); link != "/console/login/oidc?next=%2fconsole%2f" {
		t.Errorf("the form leads to %q", link)
	}
	page := byProvider(t, b, "test-user@localhost")
	if page.Status != http.StatusUnauthorized || !strings.Contains(page.Problem(), "no user of this address") {
		t.Fatalf("a stranger: %d %s", page.Status, page.Text())
	}
	u := rig.AddUser(t, "test-user@zitadel.ch", merchant.RoleViewer, "")
	if page = byProvider(t, rig.Browser(t), "test-user@localhost"); page.Path() != "/console/profile" || !page.Has("test-user@zitadel.ch") {
		t.Fatalf("the user: %d %s %s", page.Status, page.URL, page.Text())
	}
	records, err := rig.Store.AuditRecords(t.Context(), "", 0, 100)
	if err != nil || records[len(records)-1].Action != "user.sign_in" || records[len(records)-1].Actor.Name != u.Email {
		t.Errorf("the last record is %+v, %v", records[len(records)-1], err)
	}
	// The answer to one browser is nothing in another: the address is taken before it
	// is followed.
	thief, victim := rig.Browser(t), rig.Browser(t)
	answer := ""
	thief.Client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/oidc/callback") {
			answer = r.URL.RequestURI()
			return http.ErrUseLastResponse
		}
		return nil
	}
	byProvider(t, thief, "test-user@localhost")
	victim.Get(t, "/console/login/oidc") // one of its own is under way
	if page = victim.Get(t, answer); answer == "" || page.Status != http.StatusUnauthorized || !strings.Contains(page.Problem(), "this browser") {
		t.Errorf("another browser's answer %q: %d %s", answer, page.Status, page.Text())
	}
	if _, err := rig.Admin.DisableUser(t.Context(), rig.By, u.ID, admin.UserBounds{}); err != nil {
		t.Fatal(err)
	}
	if page = byProvider(t, rig.Browser(t), "test-user@localhost"); page.Status != http.StatusUnauthorized {
		t.Errorf("a disabled user: %d", page.Status)
	}
}

// A provider that is away keeps nobody from signing in with a password.
func TestAProviderThatIsAwayKeepsNobodyOut(t *testing.T) {
	rig := consoletest.StartOn(t, storetest.SQLite(t), func(o *service.Options) {
		o.OIDC = console.OIDC{Issuer: "http://127.0.0.1:9", ClientID: "web"}
	})
	b := rig.Browser(t)
	if page := b.Get(t, "/console/login/oidc"); page.Status != http.StatusTooManyRequests || page.Form("Sign in") == nil {
		t.Errorf("%d %s", page.Status, page.Text())
	}
	rig.AddUser(t, "a@example.com", merchant.RoleViewer, "")
	if page := b.SignIn(t, "a@example.com", consoletest.Password); page.Path() != "/console/" {
		t.Errorf("%d %s", page.Status, page.Text())
	}
}
