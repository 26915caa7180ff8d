package main

import (
	"fmt"
	"strconv"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// deliveryCommand is refundry delivery.
type deliveryCommand struct {
	List   deliveryList   `cmd:"" help:"List what endpoints were notified of, newest first, with each try in JSON."`
	Replay deliveryReplay `cmd:"" help:"Send a delivery that has ended once more, with the same bytes; one that could not be made is made anew."`
}

type deliveryList struct {
	databaseFlags
	merchantFlags
	jsonFlag
	limitFlag
	Event    string `help:"Only those of this event." placeholder:"EVENT"`
	Endpoint string `help:"Only those to this endpoint." placeholder:"ENDPOINT"`
	State    string `help:"Only those in this state: waiting, delivered, dead." enum:",waiting,delivered,dead" default:"" placeholder:"STATE"`
	After    string `help:"Only those older than this delivery." placeholder:"DELIVERY"`
}

func (c *deliveryList) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	filter := merchant.DeliveryFilter{MerchantID: m.ID, EventID: c.Event, EndpointID: c.Endpoint, State: merchant.DeliveryState(c.State)}
	page := refund.Page{Limit: c.Limit}
	if c.After != "" {
		after, err := s.Delivery(e, m.ID, c.After)
		if err != nil {
			return err
		}
		page.After = &refund.Position{CreatedAt: after.Delivery.CreatedAt, ID: after.Delivery.ID}
	}
	records, cut, err := s.DeliveryList(e, filter, page)
	if err != nil {
		return err
	}
	if cut {
		e.more(records[len(records)-1].Delivery.ID)
	}
	header := []string{"ID", "EVENT", "DIALECT", "URL", "STATE", "TRIES", "CREATED", "NEXT TRY", "ENDED", "PROBLEM"}
	return printList(e, c.JSON, records, native.DeliveryJSON, header, func(r merchant.DeliveryRecord) []string {
		d := r.Delivery
		return []string{
			d.ID, d.EventID, d.Dialect, d.URL, string(r.State), strconv.Itoa(len(r.Tries)), when(d.CreatedAt), when(d.DueAt), when(r.EndedAt), d.Problem,
		}
	})
}

type deliveryReplay struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The delivery's id."`
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
	again, err := desk.ReplayDelivery(e, by, m.ID, c.ID)
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
