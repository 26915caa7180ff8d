package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

// The process is killed between a submit and its answer: the channel has moved the
// money, or is to get the request later. The process that comes after it asks, and
// the channel's books have one movement.
func TestAKillBetweenSubmitAndAnswerMovesMoneyOnce(t *testing.T) {
	t.Parallel() // it waits for leases most of the time
	for _, phase := range []string{"after", "before"} {
		for _, engine := range engines {
			t.Run(engine.name+", "+phase+" the money moved", func(t *testing.T) {
				t.Parallel()
				sim := simulate(t)
				s := openAtSim(t, engine.open(t), sim)
				account := s.take(t, "wechatpay", "wx_pub")
				order := orderNumber()
				transaction := sim.paid(t, "wechatpay", order, 1000, "CNY", "")
				charge := s.charge(t, account, order, transaction, "wx_pub", 1000, "CNY", "")
				sim.fails(t, "wechatpay", "submit", "delay", phase, 1)
				r := refundOf(t, s.URL, charge["id"].(string), 400, "K"+order)
				Until(t, "the channel has the submit", func() bool {
					var hits struct{ Data []map[string]any }
					sim.control(t, "GET", "/faults", "", &hits)
					return len(hits.Data) > 0
				})
				s.Kill()
				s.Process = s.at(t, s.address(), s.database)
				s.await(t, r.ID, "succeeded")
				sim.movedOnce(t, "wechatpay", map[string]int64{transaction: 400})
				s.end(t)
			})
		}
	}
}

// Two processes on one PostgreSQL refund through one account. One of them is killed
// while each of its submits waits for an answer, and stays away: the other one ends
// all refunds, and each has moved once.
func TestAReplicaEndsWhatAnotherOneHadUnderWay(t *testing.T) {
	t.Parallel()
	const refunds = 12
	sim := simulate(t)
	s := openAtSim(t, storetest.Postgres(t), sim)
	second := StartAt(t, freeAddress(t), s.database, s.data, "--egress-allow", "127.0.0.0/8", "--public-url", s.URL)
	account := s.take(t, "wechatpay", "wx_pub")
	amounts := make(map[string]int64)
	var charges, ids []string
	for n := range refunds {
		order := orderNumber()
		transaction := sim.paid(t, "wechatpay", order, 1000, "CNY", "")
		charges = append(charges, s.charge(t, account, order, transaction, "wx_pub", 1000, "CNY", "")["id"].(string))
		amounts[transaction] = int64(100 + n)
	}
	sim.fails(t, "wechatpay", "submit", "delay", "after", refunds)
	for n, charge := range charges {
		base := []string{s.URL, second.URL}[n%2]
		ids = append(ids, refundOf(t, base, charge, int64(100+n), fmt.Sprintf("R%s%d", charge[3:], n)).ID)
	}
	Until(t, "the channel has all submits", func() bool { return len(sim.books(t, "wechatpay")) == refunds })
	s.Kill()
	for _, id := range ids {
		Until(t, "refund "+id+" has succeeded", func() bool { return stateOf(t, second.URL, id) == "succeeded" })
	}
	sim.movedOnce(t, "wechatpay", amounts)
	second.Stop(t)
	Verify(t, s.database)
	if log := second.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("the second process logged:\n%s", tail(log))
	}
}
