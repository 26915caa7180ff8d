// Package reconcile compares a channel's bill of a day with our books, refund by
// refund: what the channel did without us is adopted, and what differs is listed.
//
// A bill moves no money and ends no refund by itself. It is read to its end before
// anything is made of it, because some bills are known to be whole only there.
// Then the channel is asked about every row that is not ours, or that our books
// have otherwise, with a query of its own: what it confirms is adopted, by the way
// that notices take, and a refund of ours against which it speaks is handed to the
// engine, which asks again under a lease and decides. So running it again changes
// nothing.
//
// Nothing is held in memory that grows with the bill: see spool.
package reconcile

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

const (
	// pageRows is how many rows of a bill, or refunds of ours, are looked up at once.
	pageRows = 512
	// maxAsked bounds the refunds of ours about which the channel is asked in one run,
	// and the alerts that come of it: a bill that is wrong in every row is one
	// finding. What is left is listed without the channel's answer.
	maxAsked = 1000
	// maxEdge bounds the refunds near midnight that are looked for in the bills of the
	// days before and after, and are in memory meanwhile.
	maxEdge = 10_000
	// maxSpool bounds the bytes that a comparison keeps on disk: two million rows that
	// all differ, or some fifteen million that agree.
	maxSpool = 1 << 30
	// edge is how far from midnight our time and the channel's may lie on different
	// days: clocks differ, and an answer may have been long under way.
	edge = 5 * time.Minute
)

// Store is what the comparison needs of the database.
type Store interface {
	// BookedByName finds an account's refunds, each by its number there or else by
	// the channel's own id; the keys are the places of the names.
	BookedByName(ctx context.Context, account refund.AccountKey, names []refund.BillName) (map[int]refund.Booked, error)
	// Succeeded lists an account's refunds that are succeeded and did so at from <=
	// time < to, by that time and their ids, behind after, which may be zero.
	Succeeded(ctx context.Context, account refund.AccountKey, from, to time.Time, after refund.Booked, limit int) ([]refund.Booked, error)
	// Refund and Charge find one of a merchant's.
	Refund(ctx context.Context, merchantID, id string) (refund.Refund, error)
	Charge(ctx context.Context, merchantID, id string) (refund.Charge, error)
	// NoticeMatch finds the charge that a row names.
	NoticeMatch(ctx context.Context, account string, n refund.Noticed) (refund.NoticeMatch, error)
}

// Engine takes what is not ours, and what our books may have wrong.
type Engine interface {
	// Compare adopts what the channel made without us since a time, or keeps it in
	// the inbox. It may be called again without harm.
	Compare(ctx context.Context, account string, listed []channel.Listed, since time.Time, cause refund.Cause) (channel.Comparison, error)
	// Notify takes notices of an account. A hint has the engine ask about the refund.
	Notify(ctx context.Context, account string, notices []channel.Notified) error
}

// Reconciler compares bills.
type Reconciler struct {
	store  Store
	engine Engine
	// folder is where the spools are, "" for the system's folder of temporary files.
	folder string
}

// New makes a reconciler. folder is where it keeps what does not fit in memory,
// "" for the system's folder of temporary files.
func New(store Store, engine Engine, folder string) *Reconciler {
	return &Reconciler{store: store, engine: engine, folder: folder}
}

// Reconcile compares a bill with what our books have of its day. An error says
// that the comparison is not complete: nothing was adopted if the bill could not be
// read to its end, and it may be run again in any case. KindTooLarge: it needs more
// disk than it may have.
func (r *Reconciler) Reconcile(ctx context.Context, task channel.ReconcileTask) (channel.Reconciliation, error) {
	spool := newSpool(r.folder, maxSpool)
	defer spool.remove()
	run := &run{
		Reconciler: r, task: task, spool: spool, can: task.Connector.Capabilities(), began: task.Now(),
		out:   channel.Reconciliation{Account: task.Account.ID, Day: task.Day, Found: make(map[channel.DifferenceKind]int64)},
		asker: newAsker(task.Connector),
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"read the bill", run.read},
		{"compare the bill", run.settle},
		{"list what succeeded on the day", run.book},
		{"find what the bill leaves out", run.missing},
	} {
		if err := step.do(ctx); err != nil {
			return run.out, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return run.out, nil
}

// run is one comparison at work.
type run struct {
	*Reconciler
	task  channel.ReconcileTask
	spool *spool
	can   channel.Capabilities
	began time.Time
	out   channel.Reconciliation
	asker *asker
	// hinted counts the refunds about which the engine was told to ask.
	hinted int
}

func (r *run) key() refund.AccountKey {
	return refund.AccountKey{MerchantID: r.task.Account.MerchantID, ID: r.task.Account.ID}
}

// differs reports a difference.
func (r *run) differs(d channel.Difference) error {
	r.out.Found[d.Kind]++
	return r.task.Each(d)
}

// ours is a difference of a refund of ours.
func ours(kind channel.DifferenceKind, b refund.Booked, row channel.Listed, note string) channel.Difference {
	return channel.Difference{Kind: kind, Billed: row, RefundID: b.ID, State: b.State, Amount: b.Amount, Note: note}
}
