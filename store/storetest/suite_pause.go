package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// pausesCover: a pause of a merchant, a kind of channel, both or everything keeps
// the accounts that it covers from sending, and no other; it is there once.
func pausesCover(t *testing.T, f *fixture) {
	a := f.opened(t)
	for _, c := range []struct {
		name   string
		scope  merchant.PauseScope
		covers bool
	}{
		{"its merchant", merchant.PauseScope{MerchantID: f.merchant}, true},
		{"its channel", merchant.PauseScope{Channel: "toy"}, true},
		{"its channel of its merchant", merchant.PauseScope{MerchantID: f.merchant, Channel: "toy"}, true},
		{"the installation", merchant.PauseScope{}, true},
		{"another merchant", merchant.PauseScope{MerchantID: "mer_other"}, false},
		{"another channel", merchant.PauseScope{Channel: "sandbox"}, false},
		{"another channel of its merchant", merchant.PauseScope{MerchantID: f.merchant, Channel: "sandbox"}, false},
	} {
		p := merchant.Pause{PauseScope: c.scope, Reason: "a drill", At: at(1), By: audit.ByCommand("root")}
		record := refund.Action{Record: audit.New(p.By, c.scope.MerchantID, "pause", "", at(1))}
		if _, err := f.LinkAudit(t.Context(), c.scope.MerchantID); err != nil {
			t.Fatal(err)
		}
		for _, reason := range []string{"a drill", "another"} { // the second changes nothing
			again := p
			again.Reason = reason
			there, err := f.AddPause(t.Context(), again, record)
			if diff := cmp.Diff(p, there); err != nil || diff != "" {
				t.Errorf("%s: %v (-made +there): %s", c.name, err, diff)
			}
		}
		if linked, err := f.LinkAudit(t.Context(), c.scope.MerchantID); err != nil || linked != 1 {
			t.Errorf("%s: pausing it twice left %d records, %v", c.name, linked, err)
		}
		got := f.readAccount(t, a.ID)
		if got.Sends() == c.covers || c.covers && cmp.Diff([]merchant.Pause{p}, got.Pauses) != "" {
			t.Errorf("%s: the account sends %v with pauses %v", c.name, got.Sends(), got.Pauses)
		}
		sends, err := f.ResumeAccounts(t.Context(), []refund.AccountKey{{MerchantID: f.merchant, ID: a.ID}}, at(2))
		if err != nil || (len(sends) == 1) == c.covers {
			t.Errorf("%s: of the account it is said that %v send, %v", c.name, sends, err)
		}
		for n, want := range []bool{true, false} {
			ended, err := f.EndPause(t.Context(), c.scope, record)
			if err != nil || ended != want {
				t.Errorf("%s: resuming it, time %d, says %v, %v", c.name, n, ended, err)
			}
		}
		if got := f.readAccount(t, a.ID); !got.Sends() {
			t.Errorf("%s: after it was resumed, the account has %v", c.name, got.Pauses)
		}
	}
	if _, err := f.AddPause(t.Context(), merchant.Pause{At: at(1), By: audit.ByCommand("root")}, refund.Action{}); err == nil {
		t.Error("a pause that nobody made is there")
	}
	if all, err := f.Pauses(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("pauses are left: %v, %v", all, err)
	}
}

// resumedScopeSends: what a pause put off is due when it has ended, of the
// accounts in its scope and nothing else.
func resumedScopeSends(t *testing.T, f *fixture) {
	a := f.opened(t)
	c := f.charge(100)
	c.ChannelAccount = a.ID
	c = f.registered(t, c)
	refunds := f.accept(t, c, at(2), request(c, 10), request(c, 10))
	putOff := func() {
		f.must(t, `UPDATE refunds SET due_at = $2 WHERE id = $1`, refunds[0].ID, at(50).UnixMicro())
		f.must(t, `UPDATE refunds SET due_at = $2, state = 'pending', submitted_at = 1 WHERE id = $1`, refunds[1].ID, at(60).UnixMicro())
	}
	for _, one := range []struct {
		scope merchant.PauseScope
		due   time.Time
	}{
		{merchant.PauseScope{MerchantID: "mer_other"}, at(50)},
		{merchant.PauseScope{Channel: "sandbox"}, at(50)},
		{merchant.PauseScope{}, at(4)},
		{merchant.PauseScope{MerchantID: f.merchant}, at(4)},
		{merchant.PauseScope{Channel: "toy"}, at(4)},
		{merchant.PauseScope{MerchantID: f.merchant, Channel: "toy"}, at(4)},
	} {
		putOff()
		if err := f.SendWhatWaited(t.Context(), one.scope, at(4)); err != nil {
			t.Fatal(err)
		}
		for n, want := range []time.Time{one.due, at(60)} {
			if got := f.readRefund(t, refunds[n].ID).DueAt; !got.Equal(want) {
				t.Errorf("after %s was resumed, refund %d is due at %v, not %v", one.scope, n, got, want)
			}
		}
	}
}

// pausedIsPutOff: of due refunds those are due later that are as they were seen.
func pausedIsPutOff(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	waits := f.accept(t, c, at(3), request(c, 10))[0]
	claimed := f.accept(t, c, at(3), request(c, 10))[0]
	future := f.accept(t, c, at(30), request(c, 10))[0]
	if got := f.claimed(t, []refund.Due{{Key: keyOf(claimed)}}, at(4)); len(got) != 1 {
		t.Fatalf("claimed %+v", got)
	}
	var off []refund.PutOff
	for _, r := range []refund.Refund{waits, claimed, future} {
		off = append(off, refund.PutOff{Key: keyOf(r), LeaseEpoch: r.LeaseEpoch, DueAt: at(70)})
	}
	off = append(off, refund.PutOff{Key: refund.Key{MerchantID: f.merchant, ID: "re_none"}, DueAt: at(70)})
	if _, err := f.PutOff(t.Context(), off, at(4)); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		name string
		r    refund.Refund
		due  time.Time
	}{{"one that waits", waits, at(70)}, {"one that was claimed", claimed, at(4).Add(lease)}, {"one that is not due", future, at(30)}} {
		if got := f.readRefund(t, one.r.ID); !got.DueAt.Equal(one.due) || got.State != refund.Created {
			t.Errorf("%s is %s and due at %s", one.name, got.State, got.DueAt)
		}
	}
	due := f.due(t, at(70))
	if len(due) == 0 || due[0].CreatedAt.IsZero() || due[0].State != refund.Created {
		t.Errorf("due are %+v", due)
	}
}
