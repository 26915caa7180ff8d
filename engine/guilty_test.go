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
