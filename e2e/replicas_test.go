package e2e

import (
	"fmt"
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

// One of three processes on one PostgreSQL is killed under load, while the others
// go on. What it had claimed is taken over when its leases end, and what got no
// answer is repeated at another: each refund ends once, at the sandbox's books.
func TestOthersTakeOverWhatAKilledReplicaHadUnderWay(t *testing.T) {
	t.Parallel() // it waits for leases most of the time
	database, data := storetest.Postgres(t), t.TempDir()
	var replicas []*Process
	var loads []*killLoad
	var charges []string
	for n := range 3 {
		replicas = append(replicas, Start(t, database, data))
		charges = append(charges, registerCharge(t, replicas[n].URL, fmt.Sprintf("replica-%d", n), 1_000_000_000))
	}
	for n, p := range replicas { // every load refunds every charge
		load := newLoad(t)
		load.charges = charges
		load.next.Store(int64(n) * 1_000_000)
		load.run(p.URL, killAfter)
		loads = append(loads, load)
	}
	replicas[0].Kill()
	for n, load := range loads {
		if n > 0 {
			answers := load.answers.Load()
			Until(t, "the others go on", func() bool { return load.answers.Load() >= answers+killAfter })
			load.enough.Store(true)
		}
		load.wait()
	}
	loads[0].finish(replicas[1].URL)
	for n, load := range loads {
		load.ended(replicas[1+n%2].URL)
		t.Logf("%d refunds through replica %d, %d answers lost", len(load.accepted), n, load.lost.Load())
	}
	for _, p := range replicas[1:] {
		p.Stop(t)
	}
	Verify(t, database)
}
