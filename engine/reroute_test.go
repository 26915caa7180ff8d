package engine_test

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestAnAbnormalRefundIsSentElsewhere(t *testing.T) {
	tests := []struct {
		name string
		to   channel.Destination
		want refund.Landed
	}{
		{
			"to a card of the user",
			channel.Destination{Kind: channel.ToPayerCard, Bank: "CMB_DEBIT", BankAccount: "6222020000000403", RealName: "张三"},
			refund.Landed{Way: refund.WayOtherCard, Account: "招商银行借记卡0403"},
		},
		{"to the merchant", channel.Destination{Kind: channel.ToMerchant}, refund.Landed{Account: "商户结算银行账户"}},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				c := r.charge(1000)
				accepted := r.accept(c.ID, 52)
				r.run(1)
				if got := r.refund(accepted.ID).State; got != refund.Abnormal {
					t.Fatalf("state is %s", got)
				}
				if _, err := r.engine.Reroute(t.Context(), r.owner, accepted.ID, test.to, r.record("refund.reroute")); err != nil {
					t.Fatal(err)
				}
				r.run(2)
				got := r.refund(accepted.ID)
				if got.State != refund.Succeeded || got.Landed != test.want || !got.DueAt.IsZero() {
					t.Errorf("refund is %s, landed %+v, due %s", got.State, got.Landed, got.DueAt)
				}
				if moves := r.entry(got).Moves; moves != 1 {
					t.Errorf("money moved %d times", moves)
				}
				if a := r.attempts(got.ID); !slices.Contains(a, "reroute done") {
					t.Errorf("attempts are %v", a)
				}
				_, err := r.engine.Reroute(t.Context(), r.owner, got.ID, test.to, r.record("refund.reroute"))
				if refund.KindOf(err) != refund.KindStateConflict {
					t.Errorf("rerouting again gave %v", err)
				}
			})
		}
		if _, err := r.engine.Reroute(t.Context(), r.owner, "re_none", tests[0].to, r.record("refund.reroute")); refund.KindOf(err) != refund.KindRefundNotFound {
			t.Errorf("an unknown refund gave %v", err)
		}
	})
}

// While someone asks the channel about the refund, it can't be rerouted: two
// calls about one refund at once are what leases are for.
func TestARefundUnderALeaseIsNotRerouted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		accepted := r.accept(r.charge(1000).ID, 52)
		r.run(1)
		now := r.clock.Now()
		if _, err := s.ClaimAbnormal(t.Context(), r.owner, accepted.ID, r.record("refund.reroute"), now, now.Add(r.engine.Lease())); err != nil {
			t.Fatal(err)
		}
		_, err := r.engine.Reroute(t.Context(), r.owner, accepted.ID, channel.Destination{Kind: channel.ToMerchant}, r.record("refund.reroute"))
		if refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("got %v", err)
		}
		if got := r.refund(accepted.ID).State; got != refund.Abnormal {
			t.Errorf("state is %s", got)
		}
	})
}
