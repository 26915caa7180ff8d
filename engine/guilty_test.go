package engine_test

import (
	"context"
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
		"nothing is refused":          nil,
		"what the channel says of it": func(w refund.Report) bool { return w.ID == "re_00000300" && w.Outcome.Message != "" },
		"whatever it is":              func(w refund.Report) bool { return w.ID == "re_00000300" },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.store.latency, w.store.refuses = 2*time.Millisecond, refuses
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
	if all, some, none := recorded["nothing is refused"], recorded["what the channel says of it"], recorded["whatever it is"]; some < all*9/10 || none < all*9/10 {
		t.Errorf("recorded in 0.7 s: %v", recorded)
	}
	t.Logf("recorded in 0.7 s: %v", recorded)
}
