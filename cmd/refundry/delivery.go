package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// deliveryCommand is refundry delivery.
type deliveryCommand struct {
	List   deliveryList   `cmd:"" help:"List what endpoints were notified of, newest first, with each try in JSON."`
	Replay deliveryReplay `cmd:"" help:"Send deliveries that have ended once more, with the same bytes; one that could not be made is made anew."`
}

type deliveryList struct {
	pageFlags
	Event    string `help:"Only those of this event." placeholder:"EVENT"`
	Endpoint string `help:"Only those to this endpoint." placeholder:"ENDPOINT"`
	State    string `help:"Only those in this state: waiting, delivered, dead." enum:",waiting,delivered,dead" default:"" placeholder:"STATE"`
}

func (c *deliveryList) Run(e *environment) error {
	return printPage(e, c.pageFlags, func(s *store.Store) listing[merchant.DeliveryRecord] {
		return listing[merchant.DeliveryRecord]{
			find: s.Delivery,
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]merchant.DeliveryRecord, bool, error) {
				filter := merchant.DeliveryFilter{MerchantID: merchantID, EventID: c.Event, EndpointID: c.Endpoint, State: merchant.DeliveryState(c.State)}
				return s.DeliveryList(ctx, filter, page)
			},
			at: func(r merchant.DeliveryRecord) refund.Position {
				return refund.Position{CreatedAt: r.Delivery.CreatedAt, ID: r.Delivery.ID}
			},
			object: native.DeliveryJSON,
			header: []string{"ID", "EVENT", "DIALECT", "URL", "STATE", "TRIES", "CREATED", "NEXT TRY", "ENDED", "PROBLEM"},
			row: func(r merchant.DeliveryRecord) []string {
				d := r.Delivery
				return []string{
					d.ID, d.EventID, d.Dialect, d.URL, string(r.State), strconv.Itoa(len(r.Tries)), when(d.CreatedAt), when(d.DueAt), when(r.EndedAt), d.Problem,
				}
			},
		}
	})
}

type deliveryReplay struct {
	databaseFlags
	merchantFlags
	jsonFlag
	IDs []string `arg:"" name:"id" help:"The deliveries' ids; of several, one that can't be sent again holds up no other."`
}

func (c *deliveryReplay) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	if len(c.IDs) > 1 {
		replays, err := desk.ReplayDeliveries(e, by, m.ID, c.IDs)
		if err != nil {
			return asUsage(err)
		}
		return printReplays(e, c.JSON, replays)
	}
	again, err := desk.ReplayDelivery(e, by, m.ID, c.IDs[0])
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.DeliveryJSON(again))
	}
	e.say("the running serve sends it again to %s", again.Delivery.URL)
	_, err = fmt.Fprintln(e.out, again.Delivery.ID)
	return err
}

// printReplays prints what became of deliveries that were to be sent again.
func printReplays(e *environment, asJSON bool, replays []merchant.Replay) error {
	if asJSON {
		return e.printJSON(native.ReplaysJSON(replays))
	}
	rows := make([][]string, len(replays))
	for n, r := range replays {
		rows[n] = []string{r.Of, r.Again.ID, r.Again.URL, r.Problem}
	}
	return e.printTable([]string{"DELIVERY", "SENT AGAIN AS", "TO", "PROBLEM"}, rows)
}
