package main

import (
	"context"
	"sort"
	"strings"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// chargeCommand is refundry charge.
type chargeCommand struct {
	Import chargeImport `cmd:"" help:"Register paid charges from a CSV or NDJSON file; running it again changes nothing."`
	List   chargeList   `cmd:"" help:"List charges, newest first."`
	Get    chargeGet    `cmd:"" help:"Show a charge by its id or any dialect's name for it."`
	Mask   chargeMask   `cmd:"" help:"Mask what a charge and its refunds say of a person."`
}

type chargeList struct {
	pageFlags
	OrderNo string `help:"Only the one with this order number." placeholder:"NUMBER"`
	Channel string `help:"Only those paid through this channel." placeholder:"CHANNEL"`
	spanFlags
	PaidFrom string `help:"Only those paid then or later, as --created-from." placeholder:"TIME"`
	PaidTo   string `help:"Only those paid before then, as --created-to." placeholder:"TIME"`
	csvFlag
}

func (c *chargeList) Run(e *environment) error {
	if err := c.oneForm(c.pageFlags); err != nil {
		return err
	}
	return printPage(e, c.pageFlags, func(s *store.Store) listing[refund.Charge] {
		l := listing[refund.Charge]{
			find: s.ChargeByAny,
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]refund.Charge, bool, error) {
				filter, err := c.filter(merchantID, page)
				if err != nil {
					return nil, false, err
				}
				for {
					look, err := s.ChargeLook(ctx, filter)
					e.sayUnreadable("charge", look.Unreadable)
					if err != nil || len(look.Charges) > 0 || look.Next == nil {
						return look.Charges, look.Next != nil, err
					}
					filter.Page.After = look.Next // that page had none
				}
			},
			at:     func(c refund.Charge) refund.Position { return refund.Position{CreatedAt: c.CreatedAt, ID: c.ID} },
			object: func(c refund.Charge) any { return native.ChargeJSON(service.Dialects(), c) },
			header: []string{"ID", "ORDER NO", "CHANNEL", "AMOUNT", "REFUNDED", "REFUNDABLE", "PAID"},
			row: func(c refund.Charge) []string {
				return []string{
					c.ID, c.OrderNo, c.Channel, amountText(c.Amount, c.Currency),
					amountText(c.Refunded, c.Currency), amountText(c.Refundable(), c.Currency), when(c.PaidAt),
				}
			},
		}
		if c.CSV {
			l.file = func(ctx context.Context, merchantID string, page refund.Page) error {
				filter, err := c.filter(merchantID, page)
				if err != nil {
					return err
				}
				return native.WriteCharges(ctx, e.out, s, filter, nil)
			}
		}
		return l
	})
}

// filter is that of the API's list with the same parameters.
func (c *chargeList) filter(merchantID string, page refund.Page) (refund.ChargeFilter, error) {
	values := c.values(map[string]string{"order_no": c.OrderNo, "channel": c.Channel, "paid_from": c.PaidFrom, "paid_to": c.PaidTo})
	f, err := native.ReadChargeFilter(merchantID, values)
	f.Page = page
	return f, asFlag(err)
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
	disputes, err := s.Disputes(e, m.ID, charge.ID)
	if err != nil {
		return err
	}
	for _, d := range disputes {
		e.sayDamaged("dispute", d.ID, d.Unreadable)
	}
	if c.JSON {
		return e.printJSON(native.WholeChargeJSON(service.Dialects(), charge, disputes))
	}
	return e.printTable([]string{"WHAT", "VALUE"}, append(chargeRows(charge), disputeRows(disputes, charge)...))
}

func disputeRows(disputes []refund.Dispute, c refund.Charge) (rows [][]string) {
	for _, d := range disputes {
		text := string(d.State) + ", " + d.Amount.String()
		if d.Reason != "" {
			text += ", " + d.Reason
		}
		if d.Unreadable {
			text += ", damaged"
		}
		rows = append(rows, []string{"dispute " + d.ChannelDisputeID, text + ", holds " + amountText(d.Held, c.Currency)})
	}
	return rows
}

func chargeRows(c refund.Charge) [][]string {
	fee := "unknown"
	if c.Fee != nil {
		fee = amountText(*c.Fee, c.Currency)
	}
	rows := [][]string{
		{"id", c.ID},
		{"order number", c.OrderNo},
		{"customer", c.Customer},
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
