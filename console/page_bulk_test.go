package console_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// uploads posts the form for a file as a browser does.
func uploads(t *testing.T, rig *consoletest.Rig, b *consoletest.Browser, merchantID, key, file string) *consoletest.Page {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range map[string]string{
		"of": merchantID, "Idempotency-Key": key, "canary_lines": "10", "canary_minutes": "5", "stop_percent": "20", "stop_window": "50",
	} {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("file", "refunds <b>.csv")
	if err == nil {
		_, err = part.Write([]byte(file))
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, rig.URL+"/console/bulk", &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Do(t, r)
}

func TestAFileOfRefundsIsUploadedByOnePersonAndStartedByAnother(t *testing.T) {
	rig := consoletest.Start(t)
	aCharge(t, rig, "BULKPAGE", 10_000, "")
	amy, ben := rig.As(t, merchant.RoleAdmin, merchant.DemoID), rig.As(t, merchant.RoleApprover, merchant.DemoID)
	const file = "charge,amount,reason\nBULKPAGE,100,<script>alert(1)</script>\nnone,1,\n"
	page := uploads(t, rig, amy, merchant.DemoID, "click", file)
	if page.Status != http.StatusOK || page.Flash() != "The file was taken in and is being checked. Nothing moves yet." || page.Heading() != "refunds <b>.csv" {
		t.Fatalf("%d %q %q %s", page.Status, page.Flash(), page.Heading(), page.Problem())
	}
	path := page.Path()
	if twice := uploads(t, rig, amy, merchant.DemoID, "click", file); twice.Path() != path {
		t.Errorf("a double click leads to %s", twice.Path())
	}
	if again := uploads(t, rig, amy, merchant.DemoID, "later", file); again.Path() != path || !strings.HasPrefix(again.Flash(), "The same file is there already") {
		t.Errorf("the same file leads to %s: %s", again.Path(), again.Flash())
	}
	page = eventually(t, amy, path, "Waits for a second person")
	if !page.Has("2: 1 can be refunded, 1 can not") || !page.Has("there is no such charge") || page.Form("Start the refunds") != nil || !page.Has("somebody else with the right to approve") {
		t.Errorf("its uploader sees %s", page.Text())
	}
	if refused := amy.Post(t, path+"/start", nil); refused.Status != http.StatusForbidden {
		t.Errorf("its uploader starts it: %d", refused.Status)
	}
	page = ben.Get(t, path)
	if page.Form("Stop for good") != nil {
		t.Error("an approver may stop it")
	}
	if page = ben.Submit(t, page.Form("Start the refunds")); !strings.Contains(page.Problem(), "skip_bad") {
		t.Errorf("bad lines are skipped unsaid: %q", page.Problem())
	}
	if page = ben.Submit(t, page.Form("Start the refunds").Fill(t, "Leave out the 1 bad lines", "1")); page.Flash() != "It runs." {
		t.Errorf("%q %q", page.Flash(), page.Problem())
	}
	page = eventually(t, ben, path, "Finished")
	if !page.Has("1 of 1 handed over") || !page.Has("became a refund") {
		t.Errorf("it shows %s", page.Text())
	}
	if csv := ben.Get(t, path+"/result.csv"); !strings.HasPrefix(csv.Header.Get("Content-Type"), "text/csv") || !strings.Contains(csv.Body, "2,accepted,BULKPAGE,100,") {
		t.Errorf("the result is %s", csv.Body)
	}
	refunds, _, err := rig.Store.RefundList(t.Context(), refund.Filter{MerchantID: merchant.DemoID, Page: refund.Page{Limit: 5}})
	if err != nil || len(refunds) != 1 || refunds[0].Amount != 100 {
		t.Errorf("%+v, %v", refunds, err)
	}
	if list := ben.Get(t, "/console/bulk?lang=zh"); !list.Has("批量退款") || !list.Has("已完成") || list.Form("上传文件") != nil {
		t.Errorf("the list shows %s", list.Text())
	}
	stranger := rig.As(t, merchant.RoleAdmin, rig.AddMerchant(t, "other").ID)
	if page = stranger.Get(t, path); page.Status != http.StatusNotFound {
		t.Errorf("a stranger sees it: %d", page.Status)
	}
	if page = uploads(t, rig, stranger, merchant.DemoID, "x", file+"\n"); page.Status != http.StatusNotFound {
		t.Errorf("a stranger uploads: %d", page.Status)
	}
}

// eventually loads a page until a person reads a text on it.
func eventually(t *testing.T, b *consoletest.Browser, path, text string) *consoletest.Page {
	t.Helper()
	for range 3000 {
		if page := b.Get(t, path); page.Has(text) {
			return page
		}
	}
	t.Fatalf("%s does not come to have %q: %s", path, text, b.Get(t, path).Text())
	return nil
}
