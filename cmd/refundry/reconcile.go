package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/dialect/native"
)

// reconcileCommand is refundry reconcile.
type reconcileCommand struct {
	accountFlags
	Account string `help:"The channel account's id." required:"" placeholder:"ACCOUNT"`
	Date    string `help:"The day of the bill in the channel's time zone, such as 2026-11-28." required:"" placeholder:"DATE"`
	Bill    string `help:"The bill as somebody downloaded it from the channel's pages; - reads standard input. Default asks the channel." placeholder:"FILE"`
}

func (c *reconcileCommand) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	file, closeFile, err := c.file(e)
	if err != nil {
		return err
	}
	defer closeFile()
	var kept []channel.Difference
	found, err := d.Reconcile(e, d.by, d.merchant.ID, admin.BillToReconcile{Account: c.Account, Date: c.Date, File: file}, func(one channel.Difference) error {
		switch {
		case !c.JSON:
			return c.print(e, one)
		case len(kept) < native.MaxDifferences:
			kept = append(kept, one)
		}
		return nil
	})
	if found.Account == "" && err != nil {
		return asUsage(err)
	}
	if c.JSON {
		err = errors.Join(err, e.printJSON(native.ReconciliationJSON(found, kept)))
	} else {
		c.sum(e, found)
	}
	if err == nil && found.Differs() {
		return errTold
	}
	return err
}

// file opens the bill's file; nil where the channel is to be asked.
func (c *reconcileCommand) file(e *environment) (file io.Reader, closeFile func(), err error) {
	switch c.Bill {
	case "":
		return nil, func() {}, nil
	case "-":
		return e.in, func() {}, nil
	}
	opened, err := os.Open(c.Bill)
	if err != nil {
		return nil, nil, fmt.Errorf("open the bill: %w", err)
	}
	return opened, func() { _ = opened.Close() }, nil
}

// print writes a difference as one line, so that a bill which differs in every row
// fits into memory.
func (c *reconcileCommand) print(e *environment, d channel.Difference) error {
	name := d.RefundID
	if name == "" {
		name = d.Billed.Number
	}
	if name == "" {
		name = d.Billed.ChannelRefundID
	}
	var has string
	if d.RefundID != "" {
		has = fmt.Sprintf(", %s %s here", d.State, d.Amount)
	}
	if d.Billed.Kind != "" {
		has += fmt.Sprintf(", %s %s in the bill", d.Billed.Kind, d.Billed.Amount)
	}
	if d.Note != "" {
		has += "; " + d.Note
	}
	_, err := fmt.Fprintf(e.out, "%-12s%s%s\n", d.Kind, harmless(name), harmless(has))
	return err
}

// sum says what came of it.
func (c *reconcileCommand) sum(e *environment, r channel.Reconciliation) {
	e.say("the bill of %s has %s refunds, %s agree", r.Day, strconv.FormatInt(r.Rows, 10), strconv.FormatInt(r.Agreed, 10))
	if count := r.Found[channel.DiffersAdopted]; count > 0 {
		e.say("%d refunds that the channel made were adopted", count)
	}
	if r.Differs() {
		e.say("something differs (hint: docs/reconcile.md says what each kind means)")
	}
}
