package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
)

const endpointsPath = "/console/settings/endpoints?merchant=mer_demo"

func TestAnEndpointIsAddedTestedRotatedAndTakenOutOfUse(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleOperator, "mer_demo")
	form := b.Get(t, endpointsPath).Form("Add endpoint").Fill(t, "Address", "https://example.com/<script>").Fill(t, "Dialect", "native")
	page := b.Submit(t, form)
	if page.Status != http.StatusOK || !strings.Contains(page.Text(), "whsec_") || strings.Contains(page.Body, "/<script>") {
		t.Fatalf("added: %d %s", page.Status, page.Text())
	}
	if again := b.Submit(t, form); !strings.Contains(again.Text(), "whsec_") {
		t.Errorf("the second click: %d %s", again.Status, again.Text())
	}
	all, err := rig.Store.Endpoints(t.Context(), "mer_demo")
	if err != nil {
		t.Fatal(err)
	}
	one := all[len(all)-1]
	at := "/console/settings/endpoints/" + one.ID + "?merchant=mer_demo"
	page = b.Get(t, at)
	if page.Status != http.StatusOK || page.Has("whsec_") {
		t.Fatalf("shown: %d %s", page.Status, page.Text())
	}
	page = b.Submit(t, page.Form("New secret"))
	if !strings.Contains(page.Text(), "whsec_") {
		t.Errorf("rotated: %d %s", page.Status, page.Text())
	}
	page = b.Get(t, at)
	if strings.Count(page.Text(), "made") != 2 || !page.Has("signs until") {
		t.Errorf("the secrets: %s", page.Text())
	}
	bad := page.Form("New secret").Fill(t, "Old secret signs for (hours)", "721")
	if page := b.Submit(t, bad); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("an overlap that is too long: %d", page.Status)
	}
	page = b.Submit(t, b.Get(t, at).Form("Take out of use"))
	if !strings.Contains(page.Flash(), "out of use") || page.Form("Send a test event") != nil {
		t.Errorf("out of use: %d %s", page.Status, page.Text())
	}
}

func TestAnEndpointsFormShowsWhatIsWrong(t *testing.T) {
	rig := consoletest.Start(t)
	b := rig.As(t, merchant.RoleAdmin, "")
	for name, values := range map[string]url.Values{
		"no address":         {"url": {""}, "dialect": {"native"}},
		"a private address":  {"url": {"http://127.0.0.1:9/"}, "dialect": {"native"}},
		"no web address":     {"url": {"javascript:alert(1)"}, "dialect": {"native"}},
		"an unknown dialect": {"url": {"https://example.com/"}, "dialect": {"paypal"}},
		"an unknown event":   {"url": {"https://example.com/"}, "dialect": {"native"}, "events": {"refund.lost"}},
	} {
		if page := b.Post(t, endpointsPath, values); page.Status != http.StatusUnprocessableEntity || page.Problem() == "" {
			t.Errorf("%s: %d %s", name, page.Status, page.Problem())
		}
	}
	viewer := rig.As(t, merchant.RoleViewer, "mer_demo")
	if page := viewer.Get(t, endpointsPath); page.Status != http.StatusOK || page.Form("Add endpoint") != nil {
		t.Errorf("a viewer: %d", page.Status)
	}
	if page := viewer.Post(t, endpointsPath, url.Values{"url": {"https://example.com/"}, "dialect": {"native"}}); page.Status != http.StatusForbidden {
		t.Errorf("a viewer adds: %d", page.Status)
	}
	other := rig.AddMerchant(t, "other")
	if page := viewer.Get(t, "/console/settings/endpoints?merchant="+other.ID); page.Status != http.StatusNotFound {
		t.Errorf("another merchant's: %d", page.Status)
	}
}
