package intake

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// counting holds what earlier refunds policies count, in one run of a batch. It is
// nil where no policy of the batch's merchants counts any.
type counting struct {
	recent map[refund.WindowAsk]refund.Recent
	// added are the refunds of this run: under each currency their sum, and under none
	// their count.
	added map[refund.WindowAsk]refund.Recent
	now   time.Time
}

// whose are those of whom a window counts each: "" is all of the merchant.
func whose(w refund.Window, customers []string) []string {
	if w.OfCustomer {
		return customers // none for nobody's: nothing is counted
	}
	return []string{""}
}

func (c *counting) ask(w refund.Window, merchantID, customer string, currency money.Currency) refund.WindowAsk {
	return refund.WindowAsk{MerchantID: merchantID, Customer: customer, Currency: currency, Since: c.now.Add(-w.Span)}
}

// count reads what the batch's policies count, behind their gates: another
// transaction that accepts a refund of the same customer is waited for, and counted.
// Merchants without such policies cost nothing.
func (b *attempt) count(ctx context.Context, tx Tx) error {
	b.counts = nil
	var asks []refund.WindowAsk
	var gates []refund.WindowAsk
	for n, unit := range b.units {
		policies := b.books[unit.MerchantID].book.Policies
		if policies == nil || b.results[n].Err != nil || len(policies.Windows()) == 0 {
			continue
		}
		if b.counts == nil {
			b.counts = &counting{added: make(map[refund.WindowAsk]refund.Recent), now: b.now}
		}
		for _, request := range unit.Requests {
			charge, there := b.charges[refund.ChargeKey{MerchantID: unit.MerchantID, ID: request.ChargeID}]
			if !there {
				continue
			}
			customers := charge.Customers(request)
			for _, w := range policies.Windows() {
				for _, customer := range whose(w, customers) {
					asks = append(asks, b.counts.ask(w, unit.MerchantID, customer, charge.Currency))
					gates = append(gates, refund.WindowAsk{MerchantID: unit.MerchantID, Customer: customer})
				}
			}
		}
	}
	if len(asks) == 0 {
		return nil
	}
	if err := tx.TakeGates(ctx, unique(gates), b.now); err != nil {
		return err
	}
	recent, err := countRecent(ctx, tx, unique(asks))
	if err == nil {
		b.counts.recent = recent
	}
	return err
}

func unique(asks []refund.WindowAsk) []refund.WindowAsk {
	slices.SortFunc(asks, func(x, y refund.WindowAsk) int {
		return cmp.Or(cmp.Compare(x.MerchantID, y.MerchantID), cmp.Compare(x.Customer, y.Customer), cmp.Compare(x.Currency, y.Currency), x.Since.Compare(y.Since))
	})
	return slices.Compact(asks)
}

// judging has the merchant's policies judge the refunds of one unit. The refunds of
// the batch that were accepted before it count, and within a unit those before each.
// keep has them count for the units after it. Once ctx has ended nothing is evaluated
// any more, and the batch must not be committed.
func (b *attempt) judging(ctx context.Context, merchantID string, policies refund.Policies) (judge func(refund.Asked) refund.Verdict, keep func()) {
	if policies == nil {
		return nil, func() {}
	}
	here := make(map[refund.WindowAsk]refund.Recent)
	judge = func(asked refund.Asked) refund.Verdict {
		if ctx.Err() != nil {
			return refund.Verdict{}
		}
		customers := asked.Charge.Customers(asked.Request)
		v := policies.Judge(asked, func(w refund.Window) (most refund.Recent) {
			for _, customer := range whose(w, customers) {
				sum := b.counts.ask(w, merchantID, customer, asked.Charge.Currency)
				count := b.counts.ask(w, merchantID, customer, "")
				recent := b.counts.recent[sum]
				for _, added := range []map[refund.WindowAsk]refund.Recent{b.counts.added, here} {
					recent = recent.Plus(added[sum]).Plus(added[count])
				}
				most = most.Most(recent)
			}
			return most
		})
		if v.Refuse {
			return v
		}
		for _, w := range policies.Windows() {
			for _, customer := range whose(w, customers) {
				sum := b.counts.ask(w, merchantID, customer, asked.Charge.Currency)
				count := b.counts.ask(w, merchantID, customer, "")
				here[sum] = here[sum].Plus(refund.Recent{Sum: asked.Amount})
				here[count] = here[count].Plus(refund.Recent{Count: 1})
			}
		}
		return v
	}
	return judge, func() {
		for ask, more := range here {
			b.counts.added[ask] = b.counts.added[ask].Plus(more)
		}
	}
}
