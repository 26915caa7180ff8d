package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
)

const keysPath = "/console/settings/keys?merchant=mer_demo"

var madeKey = regexp.MustCompile(`rk_test_\w{12,}`)

func TestAKeyIsMadeShownOnceChangedAndEnded(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "")
	form := b.Get(t, keysPath).Form("Make key")
	form.Values["scopes"] = []string{"read", "refunds:write"}
	form.Fill(t, "Allowed networks", "127.0.0.0/8\n192.0.2.7").Fill(t, "Ends at", "2199-01-31T12:00")
	form.Values["ceiling_currency"] = []string{"CNY", "kwd", ""}
	form.Values["ceiling_refund"] = []string{"100.00", "", ""}
	form.Values["ceiling_day"] = []string{"500.00", "1.500", ""}
	page := b.Submit(t, form)
	secret := madeKey.FindString(page.Text())
	if page.Status != http.StatusOK || secret == "" {
		t.Fatalf("made: %d %s", page.Status, page.Text())
	}
	// The second click on the same form makes no second key, and shows the same text.
	if again := b.Submit(t, form); madeKey.FindString(again.Text()) != secret {
		t.Errorf("the second click: %d %s", again.Status, again.Text())
	}
	keys, err := rig.Store.Keys(t.Context(), "mer_demo")
	if err != nil {
		t.Fatal(err)
	}
	key := keys[len(keys)-1]
	if len(key.Scopes) != 2 || len(key.Limits.AllowIPs) != 2 || len(key.Limits.Ceilings) != 2 || key.Limits.Ceilings[1].PerDay != 1500 || key.ExpiresAt.IsZero() {
		t.Errorf("the key is %+v", key)
	}
	page = b.Get(t, keysPath)
	if n := strings.Count(page.Text(), "127.0.0.0/8"); n != 1 || page.Has(secret) || !page.Has("500.00 CNY a day") {
		t.Errorf("listed %d times: %s", n, page.Text())
	}
	change := b.Get(t, "/console/settings/keys/"+key.ID+"?merchant=mer_demo").Form("Save")
	if got := change.Values["scopes"]; len(got) != 2 {
		t.Errorf("the form has the scopes %v", got)
	}
	change.Fill(t, "Allowed networks", "").Fill(t, "Ends at", "")
	if page = b.Submit(t, change); !strings.Contains(page.Flash(), key.ID) {
		t.Fatalf("changed: %d %s", page.Status, page.Text())
	}
	if page.Has("127.0.0.0/8") || !page.Has("100.00 CNY a refund") {
		t.Errorf("after the change: %s", page.Text())
	}
	page = b.Post(t, "/console/settings/keys/"+key.ID+"/end?merchant=mer_demo", nil)
	if !strings.Contains(page.Flash(), "has ended") {
		t.Errorf("ended: %d %s", page.Status, page.Text())
	}
	if page = b.Submit(t, change.Fill(t, "Allowed networks", "127.0.0.1")); page.Status != http.StatusConflict {
		t.Errorf("a key whose life is over is changed: %d %s", page.Status, page.Text())
	}
}

func TestAKeysFormShowsWhatIsWrongAtItsField(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "")
	before, err := rig.Store.Keys(t.Context(), "mer_demo")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ field, value, told string }{
		"a network that is none":                   {"allow_ips", "192.0.2.0/33", "allow_ips"},
		"bits behind the prefix":                   {"allow_ips", "192.0.2.1/24", "allow_ips"},
		"a time that is none":                      {"expires_at", "tomorrow", "expires_at"},
		"a time that is over":                      {"expires_at", "2020-01-01T00:00", "expires_at"},
		"a scope that is none":                     {"scopes", "all", ""},
		"a dialect without keys":                   {"dialect", "wechatpay", "dialect"},
		"a currency that is none":                  {"ceiling_currency", "XXQ", "ceiling_currency"},
		"an amount as a person would not write it": {"ceiling_refund", "100", "ceiling_refund"},
		"an amount of 0":                           {"ceiling_refund", "0.00", "ceiling_refund"},
		"stored HTML":                              {"allow_ips", "<script>alert(1)</script>", "allow_ips"},
	} {
		form := b.Get(t, keysPath).Form("Make key")
		form.Values["ceiling_currency"], form.Values["ceiling_refund"], form.Values["ceiling_day"] = []string{"CNY"}, []string{"1.00"}, []string{""}
		form.Values[c.field] = []string{c.value}
		page := b.Submit(t, form)
		if page.Status != http.StatusUnprocessableEntity || page.Problem() == "" {
			t.Errorf("%s: %d %s", name, page.Status, page.Problem())
		}
		if c.told != "" && !regexp.MustCompile(`name="`+c.told+`"[^>]*aria-invalid="true"`).MatchString(page.Body) {
			t.Errorf("%s: the field is not marked: %s", name, page.Problem())
		}
		if strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%s: the page has the text as HTML", name)
		}
	}
	after, err := rig.Store.Keys(t.Context(), "mer_demo")
	if err != nil || len(after) != len(before) {
		t.Errorf("%d keys after %d, %v", len(after), len(before), err)
	}
}

func TestKeysAreForAdminsOfTheirMerchant(t *testing.T) {
	rig := consoletest.Start(t)
	other := rig.AddMerchant(t, "other")
	for _, role := range merchant.Roles() {
		b := rig.As(t, role, "mer_demo")
		want := http.StatusForbidden
		if role == merchant.RoleAdmin {
			want = http.StatusOK
		}
		for _, path := range []string{keysPath, "/console/audit?merchant=mer_demo", "/console/audit.csv?merchant=mer_demo"} {
			if page := b.Get(t, path); page.Status != want {
				t.Errorf("%s at %s: %d, want %d", role, path, page.Status, want)
			}
		}
		for _, path := range []string{"/console/settings/keys?merchant=" + other.ID, "/console/audit?merchant=" + other.ID} {
			if page := b.Get(t, path); page.Status != http.StatusNotFound {
				t.Errorf("%s sees another merchant's %s: %d", role, path, page.Status)
			}
		}
		if page := b.Get(t, "/console/audit?chain=installation"); page.Status != http.StatusForbidden {
			t.Errorf("%s of a merchant reads the installation's records: %d", role, page.Status)
		}
		if page := b.Post(t, "/console/settings/keys/key_demo_native/end?merchant=mer_demo", nil); role != merchant.RoleAdmin && page.Status != http.StatusForbidden {
			t.Errorf("%s ends a key: %d", role, page.Status)
		}
	}
}

func TestTheAuditLogIsFilteredVerifiedAndExported(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "")
	form := b.Get(t, keysPath).Form("Make key")
	form.Values["scopes"] = []string{"read"}
	b.Submit(t, form)
	if _, err := rig.Store.LinkAudit(t.Context(), "mer_demo"); err != nil {
		t.Fatal(err)
	}
	page := b.Get(t, "/console/audit?merchant=mer_demo")
	if !page.Has("key.add") || !page.Has("Verified") || !page.Has(b.User.Email) {
		t.Fatalf("the log: %s", page.Text())
	}
	rows := page.Rows("Records, newest first")
	if page = b.Get(t, "/console/audit?merchant=mer_demo&action=key.&actor="+b.User.Email); len(page.Rows("Records, newest first")) != 2 {
		t.Errorf("filtered: %v", page.Rows("Records, newest first"))
	}
	if page = b.Get(t, "/console/audit?merchant=mer_demo&object=nothing"); !page.Has("No record fits.") {
		t.Errorf("nothing: %s", page.Text())
	}
	if page = b.Get(t, "/console/audit?merchant=mer_demo&from=yesterday"); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("a day that is none: %d", page.Status)
	}
	file := b.Get(t, "/console/audit.csv?merchant=mer_demo")
	if lines := strings.Count(strings.TrimSpace(file.Body), "\n"); lines != len(rows)-1 || !strings.HasPrefix(file.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("the file has %d lines for %d rows", lines, len(rows)-1)
	}
	if file = b.Get(t, "/console/audit.ndjson?merchant=mer_demo&action=key.add"); !strings.HasPrefix(file.Body, `{"number":`) {
		t.Errorf("lines: %s", file.Body)
	}
	if page = b.Get(t, "/console/audit?chain=installation"); page.Status != http.StatusOK {
		t.Errorf("the installation's: %d", page.Status)
	}
}
