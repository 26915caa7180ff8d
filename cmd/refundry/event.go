package main

import (
	"context"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// eventCommand is refundry event.
type eventCommand struct {
	List eventList `cmd:"" help:"List events, newest first."`
}

type eventList struct {
	pageFlags
	Type []string `help:"Only these types, such as refund.succeeded." placeholder:"TYPE,..."`
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
	Unreadable        bool           `json:"unreadable,omitempty"` // it, its refund or its charge is damaged
}

func (c *eventList) Run(e *environment) error {
	return printPage(e, c.pageFlags, func(s *store.Store) listing[refund.StoredEvent] {
		return listing[refund.StoredEvent]{
			find: func(ctx context.Context, merchantID, id string) (refund.StoredEvent, error) {
				found, err := s.Event(ctx, merchantID, id)
				if refund.KindOf(err) == refund.KindCorrupt {
					err = nil // where it stands is known
				}
				return found, err
			},
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]refund.StoredEvent, bool, error) {
				return s.EventLook(ctx, refund.EventFilter{MerchantID: merchantID, Types: c.Type, Page: page})
			},
			at:     func(v refund.StoredEvent) refund.Position { return refund.Position{CreatedAt: v.At, ID: v.ID} },
			object: func(v refund.StoredEvent) any { return eventRowOf(v) },
			header: []string{"ID", "TYPE", "AT", "REFUND", "AMOUNT", "REQUEST"},
			row: func(v refund.StoredEvent) []string {
				if v.Unreadable {
					return []string{v.ID, v.Type, when(v.At), v.Refund.ID, "unreadable", v.RequestID}
				}
				return []string{v.ID, v.Type, when(v.At), v.Refund.ID, amountText(v.Refund.Amount, v.Refund.Currency), v.RequestID}
			},
		}
	})
}

func eventRowOf(v refund.StoredEvent) eventRow {
	return eventRow{
		v.ID, v.Type, v.At, v.Refund.ID, v.Charge.ID, string(v.Refund.State), v.Refund.Amount, v.Refund.Currency,
		v.RequestID, v.FeedNumber, v.PendingDeliveries, v.Unreadable,
	}
}
