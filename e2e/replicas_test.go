package e2e

import (
	"net/http"
	"sync"
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

// 64 requests at once ask for 60 of a charge of 100, through two processes on
// one PostgreSQL: the cap leaves room for one.
func TestOnlyOneOf64RefundsFitsThroughTwoProcesses(t *testing.T) {
	database, data := storetest.Postgres(t), t.TempDir()
	first := Start(t, database, data)
	second := Start(t, database, data)
	charge := registerCharge(t, first.URL, "cap-1", 100)

	const callers = 64
	var statuses [callers]int
	var texts [callers]string
	var all sync.WaitGroup
	begin := make(chan struct{})
	for n := range callers {
		base := []string{first.URL, second.URL}[n%2]
		all.Go(func() {
			<-begin
			var err error
			statuses[n], texts[n], err = call(http.MethodPost, base+"/refundry/v1/refunds", `{"charge": "`+charge+`", "amount": 60, "reason": "race"}`)
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	all.Wait()

	var accepted string
	for n, status := range statuses {
		switch {
		case status == http.StatusCreated && accepted == "":
			var r shownRefund
			decode(t, texts[n], &r)
			accepted = r.ID
		case status == http.StatusCreated:
			t.Errorf("a second refund was accepted: %s", texts[n])
		case status >= 500 || problemKind(t, texts[n]) != "amount_exceeded":
			t.Errorf("a refused request got %d %s", status, texts[n])
		}
	}
	if accepted == "" {
		t.Fatal("no refund was accepted")
	}
	Until(t, "the refund has succeeded", func() bool { return stateOf(t, second.URL, accepted) == "succeeded" })
	first.Stop(t)
	second.Stop(t)
	Verify(t, database)
}
