package refund_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

var (
	asker    = audit.ByKey("key_1")
	approver = audit.ByUser("b@example.com")
)

// heldWorld is one refund of 40 of 100 that waits for an approval until an hour later.
func heldWorld(t failer, c refund.Charge) (*world, string) {
	t.Helper()
	w := newWorld(c)
	w.by = refund.Asker{Key: "key_1", Dialect: "native"}
	until := w.at.Add(time.Hour)
	w.book.Judge = func(refund.Asked) refund.Verdict {
		return refund.Verdict{Policy: refund.PolicyRef{ID: "pol_1", Name: "large", Version: 3}, Until: until, Why: "large"}
	}
	r := w.accept(t, minor(40))
	w.book.Judge = nil
	return w, r.ID
}

// takeApprovals writes approvals down: a refund is held for approval if and only if
// one waits for it.
func (w *world) takeApprovals(t failer, change refund.Change) {
	t.Helper()
	for _, end := range change.Ended {
		ended := 0
		for id, a := range w.approvals {
			if a.RefundID == end.RefundID && (end.ID == "" || end.ID == id) && a.State == refund.ApprovalWaiting {
				a.State, a.DecidedBy, a.DecidedAt, a.Note = end.State, end.By, end.At, end.Note
				w.approvals[id], ended = a, ended+1
			}
		}
		if ended != 1 {
			t.Fatalf("%+v ends %d approvals", end, ended)
		}
	}
	for _, a := range change.Approvals {
		if _, there := w.approvals[a.ID]; there || a.ID == "" {
			t.Fatalf("approval %q is there twice", a.ID)
		}
		w.approvals[a.ID] = a
	}
	waiting := map[string]int{}
	for _, a := range w.approvals {
		if a.State == refund.ApprovalApproved && (a.DecidedBy == a.Requester || a.DecidedBy == (audit.Actor{})) {
			t.Fatalf("approved by who asked: %+v", a)
		}
		if a.State == refund.ApprovalWaiting && a.Kind == refund.ToSend {
			waiting[a.RefundID]++
		}
	}
	for _, r := range w.refunds {
		if held := r.HeldReason == refund.HeldForApproval; held != (waiting[r.ID] == 1) || held && (r.State != refund.Held || !r.LeaseUntil.IsZero()) {
			t.Fatalf("refund %s is %s for %q, and %d approvals wait for it", r.ID, r.State, r.HeldReason, waiting[r.ID])
		}
	}
}

func (w *world) approval(id string) refund.Approval {
	return w.approvals["apr_"+strings.TrimPrefix(id, "re_")]
}

func (w *world) approve(t failer, id string, by refund.Decision) *refund.Error {
	t.Helper()
	change, err := refund.Approve(w.charge, w.refunds[id], w.approval(id), by, "apr_new", w.at)
	if err == nil || len(change.Approvals) > 0 {
		w.take(t, change)
	}
	return err
}

func by(actor audit.Actor) refund.Decision {
	return refund.Decision{Cause: refund.Cause{Actor: actor}, Asked: audit.Person{Actor: asker}}
}

func TestAHeldRefundReservesItsAmountAndNoTimeSendsIt(t *testing.T) {
	w, id := heldWorld(t, paid(t, 100))
	r := w.refunds[id]
	if w.charge.Reserved != 40 || !r.DueAt.Equal(r.HoldUntil) || len(w.events[id]) != 1 || w.events[id][0].Type != "refund.held" {
		t.Fatalf("held as %+v", r)
	}
	if _, ok := refund.Wait(w.charge, r, "apr_new", r.HoldUntil.Add(-1)); !ok || refund.Sendable(w.charge, r) {
		t.Fatal("it may be sent before its time is over")
	}
	w.later(time.Hour)
	change, ok := refund.Wait(w.charge, w.refunds[id], "apr_new", w.at)
	if !ok {
		t.Fatal("nothing becomes of it")
	}
	w.take(t, change)
	w.is(t, id, refund.Canceled)
	if a := w.approval(id); a.State != refund.ApprovalExpired || w.refunds[id].FailureCode != "APPROVAL_EXPIRED" || w.charge.Reserved != 0 {
		t.Errorf("ended as %+v", a)
	}
}

func TestAnApprovedRefundIsSent(t *testing.T) {
	w, id := heldWorld(t, paid(t, 100))
	if err := w.approve(t, id, refund.Decision{Cause: refund.Cause{Actor: approver}, Asked: audit.Person{Actor: asker}, Digest: w.approval(id).Digest, Note: "fine"}); err != nil {
		t.Fatal(err)
	}
	w.is(t, id, refund.Created)
	w.next(t, id, refund.StepSubmit)
	if a := w.approval(id); a.Check() != nil {
		t.Error(a.Check())
	}
	r := w.refunds[id]
	if !refund.Sendable(w.charge, r) || !r.DueAt.Equal(w.at) || r.Approved != w.approval(id).Digest || w.events[id][1].Actor != approver {
		t.Errorf("approved as %+v, %+v", r, w.events[id])
	}
	if err := w.approve(t, id, by(audit.ByUser("c@example.com"))); refund.KindOf(err) != refund.KindStateConflict || !strings.Contains(err.Detail, "approved by user b@example.com") {
		t.Errorf("a second approver: %v", err)
	}
}

func TestWhoMayNotApprove(t *testing.T) {
	for _, test := range []struct {
		name string
		by   refund.Decision
		want refund.Kind
	}{
		{"who asked", by(asker), refund.KindForbidden},
		{"nobody", by(audit.Actor{}), refund.KindInternal},
		{"who saw something else", refund.Decision{Cause: refund.Cause{Actor: approver}, Asked: audit.Person{Actor: asker}, Digest: strings.Repeat("0", 64)}, refund.KindStateConflict},
		{"who says too much", refund.Decision{Cause: refund.Cause{Actor: approver}, Asked: audit.Person{Actor: asker}, Note: strings.Repeat("x", refund.MaxNote+1)}, refund.KindInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, id := heldWorld(t, paid(t, 100))
			if err := w.approve(t, id, test.by); err == nil || err.Kind != test.want {
				t.Errorf("%v", err)
			}
			w.is(t, id, refund.Held)
		})
	}
	t.Run("who is too late", func(t *testing.T) {
		w, id := heldWorld(t, paid(t, 100))
		w.later(time.Hour)
		if err := w.approve(t, id, by(approver)); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("%v", err)
		}
	})
	t.Run("who is the requester by another name", func(t *testing.T) {
		for name, d := range map[string]refund.Decision{
			"who made the requester's key":      {Cause: refund.Cause{Actor: approver}, Asked: audit.Person{Actor: asker, Behind: "user b@example.com"}},
			"a key that the requester made":     {Cause: refund.Cause{Actor: approver}, Behind: "key key_1", Asked: audit.Person{Actor: asker}},
			"a key of who made the requester's": {Cause: refund.Cause{Actor: approver}, Behind: "key key_2, user c@example.com", Asked: audit.Person{Actor: asker, Behind: "user c@example.com"}},
		} {
			w, id := heldWorld(t, paid(t, 100))
			if err := w.approve(t, id, d); err == nil || err.Kind != refund.KindForbidden || !strings.Contains(err.Detail, "count as one person") || !strings.Contains(err.Detail, "refunds:approve") {
				t.Errorf("%s: %v", name, err)
			}
			w.is(t, id, refund.Held)
		}
	})
	t.Run("who may have been the requester when they asked", func(t *testing.T) {
		w, id := heldWorld(t, paid(t, 100))
		a := w.approval(id)
		a.RequesterBehind = audit.Behind(approver.String())
		if _, err := refund.Approve(w.charge, w.refunds[id], a, by(approver), "apr_new", w.at); refund.KindOf(err) != refund.KindForbidden {
			t.Errorf("%v", err)
		}
	})
	t.Run("who looked at what another asked for", func(t *testing.T) {
		w, id := heldWorld(t, paid(t, 100))
		d := by(approver)
		d.Asked.Actor = audit.ByKey("key_2")
		if err := w.approve(t, id, d); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("%v", err)
		}
	})
	t.Run("whoever, where nobody knows who asked", func(t *testing.T) {
		w, id := heldWorld(t, paid(t, 100))
		a := w.approval(id)
		a.Requester = audit.Actor{}
		if _, err := refund.Approve(w.charge, w.refunds[id], a, by(approver), "apr_new", w.at); refund.KindOf(err) != refund.KindForbidden {
			t.Errorf("%v", err)
		}
	})
}

func TestARefusedRefundIsCanceledWithTheReason(t *testing.T) {
	w, id := heldWorld(t, paid(t, 100))
	if _, err := refund.Refuse(w.charge, w.refunds[id], w.approval(id), by(approver), w.at); refund.KindOf(err) != refund.KindInvalid {
		t.Errorf("without a reason: %v", err)
	}
	change, err := refund.Refuse(w.charge, w.refunds[id], w.approval(id), refund.Decision{Cause: refund.Cause{Actor: approver}, Asked: audit.Person{Actor: asker}, Note: "a fraud"}, w.at)
	if err != nil {
		t.Fatal(err)
	}
	w.take(t, change)
	w.is(t, id, refund.Canceled)
	if r := w.refunds[id]; r.FailureCode != "APPROVAL_REFUSED" || r.FailureMessage != "a fraud" || w.approval(id).State != refund.ApprovalRefused {
		t.Errorf("refused as %+v", r)
	}
	if err := w.approve(t, id, by(approver)); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("approved afterwards: %v", err)
	}
}

func TestACanceledRefundTakesItsApprovalAlong(t *testing.T) {
	w, id := heldWorld(t, paid(t, 100))
	if err := w.cancel(t, id); err != nil {
		t.Fatal(err)
	}
	if a := w.approval(id); a.State != refund.ApprovalWithdrawn || a.DecidedBy != asker {
		t.Errorf("ended as %+v", a)
	}
}

func TestWhatTheChannelSaysOvertakesAnApproval(t *testing.T) {
	for kind, want := range map[refund.OutcomeKind]refund.State{
		refund.OutcomeDone: refund.Succeeded, refund.OutcomeFailed: refund.Failed, refund.OutcomeAccepted: refund.Pending,
		refund.OutcomeAbnormal: refund.Abnormal, refund.OutcomeShortOfFunds: refund.Held, refund.OutcomeUnknown: refund.Held,
	} {
		w, id := heldWorld(t, paid(t, 100))
		w.notice(t, id, kind)
		w.is(t, id, want)
		if r := w.refunds[id]; want == refund.Held && (r.HeldReason != refund.HeldForApproval || !r.DueAt.Equal(r.HoldUntil)) {
			t.Errorf("%s: held for %q", kind, r.HeldReason)
		}
		if a := w.approval(id); (a.State == refund.ApprovalOvertaken) != (want != refund.Held) {
			t.Errorf("%s: the approval is %s", kind, a.State)
		}
	}
}

func TestApprovalIsOfExactlyWhatIsSent(t *testing.T) {
	w, id := heldWorld(t, paid(t, 100))
	w.charge.TransactionID = "4200" // another payment than the approver was shown
	if err := w.approve(t, id, by(approver)); refund.KindOf(err) != refund.KindStateConflict {
		t.Fatalf("approved: %v", err)
	}
	w.is(t, id, refund.Held)
	renewed := w.approvals["apr_new"]
	if w.approval(id).State != refund.ApprovalOvertaken || renewed.State != refund.ApprovalWaiting || renewed.Requester != asker {
		t.Fatalf("approvals %+v", w.approvals)
	}
	change, err := refund.Approve(w.charge, w.refunds[id], renewed, by(approver), "apr_3", w.at)
	if err != nil {
		t.Fatal(err)
	}
	w.take(t, change)
	w.charge.TransactionID = "4201" // changed between approval and submit
	if refund.Sendable(w.charge, w.refunds[id]) {
		t.Fatal("it may be sent")
	}
	change, ok := refund.Wait(w.charge, w.refunds[id], "apr_3", w.at)
	if !ok || len(change.Alerts) != 1 {
		t.Fatalf("%v %+v", ok, change)
	}
	w.take(t, change)
	w.is(t, id, refund.Held)
	if w.refunds[id].Approved != "" || w.approvals["apr_3"].State != refund.ApprovalWaiting {
		t.Errorf("held as %+v", w.refunds[id])
	}
}

func TestTheDigestIsOverAllThatIsSent(t *testing.T) {
	c, r := paid(t, 100), refund.Refund{MerchantID: "m1", ID: "re_1", ChargeID: "ch_1", Amount: 40, Currency: "CNY", Channel: "wx", ChannelAccount: "a", ChannelNumber: "n"}
	before := refund.SendDigest(c, r)
	for name, change := range map[string]func(*refund.Charge, *refund.Refund){
		"payment":      func(c *refund.Charge, _ *refund.Refund) { c.TransactionID = "4" },
		"sub-merchant": func(c *refund.Charge, _ *refund.Refund) { c.Detail.SubMerchant = "4" },
		"amount":       func(_ *refund.Charge, r *refund.Refund) { r.Amount++ },
		"currency":     func(_ *refund.Charge, r *refund.Refund) { r.Currency = "USD" },
		"account":      func(_ *refund.Charge, r *refund.Refund) { r.ChannelAccount = "b" },
		"number":       func(_ *refund.Charge, r *refund.Refund) { r.ChannelNumber = "m" },
		"merchant":     func(_ *refund.Charge, r *refund.Refund) { r.MerchantID = "m2" },
		"charge":       func(_ *refund.Charge, r *refund.Refund) { r.ChargeID = "ch_2" },
		"funds":        func(_ *refund.Charge, r *refund.Refund) { r.Detail.PaidFrom = "AVAILABLE" },
		"parts":        func(_ *refund.Charge, r *refund.Refund) { r.Parts.Payer = 39 },
	} {
		c, r := c, r
		change(&c, &r)
		if refund.SendDigest(c, r) == before {
			t.Errorf("another %s is the same", name)
		}
	}
	r.Reason, r.Customer = refund.Masked, refund.Masked
	if refund.SendDigest(c, r) != before {
		t.Error("masked, it is another")
	}
}

func TestACorrectionNeedsAFinalStateAndAnotherPerson(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	ask := refund.Approval{ID: "apr_1", To: refund.Succeeded, Proof: "statement 17"}
	cause := refund.Cause{Actor: asker}
	if _, err := refund.AskCorrection(w.refunds[id], ask, cause, w.at); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("of an open refund: %v", err)
	}
	w.call(t, id, refund.Submit, refund.OutcomeRefused)
	asked, err := refund.AskCorrection(w.refunds[id], ask, cause, w.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := refund.Confirm(w.refunds[id], asked, by(asker), w.at); refund.KindOf(err) != refund.KindForbidden {
		t.Errorf("by who asked: %v", err)
	}
	changed := asked
	changed.Proof = "statement 18"
	if _, err := refund.Confirm(w.refunds[id], changed, by(approver), w.at); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("of another proof: %v", err)
	}
	if _, err := refund.Confirm(w.refunds[id], asked, by(approver), asked.ExpiresAt); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("too late: %v", err)
	}
	w.take(t, refund.Change{Charge: w.charge, Approvals: []refund.Approval{asked}})
	word, err := refund.Confirm(w.refunds[id], asked, by(approver), w.at)
	if err != nil {
		t.Fatal(err)
	}
	w.word(t, id, word)
	w.is(t, id, refund.Succeeded)
	if _, err := refund.Confirm(w.refunds[id], asked, by(approver), w.at); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("again: %v", err)
	}
}

func TestAPolicyRefusesAndNothingIsAccepted(t *testing.T) {
	w := newWorld(paid(t, 100))
	w.book.Judge = func(asked refund.Asked) refund.Verdict {
		return refund.Verdict{Refuse: asked.Amount > 50, Policy: refund.PolicyRef{ID: "pol_1", Name: "large"}, Why: "large"}
	}
	if _, err := w.tryAccept(t, refund.Request{}); refund.KindOf(err) != refund.KindPolicyRefused || err.More != "large" {
		t.Errorf("all of it: %v", err)
	}
	w.accept(t, minor(50))
}

// TestNothingSendsWhatIsNotApproved lets everything happen to refunds that wait for
// an approval. takeApprovals holds after each step that who waits is held, and claim
// is tried as the store does.
func TestNothingSendsWhatIsNotApproved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(registeredOf100(t))
		w.by = refund.Asker{Key: "key_1"}
		w.book.Judge = func(refund.Asked) refund.Verdict { return refund.Verdict{Until: w.at.Add(time.Minute)} }
		some := func(t *rapid.T) string {
			if len(w.order) == 0 {
				t.SkipNow()
			}
			return rapid.SampledFrom(w.order).Draw(t, "refund")
		}
		approved := map[string]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"accept": func(t *rapid.T) {
				amount := money.Minor(rapid.Int64Range(1, 40).Draw(t, "amount"))
				_, _ = w.tryAccept(t, refund.Request{Amount: &amount})
			},
			"due": func(t *rapid.T) {
				r := w.refunds[some(t)]
				if r.DueAt.IsZero() || r.DueAt.After(w.at) || !r.LeaseUntil.IsZero() {
					t.SkipNow()
				}
				if change, waits := refund.Wait(w.charge, r, "apr_x", w.at); waits {
					w.take(t, change)
					return
				}
				if refund.NextStep(r) == refund.StepSubmit && !approved[r.ID] {
					t.Fatalf("sent without approval: %+v", r)
				}
				source := refund.Query
				if refund.NextStep(r) == refund.StepSubmit {
					source = refund.Submit
				}
				w.call(t, r.ID, source, rapid.SampledFrom(kinds).Draw(t, "kind"))
			},
			"notice": func(t *rapid.T) {
				w.word(t, some(t), refund.Outcome{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Source: refund.Notice, Amount: minor(rapid.Int64Range(1, 40).Draw(t, "said"))})
			},
			"approve": func(t *rapid.T) {
				id := some(t)
				actor := rapid.SampledFrom([]audit.Actor{asker, approver}).Draw(t, "by")
				if err := w.approve(t, id, by(actor)); err == nil {
					if approved[id] || actor == asker {
						t.Fatalf("approved by %s, before: %v", actor, approved[id])
					}
					approved[id] = true
				}
			},
			"cancel": func(t *rapid.T) { _ = w.cancel(t, some(t)) },
			"adopt":  func(t *rapid.T) { w.adopt(t, 7) },
			"time":   func(t *rapid.T) { w.later(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second) },
			"":       func(*rapid.T) {},
		})
	})
}
