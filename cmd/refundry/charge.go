package main

import (
	"sort"
	"strings"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// chargeCommand is refundry charge.
type chargeCommand struct {
	Import chargeImport `cmd:"" help:"Register paid charges from a CSV or NDJSON file; running it again changes nothing."`
	List   chargeList   `cmd:"" help:"List charges, newest first."`
	Get    chargeGet    `cmd:"" help:"Show a charge by its id or any dialect's name for it."`
}

type chargeList struct {
	databaseFlags
	merchantFlags
	jsonFlag
	limitFlag
	OrderNo string `help:"Only the one with this order number." placeholder:"NUMBER"`
	Channel string `help:"Only those paid through this channel." placeholder:"CHANNEL"`
	After   string `help:"Only those older than this charge." placeholder:"CHARGE"`
}

func (c *chargeList) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	filter := refund.ChargeFilter{MerchantID: m.ID, OrderNo: c.OrderNo, Channel: c.Channel, Page: refund.Page{Limit: c.Limit}}
	if c.After != "" {
		after, err := s.ChargeByAny(e, m.ID, c.After)
		if err != nil {
			return asUsage(err)
		}
		filter.Page.After = &refund.Position{CreatedAt: after.CreatedAt, ID: after.ID}
	}
	charges, cut, err := s.ChargeList(e, filter)
	if err != nil {
		return err
	}
	if cut {
		e.more(charges[len(charges)-1].ID)
	}
	header := []string{"ID", "ORDER NO", "CHANNEL", "AMOUNT", "REFUNDED", "REFUNDABLE", "PAID"}
	return printList(e, c.JSON, charges, func(c refund.Charge) any { return native.ChargeJSON(service.Dialects(), c) }, header, func(c refund.Charge) []string {
		return []string{
			c.ID, c.OrderNo, c.Channel, amountText(c.Amount, c.Currency),
			amountText(c.Refunded, c.Currency), amountText(c.Refundable(), c.Currency), when(c.PaidAt),
		}
	})
}

type chargeGet struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The charge's id, or any dialect's name for it."`
}

func (c *chargeGet) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	charge, err := s.ChargeByAny(e, m.ID, c.ID)
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(native.ChargeJSON(service.Dialects(), charge))
	}
	return e.printTable([]string{"WHAT", "VALUE"}, chargeRows(charge))
}

func chargeRows(c refund.Charge) [][]string {
	fee := "unknown"
	if c.Fee != nil {
		fee = amountText(*c.Fee, c.Currency)
	}
	rows := [][]string{
		{"id", c.ID},
		{"order number", c.OrderNo},
		{"channel", c.Channel},
		{"channel account", c.ChannelAccount},
		{"transaction", c.TransactionID},
		{"paid", when(c.PaidAt)},
		{"amount", amountText(c.Amount, c.Currency)},
		{"fee", fee},
		{"refunded", amountText(c.Refunded, c.Currency)},
		{"reserved", amountText(c.Reserved, c.Currency)},
		{"blocked", amountText(c.Blocked, c.Currency)},
		{"refundable", amountText(c.Refundable(), c.Currency)},
	}
	names := make([][]string, 0, len(c.Aliases))
	for _, a := range c.Aliases {
		names = append(names, []string{a.Dialect, strings.TrimSpace(a.Name + "  (" + strings.TrimSpace(a.Identity+" "+a.Sub) + ")")})
	}
	sort.Slice(names, func(i, j int) bool { return names[i][0] < names[j][0] })
	return append(rows, names...)
}
