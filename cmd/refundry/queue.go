package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// queueCommand is refundry queue.
type queueCommand struct {
	pageFlags
	Queue string `arg:"" optional:"" enum:",abnormal,funds,unknown,deliveries,foreign" default:"" help:"Which: abnormal, funds, unknown, deliveries or foreign; default how many wait in each."`
}

func (c *queueCommand) Run(e *environment) error {
	switch refund.Queue(c.Queue) {
	case "":
		return c.count(e)
	case refund.QueueFunds:
		if !c.JSON {
			if err := c.shortages(e); err != nil {
				return err
			}
		}
	}
	return printPage(e, c.pageFlags, func(s *store.Store) listing[admin.QueueEntry] {
		return listing[admin.QueueEntry]{
			find: func(ctx context.Context, merchantID, id string) (admin.QueueEntry, error) {
				return queued(ctx, s, merchantID, id)
			},
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]admin.QueueEntry, bool, error) {
				found, err := admin.ReadQueue(ctx, s, merchantID, refund.Queue(c.Queue), page)
				return found.Entries, found.More, err
			},
			at:     func(e admin.QueueEntry) refund.Position { return e.At },
			object: func(e admin.QueueEntry) any { return native.QueueJSON(service.Dialects(), e) },
			header: []string{"ID", "KIND", "AMOUNT", "STATE", "CHANNEL", "DETAIL", "SINCE", "ASKED", "NEXT"},
			row:    queueRow,
		}
	})
}

// count prints how many wait in each queue.
func (c *queueCommand) count(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	counts, err := s.QueueCounts(e, m.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.CountsJSON(counts))
	}
	var rows [][]string
	for _, name := range refund.Queues() {
		text := fmt.Sprint(counts[name])
		if counts[name] >= refund.MaxQueueCount {
			text += " or more"
		}
		rows = append(rows, []string{string(name), text})
	}
	return e.printTable([]string{"QUEUE", "WAITING"}, rows)
}

// shortages says what each account lacks, on stderr: the list is on stdout.
func (c *queueCommand) shortages(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Shortages(e, m.ID)
	for _, one := range all {
		e.say("account %s lacks %s %s for %d refunds, since %s (hint: refundry account retry %s once the funds are there)",
			one.Account, money.FormatSum(one.Needed, one.Currency), one.Currency, one.Refunds, when(one.Since), one.Account)
	}
	return err
}

// queued finds what an id in a queue is of.
func queued(ctx context.Context, s *store.Store, merchantID, id string) (admin.QueueEntry, error) {
	if d, err := s.Delivery(ctx, merchantID, id); err == nil {
		return admin.QueueEntry{At: refund.Position{CreatedAt: d.Delivery.CreatedAt, ID: d.Delivery.ID}}, nil
	}
	if c, err := s.Charge(ctx, merchantID, id); err == nil {
		return admin.QueueEntry{At: refund.Position{CreatedAt: c.CreatedAt, ID: c.ID}}, nil
	}
	r, err := s.RefundByAny(ctx, merchantID, id)
	return admin.QueueEntry{At: refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}}, err
}

func queueRow(e admin.QueueEntry) []string {
	ends := []string{when(e.Since), when(e.AskedAt), when(e.NextAt)}
	var row []string
	switch {
	case e.Unreadable:
		row = []string{e.At.ID, string(e.Kind), "", "unreadable", "", "its row is damaged (hint: refundry verify)"}
	case e.Refund != nil:
		r := e.Refund
		row = []string{r.ID, string(e.Kind), amountText(r.Amount, r.Currency), string(r.State), r.Channel, cmp.Or(r.FailureMessage, r.Streak.Message)}
	case e.Charge != nil:
		c := e.Charge
		row = []string{c.ID, string(e.Kind), amountText(c.Excess, c.Currency), "", c.Channel, "more went back than " + amountText(c.Amount, c.Currency)}
	default:
		d := e.Delivery
		row = []string{d.Delivery.ID, string(e.Kind), "", string(d.State), d.Delivery.Dialect, d.Delivery.URL + " " + lastError(d.Tries, d.Delivery.Problem)}
	}
	return append(row, ends...)
}

// lastError is why a delivery was given up.
func lastError(tries []merchant.DeliveryTry, problem string) string {
	if len(tries) == 0 {
		return problem
	}
	last := tries[len(tries)-1]
	if last.Error != "" {
		return last.Error
	}
	return fmt.Sprintf("answered %d", last.Status)
}
