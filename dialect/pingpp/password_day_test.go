package pingpp

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

func TestTheAddressOfAPasswordIsOfToday(t *testing.T) {
	current, _ := platformKey(t, "current")
	created := time.Date(2026, 11, 24, 15, 59, 58, 0, time.UTC) // 23:59:58 in Beijing
	var now time.Time
	d := New(Services{Directory: keys{current: current}, Now: func() time.Time { return now }})
	r := testRefund(refund.Pending)
	r.Detail.Password, r.CreatedAt = true, created
	c := &call{r: httptest.NewRequestWithContext(t.Context(), "GET", "http://Refunds.Example:8080/v1/charges", nil), locale: wire.Chinese}
	at := func(later time.Duration) url.Values {
		now = created.Add(later)
		address, err := url.Parse(strings.TrimPrefix(*d.refundShown(c, r, testCharge().Named()).FailureMsg, wire.WaitOperationPrefix))
		if err != nil {
			t.Fatal(err)
		}
		return address.Query()
	}
	for _, test := range []struct {
		later      time.Duration
		day, clock string
	}{
		{0, "20261124", "2026-11-24 23:59:58"},
		{time.Second, "20261124", "2026-11-24 23:59:58"},
		{2 * time.Second, "20261125", "2026-11-25 00:00:00"},
		{20 * time.Hour, "20261125", "2026-11-25 00:00:00"},
		{30 * 24 * time.Hour, "20261224", "2026-12-24 00:00:00"},
	} {
		query := at(test.later)
		if query.Get("batch_no") != test.day+"y1u944PmfnrTHyvnL0nD0iD1" || query.Get("refund_date") != test.clock {
			t.Errorf("%s later: %v", test.later, query)
		}
		if got := query.Get("notify_url"); got != "http://refunds.example:8080/notify/charges/ch_L8qn10mLmr1GS8e5OODmHaL4/refunds/re_y1u944PmfnrTHyvnL0nD0iD1" {
			t.Errorf("notify_url %s", got)
		}
	}
	if at(0).Encode() != at(time.Second).Encode() {
		t.Error("two addresses within a day differ")
	}
	for _, state := range []refund.State{refund.Held, refund.Abnormal, refund.Succeeded} {
		r.State = state
		if object := d.refundShown(c, r, testCharge().Named()); object.FailureMsg != nil {
			t.Errorf("%s shows %s", state, *object.FailureMsg)
		}
	}
}
