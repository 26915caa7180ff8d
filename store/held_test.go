package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// claimedRefund accepts a refund of a new charge, with submits that are spaced.
func claimedRefund(t *testing.T, s *store.Store, merchantID string, now time.Time) refund.Refund {
	t.Helper()
	c := refund.Charge{
		MerchantID: merchantID, ID: "ch_" + merchantID, OrderNo: "1", Channel: "wx", ChannelAccount: "acct_" + merchantID, TransactionID: "4200",
		Currency: "CNY", Amount: 100, PaidAt: now, CreatedAt: now,
	}
	if _, _, err := s.RegisterCharge(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	var made refund.Refund
	err := s.InTx(t.Context(), func(tx intake.Tx) error {
		amount, key := money.Minor(1), refund.ChargeKey{MerchantID: merchantID, ID: c.ID}
		charges, err := tx.LockCharges(t.Context(), []refund.ChargeKey{key})
		if err != nil {
			return err
		}
		unit := refund.Unit{MerchantID: merchantID, Members: []refund.Content{{}}, Requests: []refund.Request{
			{RefundID: "re_" + merchantID, ChannelNumber: "1", ChargeID: c.ID, Amount: &amount},
		}}
		changes, refused := refund.Accept(map[string]refund.Charge{c.ID: charges[key]}, unit, refund.RuleBook{}, now)
		if refused != nil {
			return refused
		}
		changes[0].Refunds[0].SubmitSpacing = time.Second
		made = changes[0].Refunds[0]
		return tx.Insert(t.Context(), changes)
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A charge of one merchant that another session holds stops neither the outcomes
// nor the claims of others, and is not waited for again and again.
func TestAChargeThatIsHeldStopsNoOthersOutcomesAndClaims(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	now := time.Now().UTC().Truncate(time.Microsecond)
	held, other := claimedRefund(t, s, "mer_held", now), claimedRefund(t, s, "mer_other", now)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"BEGIN", "SELECT id FROM charges WHERE merchant_id = 'mer_held' FOR UPDATE"} {
		if _, err := conn.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	report := func(r refund.Refund) refund.Report {
		return refund.Report{
			Key: refund.Key{MerchantID: r.MerchantID, ID: r.ID}, ChargeID: r.ChargeID,
			Outcome: refund.Outcome{Kind: refund.OutcomeAccepted, Source: refund.Notice},
		}
	}
	record := func(wait bool, refunds ...refund.Refund) ([]refund.Posted, error) {
		var reports []refund.Report
		for _, r := range refunds {
			reports = append(reports, report(r))
		}
		return s.Record(t.Context(), reports, wait, func(c refund.Charge, r refund.Refund, w refund.Report) refund.Change {
			return refund.Apply(c, r, w.Outcome, refund.Pace{}, now)
		})
	}
	start := time.Now()
	for n := range 100 { // which would take half a minute if each waited
		posted, err := record(false, held, other)
		if err != nil || !posted[0].Held || posted[1].Held || posted[1].Refund.ID != other.ID {
			t.Fatal(n, posted, err)
		}
	}
	t.Logf("a hundred outcomes beside one that is held took %v", time.Since(start))
	if time.Since(start) > 100*sharedWait/2 {
		t.Error("they waited for the lock each")
	}
	if _, err := record(true, held, other); !errors.Is(err, refund.ErrLocked) {
		t.Errorf("together: %v", err)
	}
	start = time.Now()
	for n := range 200 { // which would take a minute if each waited
		posted, err := record(true, held, other)
		if err != nil || !posted[0].Held || posted[1].Held {
			t.Fatal(n, posted, err)
		}
	}
	t.Logf("two hundred more tries took %v", time.Since(start))
	if time.Since(start) > 200*sharedWait/2 {
		t.Error("they waited for the lock each")
	}
	claimed, _, err := s.ClaimRefunds(t.Context(), []refund.Due{due(held), due(other)}, now, now.Add(45*time.Second))
	if err != nil || len(claimed) != 1 || claimed[0].Refund.ID != other.ID {
		t.Errorf("claimed %v, %v", claimed, err)
	}
	// A connection that is closed frees its locks some moments later.
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	posted, err := record(false, held)
	if err := errors.Join(err, conn.Close(t.Context())); err != nil || posted[0].Held {
		t.Error(posted, err)
	}
}

// sharedWait is how long a shared transaction waits for a lock.
const sharedWait = 300 * time.Millisecond

func due(r refund.Refund) refund.Due {
	return refund.Due{
		Key: refund.Key{MerchantID: r.MerchantID, ID: r.ID}, LeaseEpoch: r.LeaseEpoch, ChargeID: r.ChargeID,
		SubmitSpacing: r.SubmitSpacing, Submits: true,
	}
}
