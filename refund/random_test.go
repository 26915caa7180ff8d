package refund_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// TestAnyHistoryKeepsTheBooks lets requests, claims, words of every source and
// kind, cancels, adoptions and the clock come in any order. world adds up
// transfers and refunds by itself after each step.
func TestAnyHistoryKeepsTheBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		worlds := []*world{newWorld(anyCharge(t)), newWorld(anyCharge(t))}
		if left := worlds[1].charge.Refundable(); left > 0 {
			worlds[1].charge.Blocked = money.Minor(rapid.Int64Range(0, int64(left)).Draw(t, "blocked"))
			worlds[1].blocked = worlds[1].charge.Blocked
		}
		lost := map[*world][]refund.Outcome{} // answers to calls that are still under way
		t.Repeat(map[string]func(*rapid.T){
			"accept": func(t *rapid.T) {
				w := worlds[rapid.IntRange(0, 1).Draw(t, "charge")]
				request := refund.Request{Goods: anyGoods(t, w.charge)}
				left := w.charge.Refundable()
				if left > 0 && rapid.Bool().Draw(t, "a part") {
					part := money.Minor(rapid.Int64Range(1, int64(min(left, refund.MaxAmount))).Draw(t, "amount"))
					request.Amount = &part
				}
				if rapid.IntRange(0, 4).Draw(t, "hold") == 0 {
					request.HoldUntil = w.at.Add(time.Hour)
				}
				quoted, _, no := refund.Quote(w.charge, request, refund.RuleBook{}, w.at)
				r, err := w.tryAccept(t, request)
				if (err == nil) != (left > 0) || (no == nil) != (err == nil) || r.Amount != quoted {
					t.Fatalf("accepted %d of %d: %v; quoted %d: %v", r.Amount, left, err, quoted, no)
				}
			},
			"word": func(t *rapid.T) {
				w := worlds[rapid.IntRange(0, 1).Draw(t, "charge")]
				if len(w.order) == 0 {
					t.SkipNow()
				}
				id := rapid.SampledFrom(w.order).Draw(t, "refund")
				o := refund.Outcome{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Source: rapid.SampledFrom(sources).Draw(t, "source")}
				o.SentAt = w.at.Add(-time.Duration(rapid.IntRange(0, 20).Draw(t, "sent")) * time.Second)
				o.Epoch = w.refunds[id].LeaseEpoch - int64(rapid.IntRange(0, 1).Draw(t, "lost lease"))
				if rapid.Bool().Draw(t, "names an amount") {
					said := w.refunds[id].Amount + money.Minor(b2i(rapid.IntRange(0, 9).Draw(t, "lies") == 0))
					o.Amount = &said
				}
				w.word(t, id, o)
			},
			"call": func(t *rapid.T) {
				w := worlds[rapid.IntRange(0, 1).Draw(t, "charge")]
				if len(w.order) == 0 {
					t.SkipNow()
				}
				id := rapid.SampledFrom(w.order).Draw(t, "refund")
				if w.refunds[id].DueAt.IsZero() {
					t.SkipNow()
				}
				w.claim(id)
				o := refund.Outcome{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Epoch: w.refunds[id].LeaseEpoch, SentAt: w.at}
				o.Source = refund.Query
				if refund.NextStep(w.refunds[id]) == refund.StepSubmit {
					o.Source = refund.Submit
				}
				if rapid.IntRange(0, 3).Draw(t, "is slow") == 0 {
					o.Message = id
					lost[w] = append(lost[w], o)
					return
				}
				w.word(t, id, o)
			},
			"slow answer": func(t *rapid.T) {
				w := worlds[rapid.IntRange(0, 1).Draw(t, "charge")]
				if len(lost[w]) == 0 {
					t.SkipNow()
				}
				w.word(t, lost[w][0].Message, lost[w][0])
				lost[w] = lost[w][1:]
			},
			"cancel": func(t *rapid.T) {
				w := worlds[rapid.IntRange(0, 1).Draw(t, "charge")]
				if len(w.order) == 0 {
					t.SkipNow()
				}
				id := rapid.SampledFrom(w.order).Draw(t, "refund")
				before := w.refunds[id]
				if err := w.cancel(t, id); err == nil && w.refunds[id].State != before.State && !before.LeaseUntil.IsZero() {
					t.Fatalf("canceled under a claim: %+v", before)
				}
			},
			"adopt": func(t *rapid.T) {
				w := worlds[rapid.IntRange(0, 1).Draw(t, "charge")]
				if w.charge.Excess > 1<<40 || w.charge.Amount > 1<<40 {
					t.SkipNow() // would no longer be counted; a test of its own holds that
				}
				w.adopt(t, rapid.Int64Range(1, 2*int64(w.charge.Amount)).Draw(t, "foreign"))
			},
			"dispute": func(t *rapid.T) {
				w := worlds[rapid.IntRange(0, 1).Draw(t, "charge")]
				if w.charge.Excess > 1<<40 || w.charge.Amount > 1<<40 {
					t.SkipNow()
				}
				told := refund.Dispute{
					ChannelDisputeID: rapid.SampledFrom([]string{"du_1", "du_2", "du_3"}).Draw(t, "dispute"), State: rapid.SampledFrom(disputeStates).Draw(t, "state"),
					Amount: money.Amount{Minor: money.Minor(rapid.Int64Range(1, 2*int64(w.charge.Amount)).Draw(t, "disputed")), Currency: rapid.SampledFrom([]money.Currency{"CNY", "USD"}).Draw(t, "currency")},
				}
				if rapid.Bool().Draw(t, "says when") {
					told.ChannelAt = at0.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "when")) * time.Second)
				}
				w.dispute(t, told)
				before := w.charge
				if again := w.dispute(t, told); again.Dispute != nil || w.charge.Blocked != before.Blocked {
					t.Fatalf("said again, it changes %+v", again)
				}
			},
			"time": func(t *rapid.T) {
				by := time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second
				for _, w := range worlds {
					w.later(by)
				}
			},
			"": func(*rapid.T) {}, // world.take checks after each step
		})
	})
}
