package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// oldClaims plays the look of the program before approvals: it claims all that is due in
// one statement. What waits for an approval is never in it, however long ago its time
// was over.
func oldClaims(t *testing.T, f *fixture) {
	waiting := f.held(t)
	c := f.registered(t, f.charge(100))
	plain := f.accept(t, c, at(2), request(c, 40))[0]
	late := at(100_000)
	if due := f.due(t, late); len(due) != 1 || due[0].ID != plain.ID {
		t.Errorf("due are %v, the waiting one is %s", due, waiting.ID)
	}
	const claim = `UPDATE refunds SET lease_epoch = lease_epoch + 1, lease_until = $3, due_at = $3
		WHERE merchant_id = $1 AND due_at > 0 AND due_at <= $2`
	if claimed, err := f.exec(t, claim, f.merchant, sqldb.Micros(late), sqldb.Micros(late.Add(time.Minute))); err != nil || claimed != 1 {
		t.Errorf("claimed %d, %v", claimed, err)
	}
	if read := f.readRefund(t, waiting.ID); !read.DueAt.Equal(at(60)) || !read.HoldUntil.Equal(at(60)) {
		t.Errorf("it is looked at again at %s", read.DueAt)
	}
	if next, err := f.NextDue(t.Context()); err != nil || next.After(at(60)) {
		t.Errorf("something is due at %s, %v", next, err)
	}
}

// approvalsExpire: all whose time is over end, those that can't be ended keep nobody, and
// one whose refund does not wait any more ends alone.
func approvalsExpire(t *testing.T, f *fixture) {
	held := []refund.Refund{f.held(t), f.held(t), f.held(t)}
	slices.SortFunc(held, func(a, b refund.Refund) int { return strings.Compare(a.ID, b.ID) })
	corrupt, canceled, last := held[0], held[1], held[2]
	f.must(t, `UPDATE refunds SET parts = 'x' WHERE merchant_id = $1 AND id = $2`, f.merchant, corrupt.ID)
	// As an older program cancels: it knows no approvals.
	f.must(t, `UPDATE refunds SET state = 'canceled', held_reason = '', due_at = 0 WHERE merchant_id = $1 AND id = $2`, f.merchant, canceled.ID)
	after := refund.Expiry{At: at(60), Key: refund.Key{MerchantID: f.merchant}}
	if ended, next, err := f.ExpireApprovals(t.Context(), at(59), after, 2); ended != 0 || next != (refund.Expiry{}) || err != nil {
		t.Errorf("before their time: %d, %v, %v", ended, next, err)
	}
	ended, next, err := f.ExpireApprovals(t.Context(), at(60), after, 2)
	if ended != 1 || next.ID != canceled.ID || err == nil {
		t.Errorf("the first two: %d, %v, %v", ended, next, err)
	}
	if ended, next, err := f.ExpireApprovals(t.Context(), at(60), next, 1); ended != 1 || next.ID != last.ID || err != nil {
		t.Errorf("the last: %d, %v, %v", ended, next, err)
	}
	if left := f.readRefund(t, last.ID); left.State != refund.Canceled || left.FailureCode != "APPROVAL_EXPIRED" {
		t.Errorf("the last is %s, %s", left.State, left.FailureCode)
	}
	if a := f.approvalOf(t, last); a.State != refund.ApprovalExpired {
		t.Errorf("its approval is %s", a.State)
	}
	if a := f.approvalOf(t, canceled); a.State != refund.ApprovalOvertaken {
		t.Errorf("that of the canceled one is %s", a.State)
	}
}
