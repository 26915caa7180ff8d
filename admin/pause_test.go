package admin_test

import (
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

func TestAPauseIsMadeOnceAndItsRecordIsInTheChainOfWhoseItIs(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		for _, c := range []struct {
			scope           merchant.PauseScope
			chain           string
			action, resumed string
			object          string
		}{
			{merchant.PauseScope{}, "", "installation.pause", "installation.resume", ""},
			{merchant.PauseScope{Channel: "toy"}, "", "channel.pause", "channel.resume", "toy"},
			{merchant.PauseScope{MerchantID: o.test}, o.test, "merchant.pause", "merchant.resume", o.test},
			{merchant.PauseScope{MerchantID: o.test, Channel: "toy"}, o.test, "merchant.pause", "merchant.resume", o.test},
		} {
			before := o.actions(t, c.chain)
			for range 2 {
				p, err := o.Pause(ctx, root, c.scope, "a drill")
				if err != nil || p.PauseScope != c.scope || p.By != root.Actor || p.Reason != "a drill" || !p.At.Equal(o.now) {
					t.Errorf("pausing %s gives %v, %v", c.scope, p, err)
				}
			}
			for _, want := range []bool{true, false} {
				if ended, err := o.Resume(ctx, root, c.scope); err != nil || ended != want {
					t.Errorf("resuming %s gives %v, %v", c.scope, ended, err)
				}
			}
			after := o.actions(t, c.chain)
			if got := after[len(before):]; len(got) != 2 || got[0] != c.action+" "+c.object || got[1] != c.resumed+" "+c.object {
				t.Errorf("%s left the records %q", c.scope, got)
			}
		}
	})
}

func TestWhatCannotBePausedIsRefused(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		_, err := o.Pause(ctx, root, merchant.PauseScope{Channel: "visa"}, "")
		wantFault(t, err, refund.KindInvalid, "channel")
		_, err = o.Resume(ctx, root, merchant.PauseScope{Channel: "visa"})
		wantFault(t, err, refund.KindInvalid, "channel")
		_, err = o.Pause(ctx, root, merchant.PauseScope{MerchantID: "mer_none"}, "")
		wantFault(t, err, refund.KindNotFound, "merchant")
		_, err = o.Pause(ctx, root, merchant.PauseScope{}, string(make([]byte, 300)))
		wantFault(t, err, refund.KindInvalid, "reason")
		if _, err = o.Pause(ctx, admin.By{}, merchant.PauseScope{}, ""); err == nil {
			t.Error("nobody paused the installation")
		}
		if all, err := o.Pauses(ctx, ""); err != nil || len(all) != 0 {
			t.Errorf("what was refused is there: %v, %v", all, err)
		}
	})
}

// actions are the records of a chain, each with what it was done to.
func (o *office) actions(t *testing.T, chain string) (out []string) {
	t.Helper()
	all, err := o.store.AuditRecords(t.Context(), chain, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Action != "test" { // the merchant was made
			out = append(out, r.Action+" "+r.Object)
		}
	}
	return out
}

func wantFault(t *testing.T, err error, kind refund.Kind, param string) {
	t.Helper()
	if fault := refund.As(err); fault == nil || fault.Kind != kind || fault.Param != param {
		t.Errorf("got %v, want %s of %s", err, kind, param)
	}
}
