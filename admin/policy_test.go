package admin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/policy"
	"github.com/refundry/refundry/refund"
)

// costs is an expression of some hundreds of units.
const costs = `[1,2,3,4,5,6,7,8,9,10].exists(a, [1,2,3,4,5].exists(b, a * b == refund.amount))`

func TestTheEnabledPoliciesOfAMerchantCostNoMoreThanABatchBears(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		expression, on, off := costs, true, false
		one := policy.TotalCost([]merchant.Policy{{Expression: costs, Enabled: true}})
		if one < 100 || one > 1000 {
			t.Fatalf("one costs %d", one)
		}
		var last merchant.Policy
		for n := range policy.MaxTotalCost/one + 1 {
			name := fmt.Sprint("p", n)
			p, err := o.AddPolicy(ctx, root, o.test, admin.PolicyChange{Name: &name, Expression: &expression})
			if err != nil {
				t.Fatal(err)
			}
			last = p
			_, err = o.ChangePolicy(ctx, root, o.test, p.ID, admin.PolicyChange{Enabled: &on})
			if n < policy.MaxTotalCost/one {
				if err != nil {
					t.Errorf("policy %d: %v", n, err)
				}
				continue
			}
			wantFault(t, err, refund.KindStateConflict, "expression")
		}
		name, cheap := "one more", "refund.amount > 1"
		_, err := o.AddPolicy(ctx, root, o.test, admin.PolicyChange{Name: &name, Expression: &expression, Enabled: &on})
		wantFault(t, err, refund.KindStateConflict, "expression")
		if _, err = o.AddPolicy(ctx, root, o.live, admin.PolicyChange{Name: &name, Expression: &expression, Enabled: &on}); err != nil {
			t.Errorf("another merchant's: %v", err)
		}
		for _, change := range []struct {
			policy string
			admin.PolicyChange
		}{
			{last.ID, admin.PolicyChange{Name: &name}}, // a draft costs nothing
			{"p0", admin.PolicyChange{Expression: &cheap}},
			{last.ID, admin.PolicyChange{Enabled: &on}},
			{"p1", admin.PolicyChange{Enabled: &off}},
		} {
			if _, err := o.ChangePolicy(ctx, root, o.test, change.policy, change.PolicyChange); err != nil {
				t.Errorf("%s: %v", change.policy, err)
			}
		}
	})
}

// pages is a store that lists refunds, a second a page.
type pages struct {
	admin.Store
	every time.Duration
	read  int
}

func (p *pages) PolicySample(ctx context.Context, _ string, after refund.Position, limit int) ([]refund.Claimed, error) {
	p.read++
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := make([]refund.Claimed, limit)
	for n := range out {
		after.CreatedAt = after.CreatedAt.Add(p.every)
		out[n].Refund = refund.Refund{ID: "re_1", CreatedAt: after.CreatedAt, Amount: 1, Currency: "CNY"}
		out[n].Charge.ID = "ch_1"
	}
	return out, nil
}

func TestADryRunEndsInItsTimeAndIsAloneOfItsMerchant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		store := &pages{every: time.Millisecond}
		desk := admin.New(admin.Services{Store: store})
		p := merchant.Policy{MerchantID: "mer_1", Expression: "refund.amount == 1", Effect: merchant.PolicyHold}
		other := p
		other.MerchantID = "mer_2"
		done := make(chan admin.DryRun)
		go func() {
			run, err := desk.DryRun(ctx, p, 30)
			if err != nil {
				t.Error(err)
			}
			done <- run
		}()
		synctest.Wait()
		_, err := desk.DryRun(ctx, p, 30)
		wantFault(t, err, refund.KindBusy, "")
		gone, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if _, err := admin.New(admin.Services{Store: &pages{every: time.Millisecond}}).DryRun(gone, other, 30); err == nil {
			t.Error("it goes on though nobody waits")
		}
		run := <-done
		// Its time ends with the twentieth page, of which it may see a part.
		if seen := run.To.Sub(run.From); !run.Truncated || run.Refunds < 19_000 || run.Refunds >= 20_000 || seen != time.Duration(run.Refunds)*time.Millisecond {
			t.Errorf("%d refunds of %s, truncated: %t", run.Refunds, run.To.Sub(run.From), run.Truncated)
		}
		// What it counts before the days is not read in its time.
		p.Expression = "customer.refunds_30d > 3"
		_, err = desk.DryRun(ctx, p, 1)
		wantFault(t, err, refund.KindBusy, "days")
		began := time.Now()
		if run, err := desk.DryRun(ctx, other, 90); err != nil || time.Since(began) > 21*time.Second {
			t.Errorf("the next: %+v, %v", run, err)
		}
	})
}

// Whoever has a policy judge less is named by an alert: one person alone may do it.
func TestAPolicyThatIsLoosenedRaisesAnAlert(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx, on, off := t.Context(), true, false
		alerts := func() int {
			found, _, err := o.store.Alerts(ctx, o.test, true, refund.Page{Limit: 50})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range found {
				if !strings.Contains(a.Text, root.Actor.String()) || !strings.Contains(a.Text, "the policy") {
					t.Errorf("alert %q", a.Text)
				}
			}
			return len(found)
		}
		name, large, larger, refuse, hold := "large", "refund.amount > 10", "refund.amount > 99", merchant.PolicyRefuse, merchant.PolicyHold
		p, err := o.AddPolicy(ctx, root, o.test, admin.PolicyChange{Name: &name, Expression: &large})
		if err != nil {
			t.Fatal(err)
		}
		for n, change := range []struct {
			admin.PolicyChange
			alerts int
		}{
			{admin.PolicyChange{Expression: &larger}, 0}, // a draft judges nothing
			{admin.PolicyChange{Enabled: &on}, 0},
			{admin.PolicyChange{Effect: &refuse}, 0},
			{admin.PolicyChange{Effect: &hold}, 1},
			{admin.PolicyChange{Expression: &large}, 2},
			{admin.PolicyChange{Enabled: &off}, 3},
			{admin.PolicyChange{Enabled: &on}, 3},
		} {
			if _, err := o.ChangePolicy(ctx, root, o.test, p.ID, change.PolicyChange); err != nil {
				t.Fatal(err)
			}
			if got := alerts(); got != change.alerts {
				t.Errorf("after change %d there are %d alerts", n, got)
			}
		}
		if err := o.RemovePolicy(ctx, root, o.test, p.ID); err != nil || alerts() != 4 {
			t.Errorf("removed: %d alerts, %v", alerts(), err)
		}
	})
}
