package main

import (
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// eventCommand is refundry event.
type eventCommand struct {
	List eventList `cmd:"" help:"List events, newest first."`
}

type eventList struct {
	databaseFlags
	merchantFlags
	jsonFlag
	limitFlag
	Type  []string `help:"Only these types, such as refund.succeeded." placeholder:"TYPE,..."`
	After string   `help:"Only those older than this event." placeholder:"EVENT"`
}

// eventRow is an event in JSON, with its refund as it was then.
type eventRow struct {
	ID                string         `json:"id"`
	Type              string         `json:"type"`
	At                time.Time      `json:"at"`
	Refund            string         `json:"refund"`
	Charge            string         `json:"charge"`
	State             string         `json:"state"`
	Amount            money.Minor    `json:"amount"`
	Currency          money.Currency `json:"currency"`
	RequestID         string         `json:"request_id"`
	FeedNumber        int64          `json:"feed_number"`
	PendingDeliveries int64          `json:"pending_deliveries"`
}

func (c *eventList) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	filter := refund.EventFilter{MerchantID: m.ID, Types: c.Type, Page: refund.Page{Limit: c.Limit}}
	if c.After != "" {
		after, err := s.Event(e, m.ID, c.After)
		if err != nil {
			return err
		}
		filter.Page.After = &refund.Position{CreatedAt: after.At, ID: after.ID}
	}
	events, cut, err := s.EventList(e, filter)
	if err != nil {
		return err
	}
	if cut {
		e.more(events[len(events)-1].ID)
	}
	header := []string{"ID", "TYPE", "AT", "REFUND", "AMOUNT", "REQUEST"}
	return printList(e, c.JSON, events, eventRowOf, header, func(v refund.StoredEvent) []string {
		return []string{v.ID, v.Type, when(v.At), v.Refund.ID, amountText(v.Refund.Amount, v.Refund.Currency), v.RequestID}
	})
}

func eventRowOf(v refund.StoredEvent) eventRow {
	return eventRow{
		v.ID, v.Type, v.At, v.Refund.ID, v.Charge.ID, string(v.Refund.State), v.Refund.Amount, v.Refund.Currency,
		v.RequestID, v.FeedNumber, v.PendingDeliveries,
	}
}
