package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/console/consoletest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

func TestTheTimelineShowsWhatWasSentAndWhatCameBack(t *testing.T) {
	rig := consoletest.Start(t)
	r := aRefund(t, rig, 100, refund.Succeeded, "")
	kill(t, rig, r)
	const sent = `{"digest":"abc","request":"POST /v3/refunds\n{\"status\": \"<script>1</script>\"}","answer":"HTTP 200\n{\"status\": \"SUCCESS\"}"}`
	err := rig.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), `UPDATE attempts SET sent = $3 WHERE merchant_id = $1 AND refund_id = $2`, merchant.DemoID, r.ID, sent)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b := rig.As(t, merchant.RoleViewer, "")
	page := b.Get(t, "/console/refunds/"+r.ID)
	if page.Status != http.StatusOK || strings.Contains(page.Body, "<script>1") {
		t.Fatalf("%d %s", page.Status, page.Body)
	}
	for _, text := range []string{
		"request to the channel", "POST /v3/refunds", "<script>1</script>", "answer of the channel", "HTTP 200", "SHA-256 of the request abc",
		"webhook", "https://shop.example/hook?<b>", "sandbox_demo, version",
	} {
		if !page.Has(text) {
			t.Errorf("the timeline lacks %q: %s", text, page.Text())
		}
	}
}
