package sim_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// What `make soak` makes larger.
var (
	seed   = flag.Uint64("sim.seed", 1, "decides everything that a simulation draws")
	during = flag.Duration("sim.during", time.Hour, "how long refunds are asked for, in simulated time")
	orders = flag.Int("sim.orders", 1000, "how many refunds shops ask for that have no trouble")
	each   = flag.Int("sim.each", 150, "how many each shop asks for that has")
	count  = flag.Int("sim.variants", 1, "how many ways to be in trouble are tried")
)

const (
	// grain is what nobody notices: less than the channel takes to answer. Times
	// below it are not compared.
	grain = 50 * time.Millisecond
	// maxMore bounds how much longer any single refund may wait.
	maxMore = time.Second
	// starving is longer than a claimed refund may wait for its call: a lease less
	// the longest call.
	starving = engine.Lease - channel.CallTimeout + 5*time.Second
	// enough is from how many refunds on a shop has a 99th percentile of its own.
	// Shops with less are looked at together.
	enough = 100
)

// variants say which shops are in trouble. Shop 0 asks for nine of ten refunds.
var variants = []struct {
	name     string
	troubled map[int]fault
}{
	{"five small ones", map[int]fault{10: hanging, 30: failing, 50: limited, 70: corrupt, 90: locked}},
	{"the largest hangs", map[int]fault{0: hanging, 30: failing, 50: limited, 70: corrupt, 90: locked}},
	{"the largest fails", map[int]fault{10: hanging, 0: failing, 50: limited, 70: corrupt, 90: locked}},
	{"the largest is limited", map[int]fault{10: hanging, 30: failing, 0: limited, 70: corrupt, 90: locked}},
	{"the largest is corrupt", map[int]fault{10: hanging, 30: failing, 50: limited, 0: corrupt, 90: locked}},
	{"the largest is locked", map[int]fault{10: hanging, 30: failing, 50: limited, 70: corrupt, 0: locked}},
}

// A hundred shops, of which one asks for nine of ten refunds. When five are in
// trouble, nobody else waits more than twice as long as without them, at any
// stage; nothing is lost and no money moves twice.
func TestFiveMerchantsInTroubleHoldUpNoOther(t *testing.T) {
	var without spans
	t.Run("none", func(t *testing.T) { without = simulate(t, load{shops: 100, orders: *orders, during: *during}) })
	for _, variant := range variants[:min(*count, len(variants))] {
		t.Run(variant.name, func(t *testing.T) {
			l := load{shops: 100, orders: *orders, during: *during, each: *each, troubled: variant.troubled}
			with := simulate(t, l)
			if t.Failed() {
				return
			}
			var small []int
			for _, shop := range l.fine() {
				if len(with[shop][0]) >= enough {
					compare(t, fmt.Sprint("shop ", shop), []int{shop}, with, without)
				} else {
					small = append(small, shop)
				}
			}
			if len(small) > 0 {
				compare(t, fmt.Sprint(len(small), " small shops"), small, with, without)
			}
		})
	}
}

// compare holds the times of some shops together against those without others'
// trouble.
func compare(t *testing.T, who string, shops []int, with, without spans) {
	for n, stage := range stages {
		now, before := with.of(shops, n), without.of(shops, n)
		t.Logf("%s %s: p99 %v, at most %v; without %v and %v", who, stage.name, p99(now), last(now), p99(before), last(before))
		bound, most := max(2*p99(before), p99(before)+grain), last(before)+maxMore
		if p99(now) > bound || last(now) > most {
			t.Errorf("%s wait too long %s", who, stage.name)
		}
	}
}

// simulate has a load carried and checks what must be true after it.
func simulate(t *testing.T, l load) (took spans) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, *seed, l)
		defer func() {
			if err := w.service.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		orders := l.plan(*seed)
		w.run(orders)
		time.Sleep(time.Minute) // the last ones' way
		synctest.Wait()
		took = w.journal.spans()
		w.check(orders)
		w.checkMetrics(l)
	})
	return took
}

// check looks whether everything that shops without trouble asked for has come to
// its end, once, and whether the books are right.
func (w *world) check(orders []order) {
	w.t.Helper()
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	ended := make(map[int]int)
	for id, t := range w.journal.traces {
		if w.shops[t.shop].fault != healthy {
			continue
		}
		if t.called.IsZero() || t.recorded.IsZero() || t.told.IsZero() {
			w.t.Errorf("refund %s of shop %d: %+v", id, t.shop, *t)
		}
		ended[t.shop]++
	}
	asked := make(map[int]int)
	for _, o := range orders {
		if w.shops[o.shop].fault == healthy {
			asked[o.shop]++
		}
	}
	if !maps.Equal(asked, ended) {
		w.t.Errorf("asked for are %v, and there are %v", asked, ended)
	}
	for n, one := range w.shops {
		if one.fault == healthy && one.refused.Load() > 0 {
			w.t.Errorf("shop %d was refused %d times", n, one.refused.Load())
		}
		w.balance(one)
	}
	findings, err := service.Verify(w.t.Context(), w.service.Store)
	if err != nil {
		w.t.Error(err)
	}
	for _, f := range findings {
		if !w.broken(f) {
			w.t.Errorf("verify: %+v", f)
		}
	}
	if w.bank.overlap > 0 {
		w.t.Errorf("the bank was called %d times about a refund that a call was under way about", w.bank.overlap)
	}
}

// balance holds what a shop's charges say against the bank's books.
func (w *world) balance(one *shop) {
	w.t.Helper()
	var refunded money.Minor
	for _, id := range one.charges {
		c, err := w.service.Store.Charge(w.t.Context(), one.ID, id)
		if err != nil {
			w.t.Error(err)
		}
		refunded += c.Refunded
		if one.fault == healthy && c.Reserved > 0 {
			w.t.Errorf("charge %s of %s still holds %d", id, one.Name, c.Reserved)
		}
	}
	moved := money.Minor(w.bank.count(one.account)) * amount
	switch {
	case one.fault == healthy && moved != money.Minor(one.accepted.Load())*amount, refunded > moved, refunded != moved && one.fault != locked:
		w.t.Errorf("%s has %d refunds, the bank moved %d and the charges say %d", one.Name, one.accepted.Load(), moved, refunded)
	}
}

// broken reports whether a finding of verify is about what was broken on purpose.
func (w *world) broken(f refund.Finding) bool {
	// Where very much is broken, that there is more is a finding of nobody's.
	return slices.ContainsFunc(w.shops, func(one *shop) bool { return one.fault == corrupt && (f.MerchantID == one.ID || f.MerchantID == "") })
}

// checkMetrics holds the metrics of who waits against what waits: the refunds of
// those in trouble in the engine, and nothing anywhere else.
func (w *world) checkMetrics(l load) {
	w.t.Helper()
	answer := httptest.NewRecorder()
	w.service.Metrics().Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	shown := make(map[string]float64)
	for line := range strings.Lines(answer.Body.String()) {
		name, text, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "refundry_"), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			shown[name] = value
		}
	}
	for name, troubled := range map[string]bool{
		"intake_oldest_seconds": false, "engine_oldest_due_seconds": true, "engine_oldest_queued_seconds": false, "engine_oldest_unrecorded_seconds": false,
		"webhook_oldest_event_seconds": false, "webhook_oldest_due_seconds": false,
	} {
		value, there := shown[name]
		if starves := value > starving.Seconds(); !there || starves != (troubled && l.troubled != nil) {
			w.t.Errorf("%s is %v, shown: %v", name, value, there)
		}
	}
}
