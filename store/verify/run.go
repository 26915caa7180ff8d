package verify

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// pass reads one part of the rows.
type pass struct {
	name string
	run  func(*verifier, context.Context) error
	// found is what it found, enough that it found too much to list all.
	found  []refund.Finding
	enough bool
}

// run is Run at work: passes over the rows, of which several may be made at once.
type run struct {
	passes []*pass
	next   atomic.Int64
}

// newRun lists the passes; those that take longest come first.
func newRun(checks []Check) *run {
	r := &run{passes: []*pass{
		{name: "charges", run: (*verifier).charges},
		{name: "refunds", run: (*verifier).refunds},
		{name: "texts of rows", run: (*verifier).readable},
		{name: "statistics", run: (*verifier).statistics},
		{name: "events and deliveries", run: (*verifier).deliveries},
		{name: "numbers", run: (*verifier).numbers},
		{name: "carried balances", run: (*verifier).carried},
		{name: "channel accounts and secrets", run: (*verifier).accounts},
		{name: "what was masked", run: (*verifier).masked},
		{name: "bulk jobs", run: (*verifier).bulk},
		{name: "ceilings of keys", run: (*verifier).keyDays},
		{name: "approvals", run: (*verifier).approvals},
	}}
	for _, check := range checks {
		r.passes = append(r.passes, &pass{name: check.Name, run: func(v *verifier, ctx context.Context) error {
			return check.Run(ctx, v.q, func(f refund.Finding) error {
				v.add(f)
				return v.enough(nil)
			})
		}})
	}
	r.passes = append(r.passes, &pass{name: "audit records", run: (*verifier).audit})
	return r
}

// work makes one pass after the other until none is left. Several may do so at the
// same time.
func (r *run) work(ctx context.Context, q sqldb.Querier) error {
	for {
		n := int(r.next.Add(1)) - 1
		if n >= len(r.passes) {
			return nil
		}
		one := r.passes[n]
		v := &verifier{q: q}
		err := one.run(v, ctx)
		one.found, one.enough = v.list, errors.Is(err, errEnough)
		if err != nil && !one.enough {
			return fmt.Errorf("verify %s: %w", one.name, err)
		}
	}
}

// findings are those of all passes in their order, at most maxFindings and what says
// that there are more.
func (r *run) findings() (all []refund.Finding) {
	for _, one := range r.passes {
		room := maxFindings - len(all)
		all = append(all, one.found[:min(len(one.found), room)]...)
		if one.enough || len(one.found) > room {
			return append(all, refund.Finding{Invariant: More, Row: one.name, Text: fmt.Sprintf("only the first %d are listed", maxFindings)})
		}
	}
	return all
}
