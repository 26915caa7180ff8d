package main

import (
	"fmt"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// refundCommand is refundry refund.
type refundCommand struct {
	Add  refundAdd  `cmd:"" help:"Ask for a refund; the running serve carries it out."`
	List refundList `cmd:"" help:"List refunds, newest first."`
	Get  refundGet  `cmd:"" help:"Show a refund with its attempts and transfers."`

	Cancel  refundCancel  `cmd:"" help:"Withdraw a refund that its channel was not told of."`
	Retry   refundRetry   `cmd:"" help:"Have an open refund looked at now."`
	Resolve refundResolve `cmd:"" help:"Say how an open refund ended, with proof; the books follow it."`
	Reroute refundReroute `cmd:"" help:"Send a refund that the payer's account could not take elsewhere."`
}

type refundList struct {
	databaseFlags
	merchantFlags
	jsonFlag
	limitFlag
	State  string `help:"Only those in this state: held, created, pending, abnormal, succeeded, failed, canceled." enum:",held,created,pending,abnormal,succeeded,failed,canceled" default:""`
	Charge string `help:"Only those of this charge, by its id or any dialect's name." placeholder:"CHARGE"`
	Number string `help:"Only the one with this number of the merchant's." placeholder:"NUMBER"`
	After  string `help:"Only those older than this refund." placeholder:"REFUND"`
}

func (c *refundList) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	filter, err := c.filter(e, s, m)
	if err != nil {
		return err
	}
	refunds, cut, err := s.RefundList(e, filter)
	if err != nil {
		return err
	}
	charges := make(map[string]refund.Charge)
	for _, r := range refunds {
		if _, known := charges[r.ChargeID]; c.JSON && !known {
			if charges[r.ChargeID], err = s.Charge(e, m.ID, r.ChargeID); err != nil {
				return err
			}
		}
	}
	if cut {
		e.more(refunds[len(refunds)-1].ID)
	}
	object := func(r refund.Refund) any { return native.RefundJSON(r, charges[r.ChargeID]) }
	header := []string{"ID", "CHARGE", "AMOUNT", "STATE", "NUMBER", "CHANNEL", "CREATED", "SUCCEEDED"}
	return printList(e, c.JSON, refunds, object, header, func(r refund.Refund) []string {
		return []string{r.ID, r.ChargeID, amountText(r.Amount, r.Currency), string(r.State), r.Number, r.Channel, when(r.CreatedAt), when(r.SucceededAt)}
	})
}

func (c *refundList) filter(e *environment, s *store.Store, m merchant.Merchant) (refund.Filter, error) {
	f := refund.Filter{MerchantID: m.ID, State: refund.State(c.State), Number: c.Number, Page: refund.Page{Limit: c.Limit}}
	if c.Charge != "" {
		charge, err := s.ChargeByAny(e, m.ID, c.Charge)
		if err != nil {
			return f, asUsage(err)
		}
		f.ChargeID = charge.ID
	}
	if c.After != "" {
		r, err := s.RefundByAny(e, m.ID, c.After)
		if err != nil {
			return f, asUsage(err)
		}
		f.Page.After = &refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}
	}
	return f, nil
}

type refundGet struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The refund, by its id, the merchant's number, or any number that a channel or API gave it."`
}

func (c *refundGet) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.RefundByAny(e, m.ID, c.ID)
	if err != nil {
		return asUsage(err)
	}
	charge, err := s.Charge(e, m.ID, r.ChargeID)
	if err != nil {
		return err
	}
	attempts, err := s.Attempts(e, m.ID, r.ID)
	if err != nil {
		return err
	}
	transfers, err := s.Transfers(e, m.ID, r.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.WholeRefundJSON(r, charge, attempts, transfers))
	}
	rows := [][]string{
		{"id", r.ID},
		{"charge", r.ChargeID},
		{"amount", amountText(r.Amount, r.Currency)},
		{"state", string(r.State)},
		{"number", r.Number},
		{"reason", r.Reason},
		{"reason code", r.ReasonCode},
		{"customer", r.Customer},
		{"channel", r.Channel},
		{"number at the channel", r.ChannelNumber},
		{"channel's own id", r.ChannelRefundID},
		{"created", when(r.CreatedAt)},
		{"succeeded", when(r.SucceededAt)},
		{"next look", when(r.DueAt)},
		{"failure", r.FailureCode + " " + r.FailureMessage},
	}
	for _, a := range attempts {
		rows = append(rows, []string{"attempt " + when(a.At), fmt.Sprintf("%s: %s %s %s %s", a.Source, a.Outcome, a.Code, a.Message, a.Note)})
	}
	for _, t := range transfers {
		rows = append(rows, []string{"transfer " + when(t.At), fmt.Sprintf("%s %s: %s -> %s", t.Kind, t.Amount, t.From, t.To)})
	}
	return e.printTable([]string{"WHAT", "VALUE"}, rows)
}
