package native

import (
	"encoding/json"
	"net/http"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// queueAnswer is a page of a queue. Shortages are null in all but that of funds.
type queueAnswer struct {
	list[queueEntry]
	Shortages []shortageAnswer `json:"shortages"`
}

// queueEntry is one thing that waits: kind says which member it has.
type queueEntry struct {
	Kind     admin.QueueKind `json:"kind"`
	Refund   *refundAnswer   `json:"refund,omitempty"`
	Charge   *chargeAnswer   `json:"charge,omitempty"`
	Delivery *deliveryAnswer `json:"delivery,omitempty"`
	// Unreadable is the id of what is damaged, in the place of these; the API's page
	// names it beside its entries.
	Unreadable string `json:"unreadable,omitempty"`
	// Since is when it began to wait, AskedAt when its channel was asked about it
	// last, and NextAt when it is looked at next; null for never.
	Since   moment `json:"since"`
	AskedAt moment `json:"asked_at"`
	NextAt  moment `json:"next_at"`
}

// shortageAnswer is what an account lacks of a currency. Needed has as many digits as
// it takes.
type shortageAnswer struct {
	Account  string         `json:"account"`
	Currency money.Currency `json:"currency"`
	Refunds  int64          `json:"refunds"`
	Needed   json.Number    `json:"needed"`
	Since    moment         `json:"since"`
}

// countsAnswer is how many wait in each queue, at most CountedTo of each.
type countsAnswer struct {
	Counts    refund.QueueCounts `json:"counts"`
	CountedTo int64              `json:"counted_to"`
}

// countQueues returns how much waits for a person: GET /queues.
func (d *Dialect) countQueues(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	counts, err := d.s.Queues.QueueCounts(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerCounts(counts))
}

func answerCounts(counts refund.QueueCounts) countsAnswer {
	return countsAnswer{counts, refund.MaxQueueCount}
}

// readQueue returns what waits for a person, newest first: GET /queues/{queue}.
func (d *Dialect) readQueue(c *call) error {
	q, err := c.query("limit", "cursor")
	if err != nil {
		return err
	}
	page, err := q.page()
	if err != nil {
		return err
	}
	found, err := admin.ReadQueue(c.ctx, d.s.Queues, c.merchantID(), refund.Queue(c.r.PathValue("queue")), page)
	if err != nil {
		return err
	}
	out := queueAnswer{list: list[queueEntry]{Data: make([]queueEntry, 0, len(found.Entries)), HasMore: found.More}}
	for _, e := range found.Entries {
		if e.Unreadable {
			out.Unreadable = append(out.Unreadable, e.At.ID)
			continue
		}
		out.Data = append(out.Data, answerQueueEntry(d.s.Dialects, e))
	}
	if found.More {
		last := found.Entries[len(found.Entries)-1].At
		out.Next = writeCursor(last.CreatedAt, last.ID)
	}
	if refund.Queue(c.r.PathValue("queue")) == refund.QueueFunds {
		out.Shortages = answerShortages(found.Shortages)
	}
	return c.json(http.StatusOK, out)
}

func answerQueueEntry(dialects merchant.Dialects, e admin.QueueEntry) queueEntry {
	out := queueEntry{Kind: e.Kind, Since: moment(e.Since), AskedAt: moment(e.AskedAt), NextAt: moment(e.NextAt)}
	switch {
	case e.Unreadable:
		out.Unreadable = e.At.ID
	case e.Refund != nil:
		one := answerRefund(*e.Refund, e.Coupons)
		out.Refund = &one
	case e.Charge != nil:
		one := answerCharge(dialects, *e.Charge)
		out.Charge = &one
	case e.Delivery != nil:
		one := answerDelivery(*e.Delivery)
		out.Delivery = &one
	}
	return out
}

func answerShortages(all []refund.Shortage) []shortageAnswer {
	out := make([]shortageAnswer, len(all))
	for n, s := range all {
		out[n] = shortageAnswer{s.Account, s.Currency, s.Refunds, json.Number(s.Needed.String()), moment(s.Since)}
	}
	return out
}

// retryAccount has what waits for funds of an account sent again: POST
// /accounts/{id}/retry.
func (d *Dialect) retryAccount(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	retried, err := d.s.Admin.RetryAccount(c.ctx, c.by(), c.merchantID(), c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, retriedAnswer{c.r.PathValue("id"), retried})
}

// retriedAnswer is how many refunds of an account are sent again.
type retriedAnswer struct {
	Account string `json:"account"`
	Retried int    `json:"retried"`
}

// againRetried answers a repeat: it has nothing more to send again.
func (d *Dialect) againRetried(c *call, _ refund.Write) error {
	return c.json(http.StatusOK, retriedAnswer{Account: c.r.PathValue("id")})
}

// QueueJSON is an entry of a queue, CountsJSON are the counts of all queues and
// ShortagesJSON the totals of what waits for funds, as the API shows them.
func QueueJSON(dialects merchant.Dialects, e admin.QueueEntry) any {
	return answerQueueEntry(dialects, e)
}

// CountsJSON is as QueueJSON says.
func CountsJSON(counts refund.QueueCounts) any { return answerCounts(counts) }

// ShortagesJSON is as QueueJSON says.
func ShortagesJSON(all []refund.Shortage) any { return answerShortages(all) }

// RetriedJSON is how many refunds of an account are sent again.
func RetriedJSON(account string, retried int) any { return retriedAnswer{account, retried} }
