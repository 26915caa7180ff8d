package main

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
)

// maskHelp is what both commands that mask say.
const maskHelp = `What is said of a person is replaced for good: customer, reason, received
account, the payer's IP address and metadata, in charges, refunds, events, the
notifications that were sent, the channels' notices and lines of bulk files. Amounts, states,
numbers, reason codes and the books stay. docs/privacy.md says what is not
reached. A charge with a refund that has not ended is left; repeat the command
then, and when something was being sent.`

// customerCommand is refundry customer.
type customerCommand struct {
	Mask customerMask `cmd:"" help:"Mask what all charges and refunds of a customer say of a person."`
}

type chargeMask struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The charge's id, or any dialect's name for it."`
}

// Help is shown by --help.
func (c *chargeMask) Help() string { return maskHelp }

func (c *chargeMask) Run(e *environment) error {
	return e.mask(c.databaseFlags, c.merchantFlags, c.JSON, func(ctx context.Context, desk *admin.Admin, by admin.By, merchantID string) (refund.MaskReport, error) {
		return desk.MaskCharge(ctx, by, merchantID, c.ID)
	})
}

type customerMask struct {
	databaseFlags
	merchantFlags
	jsonFlag
	Customer string `arg:"" help:"The customer, as the shop's own system calls them."`
}

// Help is shown by --help.
func (c *customerMask) Help() string { return maskHelp }

func (c *customerMask) Run(e *environment) error {
	return e.mask(c.databaseFlags, c.merchantFlags, c.JSON, func(ctx context.Context, desk *admin.Admin, by admin.By, merchantID string) (refund.MaskReport, error) {
		return desk.MaskCustomer(ctx, by, merchantID, c.Customer)
	})
}

// mask runs a masking and prints what it did.
func (e *environment) mask(db databaseFlags, whose merchantFlags, asJSON bool, act func(context.Context, *admin.Admin, admin.By, string) (refund.MaskReport, error)) error {
	s, m, err := openFor(e, db, whose)
	if err != nil {
		return err
	}
	defer s.Close()
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	report, err := act(e, desk, by, m.ID)
	if err != nil {
		return asUsage(err)
	}
	if asJSON {
		return e.printJSON(native.MaskJSON(report))
	}
	_, err = fmt.Fprintf(e.out, "masked: %d charges, %d refunds, %d deliveries, %d lines of files\n", report.Charges, report.Refunds, report.Deliveries, report.Lines)
	if report.InFlight > 0 {
		e.say("%d notifications were on their way: repeat the command in a minute", report.InFlight)
	}
	for _, id := range report.Open {
		e.say("left, because it has not ended: refund %s and its charge", id)
	}
	if report.OpenLines > 0 {
		e.say("%d lines of files name the customer and were left: they may still be sent, or their refunds have not ended", report.OpenLines)
	}
	for _, id := range report.Unreadable {
		e.say("left, because a row of it is damaged: %s (hint: refundry verify)", id)
	}
	return err
}
