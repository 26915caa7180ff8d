package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
)

const merchantsPath = "/console/settings/merchants"

func TestAMerchantIsMadeSetPausedAndDisabled(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "")
	form := b.Get(t, merchantsPath).Form("Make merchant").Fill(t, "Name", "shop <b>&</b>").Fill(t, "Mode", "live")
	form.Values["with"] = []string{"pingpp"}
	page := b.Submit(t, form)
	if page.Status != http.StatusOK || !page.Has("no channel account yet") || !strings.Contains(page.Text(), "sk_live_") || strings.Contains(page.Body, "<b>&</b>") {
		t.Fatalf("made: %d %s", page.Status, page.Text())
	}
	if page = b.Submit(t, form); page.Status == http.StatusOK {
		t.Errorf("a second click makes a second one: %d %s", page.Status, page.Text())
	}
	m, err := rig.Store.MerchantByName(t.Context(), "shop <b>&</b>")
	if err != nil {
		t.Fatal(err)
	}
	at := merchantsPath + "/" + m.ID
	form = b.Get(t, at).Form("Save settings")
	for field, value := range map[string]string{"most_amount": "-1", "refund_page_size": "101", "wait.pingpp": "21", "most_refunds": "many"} {
		bad := b.Get(t, at).Form("Save settings")
		bad.Values.Set(field, value)
		if page = b.Submit(t, bad); page.Status != http.StatusUnprocessableEntity || page.Problem() == "" {
			t.Errorf("%s %s: %d %s", field, value, page.Status, page.Problem())
		}
	}
	form.Values.Set("most_amount", "50000")
	form.Values.Set("wait.pingpp", "5")
	page = b.Submit(t, form)
	if m, err = rig.Store.MerchantByID(t.Context(), m.ID); err != nil || m.Settings.Limits.MostAmount != 50000 || m.Settings.WaitSeconds["pingpp"] != 5 {
		t.Errorf("set: %d %s: %+v, %v", page.Status, page.Problem(), m.Settings, err)
	}
	page = b.Submit(t, b.Get(t, at).Form("Pause sending").Fill(t, "Reason", "<i>a drill</i>"))
	if !page.Has("<i>a drill</i>") || strings.Contains(page.Body, "<i>a") || page.Form("Resume") == nil {
		t.Errorf("paused: %d %s", page.Status, page.Text())
	}
	if page = b.Submit(t, page.Form("Resume")); page.Form("Resume") != nil {
		t.Errorf("resumed: %d %s", page.Status, page.Text())
	}
	page = b.Submit(t, b.Get(t, at).Form("Disable"))
	if m, err = rig.Store.MerchantByID(t.Context(), m.ID); err != nil || !m.Disabled() {
		t.Errorf("disabled: %d %s: %v", page.Status, page.Problem(), err)
	}
}

func TestAnIdentitysSettingsAreChangedAndItsSecretsNeverShown(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "mer_demo")
	at := merchantsPath + "/mer_demo"
	if page := b.Get(t, at); strings.Contains(page.Body, "payin-test-secret") || strings.Contains(page.Body, "0123456789abcdef0123456789abcdef") {
		t.Error("the page has a secret")
	}
	page := sendForm(t, b, at+"/identity", map[string]string{"dialect": "payin", "name": "M948164", "set.require_body_sha256": "true"}, nil)
	if page.Status != http.StatusOK || page.Flash() == "" {
		t.Fatalf("changed: %d %s", page.Status, page.Problem())
	}
	if page = sendForm(t, b, at+"/identity", map[string]string{"dialect": "payin", "name": "M948164", "set.require_body_sha256": "maybe"}, nil); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("a word that the setting has not: %d %s", page.Status, page.Problem())
	}
	if page = sendForm(t, b, at+"/identity", map[string]string{"dialect": "payin", "name": "M000000"}, nil); page.Status != http.StatusNotFound {
		t.Errorf("an identity of nobody: %d", page.Status)
	}
	if page = sendForm(t, b, at+"/identity", map[string]string{"dialect": "wechatpay", "name": "1900009191"}, map[string]string{"file.merchant_cert": "no certificate"}); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("a certificate that is none: %d %s", page.Status, page.Problem())
	}
}

func TestWhatIsOfAllMerchantsIsForAdminsOfAll(t *testing.T) {
	rig := consoletest.Start(t)
	other := rig.AddMerchant(t, "other")
	for _, role := range merchant.Roles() {
		b := rig.As(t, role, "mer_demo")
		page := b.Get(t, merchantsPath)
		if page.Status != http.StatusOK || page.Has(other.ID) || page.Form("Make merchant") != nil || page.Form("Pause for all") != nil {
			t.Errorf("%s: %d %s", role, page.Status, page.Text())
		}
		for path, values := range map[string]url.Values{
			merchantsPath:                     {"name": {"mine"}, "mode": {"test"}},
			"/console/settings/pauses/pause":  {},
			"/console/settings/pauses/resume": {},
		} {
			if page := b.Post(t, path, values); page.Status != http.StatusForbidden {
				t.Errorf("%s at %s: %d", role, path, page.Status)
			}
		}
		for _, path := range []string{"/pause", "/disable", "/set"} {
			if page := b.Post(t, merchantsPath+"/"+other.ID+path, nil); page.Status != http.StatusNotFound && page.Status != http.StatusForbidden {
				t.Errorf("%s at another merchant's %s: %d", role, path, page.Status)
			}
		}
		if page := b.Get(t, merchantsPath+"/"+other.ID); page.Status != http.StatusNotFound {
			t.Errorf("%s sees another merchant: %d", role, page.Status)
		}
	}
	if m, err := rig.Store.MerchantByID(t.Context(), other.ID); err != nil || m.Disabled() {
		t.Errorf("the other merchant: %+v, %v", m, err)
	}
	if pauses, err := rig.Store.Pauses(t.Context(), ""); err != nil || len(pauses) != 0 {
		t.Errorf("pauses %v, %v", pauses, err)
	}
}

func TestAnIdentityIsAddedAndWhatWasMadeUpIsShownOnce(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "mer_demo")
	at := merchantsPath + "/mer_demo"
	form := b.Get(t, at).Form("Add identity wallet").Fill(t, "wallet_id", "wallet_two")
	made := b.Submit(t, form)
	if made.Status != http.StatusOK || !made.Has("The wallet identity was added") || !made.Has("merchant_secret_key") || !made.Has("wallet_two") {
		t.Fatalf("made: %d %s", made.Status, made.Text())
	}
	if again := b.Submit(t, form); again.Text() != made.Text() {
		t.Errorf("a second click is answered %d %s", again.Status, again.Text())
	}
	if page := b.Get(t, at); page.Form("Save wallet wallet_two") == nil && !page.Has("wallet wallet_two") {
		t.Errorf("it is not on the page: %s", page.Text())
	}
	page := b.Submit(t, b.Get(t, at).Form("Add identity wallet").Fill(t, "wallet_id", "wallet_two"))
	if page.Status != http.StatusConflict || page.Problem() == "" {
		t.Errorf("the same once more: %d %s", page.Status, page.Problem())
	}
	const secret = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	form = b.Get(t, at).Form("Add identity wechatpay")
	form.Values.Set("set.mchid", "12")
	form.Values.Set("set.apiv3_key", secret)
	if page = b.Submit(t, form); page.Status != http.StatusUnprocessableEntity || strings.Join(invalid(page), " ") != "set.mchid" || strings.Contains(page.Body, secret) {
		t.Errorf("a number that is none: %d %v %s", page.Status, invalid(page), page.Problem())
	}
	form.Values.Set("set.mchid", "1900007777")
	if page = b.Submit(t, form); page.Status != http.StatusOK || strings.Contains(page.Body, secret) || !page.Has("PRIVATE KEY") {
		t.Errorf("with a secret: %d %s", page.Status, page.Problem())
	}
	other := rig.AddMerchant(t, "other")
	stranger, viewer := rig.As(t, merchant.RoleAdmin, other.ID), rig.As(t, merchant.RoleViewer, "mer_demo")
	page = stranger.Submit(t, stranger.Get(t, merchantsPath+"/"+other.ID).Form("Add identity wallet").Fill(t, "wallet_id", "wallet_two"))
	if page.Status != http.StatusConflict || !strings.Contains(page.Problem(), "is not free") || page.Has("mer_demo") {
		t.Errorf("another merchant's: %d %s", page.Status, page.Problem())
	}
	if page = stranger.Post(t, at+"/add-identity", url.Values{"dialect": {"wallet"}}); page.Status != http.StatusNotFound {
		t.Errorf("a stranger adds one: %d", page.Status)
	}
	if viewer.Get(t, at).Form("Add identity wallet") != nil || viewer.Post(t, at+"/add-identity", url.Values{"dialect": {"wallet"}}).Status != http.StatusForbidden {
		t.Error("a viewer may add one")
	}
}
