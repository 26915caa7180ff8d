package console_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/console"
	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
)

// evil is a text that must never reach a page as it is.
const evil = `<img src=x onerror=alert(1)>"'<script>alert(2)</script>`

var parameter = regexp.MustCompile(`\{[^}$]*\}`)

// address fills the parameters of a route's pattern.
func address(pattern, value string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	path = parameter.ReplaceAllString(path, value)
	return method, strings.ReplaceAll(path, "{$}", "")
}

// ask sends a request and does not follow where it leads.
func ask(t *testing.T, b *consoletest.Browser, method, path string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, b.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for n := 0; n+1 < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	client := *b.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Location") + string(text)
}

// walked are the routes that a test walks: all but the one that ends the session.
func walked() []console.Route {
	return slices.DeleteFunc(console.Routes(), func(r console.Route) bool { return r.Pattern == "POST /console/logout" })
}

func TestEachRoleMayDoWhatItsScopesSayAtItsMerchantAlone(t *testing.T) {
	rig := consoletest.Start(t)
	other, third := rig.AddMerchant(t, "other"), rig.AddMerchant(t, "third")
	for _, role := range merchant.Roles() {
		t.Run(string(role), func(t *testing.T) {
			b := rig.As(t, role, merchant.DemoID)
			// What they may at a third merchant counts for nothing at the first.
			if _, err := rig.Admin.AddRoles(t.Context(), rig.By, b.User.ID, admin.UserBounds{}, []merchant.Grant{{Role: merchant.RoleAdmin, MerchantID: third.ID}}); err != nil {
				t.Fatal(err)
			}
			for _, route := range walked() {
				method, path := address(route.Pattern, "x")
				may := route.Scope == "" || slices.Contains(role.Scopes(), route.Scope)
				status, _ := ask(t, b, method, path+"?merchant="+merchant.DemoID)
				switch {
				case status >= http.StatusInternalServerError || status == http.StatusUnauthorized:
					t.Errorf("%s: %d", route.Pattern, status)
				case (!may || route.Everywhere) && status != http.StatusForbidden:
					t.Errorf("%s lacks %s and is answered %d", route.Pattern, route.Scope, status)
				case may && !route.Everywhere && status == http.StatusForbidden:
					t.Errorf("%s has %s and is answered %d", route.Pattern, route.Scope, status)
				}
				if status, _ := ask(t, b, method, path+"?merchant="+other.ID); status != http.StatusNotFound {
					t.Errorf("%s of another merchant: %d", route.Pattern, status)
				}
			}
		})
	}
}

// The actions on a refund need more than its page.
func TestEachRoleMayDoToARefundWhatItsScopesSay(t *testing.T) {
	rig := consoletest.Start(t)
	third := rig.AddMerchant(t, "third")
	refund := native(t, rig, "POST", "/refunds", `{"charge": "123456789", "amount": 58}`)
	for _, role := range merchant.Roles() {
		b := rig.As(t, role, merchant.DemoID)
		if _, err := rig.Admin.AddRoles(t.Context(), rig.By, b.User.ID, admin.UserBounds{}, []merchant.Grant{{Role: merchant.RoleAdmin, MerchantID: third.ID}}); err != nil {
			t.Fatal(err)
		}
		for path, scope := range map[string]merchant.Scope{
			"/console/refunds/" + refund + "/ask": merchant.ScopeRefund, "/console/refunds/" + refund + "/retry": merchant.ScopeRefund,
			"/console/refunds/" + refund + "/reroute": merchant.ScopeRefund, "/console/refunds/" + refund + "/replay": merchant.ScopeRefund,
			"/console/refunds/" + refund + "/resolve": merchant.ScopeResolve, "/console/charges/123456789/refund": merchant.ScopeRefund,
		} {
			status, _ := ask(t, b, "POST", path)
			if may := slices.Contains(role.Scopes(), scope); may == (status == http.StatusForbidden) || status >= http.StatusInternalServerError {
				t.Errorf("%s: POST %s is answered %d", role, path, status)
			}
		}
	}
}

func TestNobodyAndOtherSitesReachNothing(t *testing.T) {
	rig := consoletest.Start(t)
	nobody, boss := rig.Browser(t), rig.As(t, merchant.RoleAdmin, "")
	for _, route := range console.Routes() {
		method, path := address(route.Pattern, "x")
		if status, text := ask(t, nobody, method, path); status != http.StatusSeeOther || !strings.HasPrefix(text, "/console/login") {
			t.Errorf("%s without a session: %d %.60s", route.Pattern, status, text)
		}
		if method == http.MethodGet {
			continue
		}
		if status, _ := ask(t, boss, method, path, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); status != http.StatusForbidden {
			t.Errorf("%s from another site: %d", route.Pattern, status)
		}
		if status, _ := ask(t, boss, method, path, "Sec-Fetch-Site", "", "Origin", "https://evil.example"); status != http.StatusForbidden {
			t.Errorf("%s from another origin: %d", route.Pattern, status)
		}
	}
}

// native calls the native API as the demo merchant, and returns the answer's id.
func native(t *testing.T, rig *consoletest.Rig, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequest(method, rig.URL+"/refundry/v1"+path, strings.NewReader(body))
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
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
	found := regexp.MustCompile(`"id":"([^"]+)"`).FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}

// Ids of the demo merchant open nothing to who is admin of another.
func TestAnAdminOfAnotherMerchantReachesNothingByItsID(t *testing.T) {
	rig := consoletest.Start(t)
	shop := rig.AddMerchant(t, "shop")
	ids := []string{
		native(t, rig, "POST", "/refunds", `{"charge": "123456789", "amount": 10, "reason": "theirs"}`),
		native(t, rig, "GET", "/charges/123456789", ""),
		native(t, rig, "POST", "/keys", `{"dialect": "native", "scopes": ["read"]}`),
		native(t, rig, "POST", "/users", `{"email": "theirs@example.com", "roles": ["viewer"]}`),
		merchant.DemoAccount, merchant.DemoID, "123456789",
	}
	b := rig.As(t, merchant.RoleAdmin, shop.ID)
	for _, route := range walked() {
		if !parameter.MatchString(route.Pattern) {
			continue
		}
		for _, id := range ids {
			for _, query := range []string{"", "?merchant=" + shop.ID} {
				method, path := address(route.Pattern, id)
				status, text := ask(t, b, method, path+query)
				if status < http.StatusBadRequest || status >= http.StatusInternalServerError || strings.Contains(text, "theirs") {
					t.Errorf("%s %s%s: %d", method, path, query, status)
				}
			}
		}
	}
}

func TestATextOfAMerchantIsShownAndNeverObeyed(t *testing.T) {
	rig := consoletest.Start(t)
	shop := rig.AddMerchant(t, evil[:28])
	quoted := strings.ReplaceAll(evil, `"`, `\"`)
	native(t, rig, "POST", "/charges", fmt.Sprintf(`{"order_no": "EVIL1", "amount": 1000, "currency": "CNY", "channel": "wx", "paid_at": "2026-11-22T10:00:00Z", "customer": "%s",
		"goods": [{"merchant_goods_id": "g1", "goods_name": "%s", "unit_price": 1000, "quantity": 1}]}`, quoted, quoted))
	refund := native(t, rig, "POST", "/refunds", fmt.Sprintf(`{"charge": "EVIL1", "amount": 151, "reason": "%s"}`, quoted))
	native(t, rig, "POST", "/users", `{"email": "evil@example.com", "name": "`+quoted+`", "roles": ["viewer"]}`)
	boss := rig.As(t, merchant.RoleAdmin, "")
	boss.User.Name = evil
	shown := 0
	for _, route := range walked() {
		for _, id := range []string{refund, "EVIL1", shop.ID, "abnormal"} {
			method, path := address(route.Pattern, id)
			if method != http.MethodGet {
				continue
			}
			_, text := ask(t, boss, method, path)
			if strings.HasSuffix(path, ".csv") || strings.HasSuffix(path, ".ndjson") {
				continue // no browser reads those as HTML
			}
			if strings.Contains(text, "<img src=x") || strings.Contains(text, "<script>alert") {
				t.Errorf("%s has a merchant's text as it is", path)
			}
			shown += strings.Count(text, "&lt;img src=x")
			if !parameter.MatchString(route.Pattern) {
				break
			}
		}
	}
	if shown < 5 {
		t.Errorf("the text is shown %d times only: the test proves nothing", shown)
	}
}

func TestASessionIsFixedByNobody(t *testing.T) {
	rig := consoletest.Start(t)
	rig.AddUser(t, "a@example.com", merchant.RoleViewer, "")
	b := rig.Browser(t)
	planted := rig.As(t, merchant.RoleViewer, "")
	before := cookies(t, planted)
	b.Client.Jar = planted.Client.Jar // the attacker's own session is in the victim's browser
	if page := b.SignIn(t, "a@example.com", consoletest.Password); page.Path() != "/console/" {
		t.Fatal(page.Text())
	}
	if after := cookies(t, b); after == before {
		t.Error("the token is the one from before")
	}
	thief := rig.Browser(t)
	if status, _ := ask(t, thief, "GET", "/console/", "Cookie", "refundry_session="+before); status != http.StatusSeeOther {
		t.Errorf("the planted session still opens: %d", status)
	}
}

// cookies is the session's token in a browser.
func cookies(t *testing.T, b *consoletest.Browser) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.URL+"/console/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Client.Jar.Cookies(r.URL) {
		if c.Name == "refundry_session" {
			return c.Value
		}
	}
	t.Fatal("there is no session")
	return ""
}
