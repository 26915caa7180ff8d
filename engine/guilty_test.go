package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Of five accounts one has a refund whose outcome can't be recorded, as it is or
// whatever it is. The others are recorded as fast as ever.
func TestOneOutcomeThatCannotBeRecordedSlowsNobodyDown(t *testing.T) {
	recorded := make(map[string]int)
	for name, refuses := range map[string]func(refund.Report) bool{
		"nothing is refused":                             nil,
		"what the channel says of it":                    func(w refund.Report) bool { return w.ID == "re_00000300" && w.Outcome.Message != "" },
		"it is locked, and so is whatever comes with it": func(w refund.Report) bool { return w.ID == "re_00000300" },
		"whatever it is":                                 func(w refund.Report) bool { return w.ID == "re_00000300" },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.store.latency, w.store.refuses = 2*time.Millisecond, refuses
			if strings.Contains(name, "locked") {
				w.store.refusal = fmt.Errorf("wait for a row: %w", refund.ErrLocked)
			}
			for _, account := range []string{"1", "2", "3", "4", "5"} {
				w.add("m"+account, account, &accountChannel{took: 20 * time.Millisecond, answer: func(context.Context, refund.Step, channel.Instruction) refund.Outcome {
					return refund.Outcome{Kind: refund.OutcomeDone, Message: "done"}
				}})
				w.due(account, 1500)
			}
			w.run()
			defer w.stop()
			time.Sleep(700 * time.Millisecond)
			recorded[name] = w.store.count(refund.Succeeded)
		})
	}
	for name, n := range recorded {
		if n < recorded["nothing is refused"]*9/10 {
			t.Errorf("%s: %d are recorded in 0.7 s, of %d", name, n, recorded["nothing is refused"])
		}
	}
	t.Logf("recorded in 0.7 s: %v", recorded)
}

// Of five accounts one has its charges held by another session for three seconds. The
// others are recorded as fast as ever, and its own soon after.
func TestOutcomesThatAreHeldWaitAlone(t *testing.T) {
	const of, heldFor = 300, 3 * time.Second
	recorded := make(map[bool]int)
	for _, held := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			free := time.Now().Add(heldFor)
			w.store.latency = 2 * time.Millisecond
			if held {
				w.store.held = func(r refund.Report) bool { return r.MerchantID == "m1" && time.Now().Before(free) }
			}
			for _, account := range []string{"1", "2", "3", "4", "5"} {
				w.add("m"+account, account, &accountChannel{took: 20 * time.Millisecond, answer: func(context.Context, refund.Step, channel.Instruction) refund.Outcome {
					return refund.Outcome{Kind: refund.OutcomeDone}
				}})
				w.due(account, of)
			}
			w.run()
			defer w.stop()
			time.Sleep(150 * time.Millisecond)
			for key, r := range w.store.refunds {
				if key.MerchantID != "m1" && r.State == refund.Succeeded {
					recorded[held]++
				}
			}
			time.Sleep(heldFor + 2*time.Second)
			if done := w.store.count(refund.Succeeded); done < 5*of*9/10 {
				t.Errorf("held %v: %d of %d are recorded in the end", held, done, 5*of)
			}
		})
	}
	t.Logf("of the others %d are recorded in 0.15 s, %d beside one that is held", recorded[false], recorded[true])
	if recorded[true] < recorded[false]*9/10 {
		t.Error("the others wait")
	}
}
