package storetest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// held accepts a refund of a new charge that waits for an approval until at(60).
func (f *fixture) held(t testing.TB) refund.Refund {
	t.Helper()
	c := f.registered(t, f.charge(100))
	var made refund.Refund
	err := f.InTx(t.Context(), func(tx intake.Tx) error {
		key := refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}
		locked, err := tx.LockCharges(t.Context(), []refund.ChargeKey{key})
		if err != nil {
			return err
		}
		unit := refund.Unit{MerchantID: c.MerchantID, Requests: []refund.Request{request(c, 40)}, By: refund.Asker{Key: "key_1", Dialect: "native"}}
		book := refund.RuleBook{Judge: func(refund.Asked) refund.Verdict {
			return refund.Verdict{Policy: refund.PolicyRef{ID: "pol_1", Name: "large", Version: 2}, Until: at(60), Why: "large"}
		}}
		changes, refusal := refund.Accept(map[string]refund.Charge{c.ID: locked[key]}, unit, book, at(2))
		if refusal != nil {
			return refusal
		}
		made = changes[0].Refunds[0]
		return tx.Insert(t.Context(), changes)
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (f *fixture) approvalOf(t testing.TB, r refund.Refund) refund.Approval {
	t.Helper()
	a, err := f.Approval(t.Context(), f.merchant, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func decision(name string) refund.Decision {
	return refund.Decision{Cause: refund.Cause{Actor: audit.ByUser(name)}, Asked: audit.Person{Actor: audit.ByKey("key_1")}}
}

func (f *fixture) action(d refund.Decision, action, object string) refund.Action {
	return refund.Action{Record: audit.New(d.Actor, f.merchant, action, object, at(3))}
}

func (f *fixture) approveIt(t testing.TB, s *store.Store, r refund.Refund, d refund.Decision, now time.Time) error {
	_, _, err := s.ApproveRefund(t.Context(), f.merchant, r.ID, d, f.action(d, "refund.approve", r.ID), now)
	return err
}

// dueOf is a held refund as a look sees it.
func dueOf(r refund.Refund) []refund.Due {
	return []refund.Due{{Key: keyOf(r), LeaseEpoch: r.LeaseEpoch, ChargeID: r.ChargeID, Account: r.ChannelAccount, Submits: true, DueAt: r.DueAt}}
}

// waitsForApproval: it is read as it was held, no look claims it, and its time
// cancels it.
func waitsForApproval(t *testing.T, f *fixture) {
	r := f.held(t)
	a := f.approvalOf(t, r)
	want := refund.Approval{
		MerchantID: f.merchant, ID: "apr_" + strings.TrimPrefix(r.ID, "re_"), RefundID: r.ID, Kind: refund.ToSend, State: refund.ApprovalWaiting,
		Digest: refund.SendDigest(f.readCharge(t, r.ChargeID), r), Requester: audit.ByKey("key_1"), Policy: refund.PolicyRef{ID: "pol_1", Name: "large", Version: 2},
		Why: "large", CreatedAt: at(2), ExpiresAt: at(60),
	}
	if a != want {
		t.Errorf("read as %+v", a)
	}
	if _, err := f.RetryRefund(t.Context(), f.merchant, r.ID, f.record("refund.retry", ""), at(4)); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("retried: %v", err)
	}
	// A notice made it due too early: nothing is claimed, and it waits on.
	f.must(t, `UPDATE refunds SET due_at = 1 WHERE merchant_id = $1 AND id = $2`, f.merchant, r.ID)
	for _, now := range []time.Time{at(10), at(60)} {
		claimed, corrupt, err := f.ClaimRefunds(t.Context(), dueOf(r), now, now.Add(time.Minute))
		if err != nil || len(claimed)+len(corrupt) != 0 {
			t.Fatalf("claimed %v, %v, %v", claimed, corrupt, err)
		}
		if left := f.readRefund(t, r.ID); now.Equal(at(10)) && (left.State != refund.Held || !left.DueAt.Equal(at(60))) {
			t.Fatalf("before its time it is %+v", left)
		}
	}
	if left := f.readRefund(t, r.ID); left.State != refund.Canceled || f.readCharge(t, r.ChargeID).Reserved != 0 {
		t.Errorf("after its time it is %s", left.State)
	}
	if a := f.approvalOf(t, r); a.State != refund.ApprovalExpired || !a.DecidedAt.Equal(at(60)) {
		t.Errorf("the approval is %+v", a)
	}
}

// databaseHoldsFourEyes: whoever writes past the rules is refused.
func databaseHoldsFourEyes(t *testing.T, f *fixture) {
	r := f.held(t)
	for name, text := range map[string]string{
		"who asked approves":            `UPDATE approvals SET state = 'approved', decided_by = requester, decided_at = 5 WHERE merchant_id = $1 AND refund_id = $2`,
		"who made the requester's key":  `UPDATE approvals SET state = 'approved', requester_behind = 'key key_2, user b_', decided_by = 'user b_', decided_at = 5 WHERE merchant_id = $1 AND refund_id = $2`,
		"a key that the requester made": `UPDATE approvals SET state = 'approved', decided_behind = 'user c, ' || requester, decided_by = 'user b', decided_at = 5 WHERE merchant_id = $1 AND refund_id = $2`,
		"nobody approves":               `UPDATE approvals SET state = 'approved', decided_at = 5 WHERE merchant_id = $1 AND refund_id = $2`,
		"approved at no time":           `UPDATE approvals SET state = 'approved', decided_by = 'user b' WHERE merchant_id = $1 AND refund_id = $2`,
		"claimed while it waits":        `UPDATE refunds SET lease_epoch = 1, lease_until = 99 WHERE merchant_id = $1 AND id = $2`,
		"sent while it waits":           `UPDATE refunds SET state = 'pending' WHERE merchant_id = $1 AND id = $2`,
		"a second one that waits":       `INSERT INTO approvals (merchant_id, id, refund_id, kind, state, digest, requester, created_at, expires_at) VALUES ($1, 'apr_2', $2, 'send', 'waiting', 'd', 'key key_2', 1, 2)`,
		"a correction to nowhere":       `INSERT INTO approvals (merchant_id, id, refund_id, kind, state, digest, requester, created_at, expires_at, decided_at) VALUES ($1, 'apr_2', $2, 'correct', 'refused', 'd', 'key key_2', 1, 2, 3)`,
		"of a refund that is not there": `INSERT INTO approvals (merchant_id, id, refund_id, kind, state, digest, requester, created_at, expires_at, decided_at) VALUES ($1, 'apr_2', $2 || 'x', 'send', 'refused', 'd', 'key key_2', 1, 2, 3)`,
	} {
		if touched, err := f.exec(t, text, f.merchant, r.ID); err == nil {
			t.Errorf("%s: %d rows", name, touched)
		}
	}
}

// approvalKeepsPeople: with an approval stands who may have been behind both, also who
// was behind the requester when they asked, and only such names are refused as are
// meant.
func approvalKeepsPeople(t *testing.T, f *fixture) {
	r := f.held(t)
	f.must(t, `UPDATE approvals SET requester_behind = 'user a_c' WHERE merchant_id = $1 AND refund_id = $2`, f.merchant, r.ID)
	d := decision("abc")
	d.Behind, d.Asked.Behind = "user d, command root", "user key_1, command root"
	if err := f.approveIt(t, f.Store, r, d, at(4)); err != nil {
		t.Fatal(err)
	}
	if a := f.approvalOf(t, r); a.State != refund.ApprovalApproved || a.DecidedBehind != "user d" || a.RequesterBehind != "user a_c, user key_1" {
		t.Errorf("read as %+v", a)
	}
	// One that its time ends keeps what was known of the requester.
	r = f.held(t)
	f.must(t, `UPDATE approvals SET requester_behind = 'user a' WHERE merchant_id = $1 AND refund_id = $2`, f.merchant, r.ID)
	if _, err := f.EndWaits(t.Context(), []refund.Key{keyOf(r)}, at(60)); err != nil {
		t.Fatal(err)
	}
	if a := f.approvalOf(t, r); a.State != refund.ApprovalExpired || a.RequesterBehind != "user a" {
		t.Errorf("read as %+v", a)
	}
}

// renewedApproval: where what would be sent has changed, the record does not say that
// somebody approved it.
func renewedApproval(t *testing.T, f *fixture) {
	r := f.held(t)
	f.must(t, `UPDATE approvals SET digest = 'another' WHERE merchant_id = $1 AND refund_id = $2`, f.merchant, r.ID)
	if err := f.approveIt(t, f.Store, r, decision("b"), at(4)); refund.KindOf(err) != refund.KindStateConflict {
		t.Fatalf("approved: %v", err)
	}
	for action, want := range map[string]int64{"refund.approve": 0, "approval.renew": 1} {
		touched, err := f.exec(t, `UPDATE audit_records SET object = object WHERE merchant_id = $1 AND object = $2 AND action = $3`, f.merchant, r.ID, action)
		if err != nil || touched != want {
			t.Errorf("%s: %d, %v", action, touched, err)
		}
	}
}

// approvalsRace: whatever comes at the same moment, through two replicas, there is one
// outcome, and the other is told.
func approvalsRace(t *testing.T, f *fixture) {
	other := f.Store
	if !f.SQLite() { // one process owns a file
		other = Open(t, f.url)
	}
	type step func(r refund.Refund) error
	approve := func(s *store.Store, who string, now time.Time) step {
		return func(r refund.Refund) error { return f.approveIt(t, s, r, decision(who), now) }
	}
	cancel := func(r refund.Refund) error {
		_, _, err := other.CancelRefund(t.Context(), f.merchant, r.ID, f.record("refund.cancel", ""), at(4))
		return err
	}
	refuse := func(r refund.Refund) error {
		d := decision("c")
		d.Note = "no"
		_, _, err := other.RefuseRefund(t.Context(), f.merchant, r.ID, d, f.action(d, "refund.refuse", r.ID), at(4))
		return err
	}
	requester := func(r refund.Refund) error {
		d := refund.Decision{Cause: refund.Cause{Actor: audit.ByKey("key_1")}}
		return f.approveIt(t, other, r, d, at(4))
	}
	expire := func(r refund.Refund) error {
		posted, err := other.EndWaits(t.Context(), []refund.Key{keyOf(r)}, at(60))
		if err == nil && len(posted) == 0 {
			err = refund.Errorf(refund.KindStateConflict, "", "it was decided before")
		}
		return err
	}
	for _, race := range []struct {
		name   string
		a, b   step
		second refund.Kind // of the one that loses
		always bool        // b loses
	}{
		{"two approvers", approve(f.Store, "b", at(4)), approve(other, "c", at(4)), refund.KindStateConflict, false},
		{"approver and cancel", approve(f.Store, "b", at(4)), cancel, "", false},
		{"approver and refuser", approve(f.Store, "b", at(4)), refuse, refund.KindStateConflict, false},
		{"approver and requester", approve(f.Store, "b", at(4)), requester, "", true},
		{"approver and the end of its time", approve(f.Store, "b", at(59)), expire, refund.KindStateConflict, false},
	} {
		for range 4 {
			r := f.held(t)
			var errs [2]error
			var both sync.WaitGroup
			both.Go(func() { errs[0] = race.a(r) })
			both.Go(func() { errs[1] = race.b(r) })
			both.Wait()
			left, a := f.readRefund(t, r.ID), f.approvalOf(t, r)
			approved := a.State == refund.ApprovalApproved
			lost := errs[1]
			if errs[0] != nil {
				lost = errs[0]
			}
			switch {
			case race.name == "approver and cancel" && approved && errs[1] == nil:
				// Approved and then canceled before anybody sent it: both counted.
				if left.State != refund.Canceled {
					t.Errorf("%s: it is %s", race.name, left.State)
				}
				continue
			case race.always && (errs[0] != nil || errs[1] == nil):
				t.Errorf("%s: %v, %v", race.name, errs[0], errs[1])
			case (errs[0] == nil) == (errs[1] == nil):
				t.Errorf("%s: %v, %v", race.name, errs[0], errs[1])
			case race.second != "" && refund.KindOf(lost) != race.second:
				t.Errorf("%s: the other is told %v", race.name, lost)
			}
			if (left.State == refund.Created) != approved || a.State == refund.ApprovalWaiting || (left.State == refund.Canceled) == approved {
				t.Errorf("%s: the refund is %s, its approval %s", race.name, left.State, a.State)
			}
		}
	}
}

// corrected: a correction waits, one at a time, and is decided once.
func corrections(t *testing.T, f *fixture) {
	r := f.held(t)
	ask := refund.Approval{To: refund.Succeeded, Proof: "statement 17", SucceededAt: at(1)}
	asking := func(now time.Time) (refund.Approval, error) {
		return f.AskCorrection(t.Context(), f.merchant, r.ID, ask, f.record("refund.correct", ""), now)
	}
	if _, err := asking(at(4)); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("of an open refund: %v", err)
	}
	if _, _, err := f.CancelRefund(t.Context(), f.merchant, r.ID, f.record("refund.cancel", ""), at(4)); err != nil {
		t.Fatal(err)
	}
	asked, err := asking(at(5))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.approvalOf(t, r); got != asked && got.At(at(5)).State != refund.ApprovalExpired {
		t.Errorf("read as %+v, asked %+v", got, asked)
	}
	if _, err := asking(at(6)); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("a second one: %v", err)
	}
	if _, err := asking(asked.ExpiresAt); err != nil {
		t.Errorf("after its time: %v", err)
	}
	d := decision("b")
	d.Note = "not on the statement"
	if _, _, err := f.RefuseRefund(t.Context(), f.merchant, r.ID, d, f.action(d, "refund.refuse", r.ID), asked.ExpiresAt.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if left := f.readRefund(t, r.ID); left.State != refund.Canceled {
		t.Errorf("refused, and it is %s", left.State)
	}
	all, more, err := f.Approvals(t.Context(), refund.ApprovalFilter{MerchantID: f.merchant, RefundID: r.ID, Page: refund.Page{Limit: 10}})
	if err != nil || more || len(all) != 3 || all[0].State != refund.ApprovalRefused || all[1].State != refund.ApprovalExpired || all[2].State != refund.ApprovalWithdrawn {
		t.Errorf("listed %+v, %v, %v", all, more, err)
	}
}
