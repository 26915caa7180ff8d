package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	killRounds  = 3
	killCallers = 8
	killCharges = 16
	// killAfter is how many answers come before each kill: load, not idleness,
	// must be what it hits.
	killAfter = 150
)

// The process is killed in the middle of load, three times, and started again.
// Merchants repeat what got no answer, with the same number, as they do.
// Everything that was accepted reaches its end, once, at the sandbox's books.
func TestNothingIsLostOrDoubledWhenTheProcessIsKilled(t *testing.T) {
	t.Parallel() // it waits for leases most of the time
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			database, data := engine.open(t), t.TempDir()
			load := newLoad(t)
			p := Start(t, database, data)
			for n := range killCharges {
				load.charges = append(load.charges, registerCharge(t, p.URL, fmt.Sprintf("kill-%d", n), 1_000_000_000))
			}
			for range killRounds {
				load.run(p.URL, killAfter)
				p.Kill()
				load.wait()
				p = Start(t, database, data)
			}
			load.finish(p.URL)
			load.ended(p.URL)
			p.Stop(t)
			Verify(t, database)
			t.Logf("%d refunds, %d answers lost to kills", len(load.accepted), load.lost.Load())
		})
	}
}

// killLoad is merchants that refund until the process is gone.
type killLoad struct {
	t       *testing.T
	charges []string
	all     sync.WaitGroup
	answers atomic.Int64
	lost    atomic.Int64
	next    atomic.Int64
	enough  atomic.Bool // callers end though the process goes on

	mu       sync.Mutex
	accepted map[string]shownRefund
	open     []asked // sent, and no answer came
}

type asked struct {
	number, charge string
	amount         int64
}

func newLoad(t *testing.T) *killLoad {
	return &killLoad{t: t, accepted: make(map[string]shownRefund)}
}

// run starts the callers and returns when enough answers have come.
func (l *killLoad) run(base string, answers int64) {
	enough := l.answers.Load() + answers
	for range killCallers {
		l.all.Go(func() {
			for !l.enough.Load() && l.ask(base, l.take()) {
			}
		})
	}
	Until(l.t, "enough answers have come", func() bool { return l.answers.Load() >= enough })
}

// wait waits until the callers have found out that the process is gone.
func (l *killLoad) wait() { l.all.Wait() }

// finish repeats everything that got no answer.
func (l *killLoad) finish(base string) {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for _, a := range open {
		if !l.ask(base, a) {
			l.t.Fatalf("the repeat of %s got no answer", a.number)
		}
	}
}

// ended waits until each refund that was accepted has ended, as it was accepted.
func (l *killLoad) ended(base string) {
	for number, r := range l.accepted {
		Until(l.t, "refund "+number+" has ended", func() bool {
			found := refundsNumbered(l.t, base, number)
			if len(found) != 1 || found[0].ID != r.ID || found[0].Amount != r.Amount {
				l.t.Fatalf("number %s was accepted as %+v and is now %+v", number, r, found)
			}
			return found[0].State == "succeeded" || found[0].State == "failed" && r.Amount%100 == 51
		})
	}
}

// take returns what got no answer before, else something new.
func (l *killLoad) take() asked {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.open); n > 0 {
		a := l.open[n-1]
		l.open = l.open[:n-1]
		return a
	}
	number := l.next.Add(1)
	endings := []int64{0, 0, 0, 1, 51, 53, 54, 57, 59, 60}
	return asked{
		number: fmt.Sprintf("kill-%d", number), charge: l.charges[rand.IntN(len(l.charges))],
		amount: 100*(1+rand.Int64N(1000)) + endings[rand.IntN(len(endings))],
	}
}

// ask sends one request; false means that the process is gone.
func (l *killLoad) ask(base string, a asked) bool {
	status, text, err := call(http.MethodPost, base+"/refundry/v1/refunds", refundBody(a.charge, a.amount, a.number))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.lost.Add(1)
		l.open = append(l.open, a)
		return false
	}
	l.answers.Add(1)
	if status != http.StatusCreated && status != http.StatusOK {
		l.t.Errorf("refund %s got %d %s", a.number, status, text)
		return true
	}
	var r shownRefund
	decode(l.t, text, &r)
	if before, again := l.accepted[a.number]; again && before.ID != r.ID {
		l.t.Errorf("number %s was accepted as %s and as %s", a.number, before.ID, r.ID)
	}
	l.accepted[a.number] = r
	return true
}
