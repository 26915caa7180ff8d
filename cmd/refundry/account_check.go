package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/dialect/native"
)

type accountCheck struct {
	accountFlags
	ID    string `arg:"" help:"The account's id."`
	Since string `help:"Ask the channel what it has done since this time, such as that of the backup that was restored: RFC 3339, or restore for the newest that this database knew." placeholder:"TIME"`
}

// checkRow is one thing that a check looked at.
type checkRow struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem"`
}

func (c *accountCheck) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	if c.Since != "" {
		return c.ask(e, d)
	}
	found, err := d.CheckAccount(e, d.merchant.ID, c.ID)
	if err != nil {
		return err
	}
	failed := false
	rows := make([]checkRow, len(found))
	for n, check := range found {
		rows[n] = checkRow{Name: check.Name, OK: check.Err == nil}
		if check.Err != nil {
			failed, rows[n].Problem = true, told(check.Err)
		}
	}
	err = printList(e, c.JSON, rows, func(r checkRow) checkRow { return r }, []string{"CHECK", "RESULT"}, func(r checkRow) []string {
		if r.OK {
			return []string{r.Name, "ok"}
		}
		return []string{r.Name, r.Problem}
	})
	if failed {
		err = errors.Join(err, errTold)
	}
	return err
}

// sinceRestore stands for the time from which an account has to be asked.
const sinceRestore = "restore"

// ask asks the channel what it has done.
func (c *accountCheck) ask(e *environment, d *desk) error {
	var since time.Time
	if c.Since != sinceRestore {
		var err error
		if since, err = time.Parse(time.RFC3339, c.Since); err != nil {
			return usageError{"--since takes a time such as 2026-11-22T10:00:00Z, or restore"}
		}
	}
	found, err := d.AskAccount(e, d.by, d.merchant.ID, c.ID, since, nil)
	if found.Asked == 0 && err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return errors.Join(e.printJSON(native.ComparisonJSON(found)), err)
	}
	return errors.Join(c.printComparison(e, found), err)
}

func (c *accountCheck) printComparison(e *environment, found channel.Comparison) error {
	rows := [][]string{
		{"payments or bills asked about", strconv.Itoa(found.Asked)},
		{"refunds known", strconv.Itoa(found.Known)},
		{"recorded as the channel has them", strconv.Itoa(found.Recorded)},
		{"adopted", strconv.Itoa(len(found.Adopted))},
		{"kept in the inbox", strconv.Itoa(found.Kept)},
		{"not ended at the channel", strconv.Itoa(len(found.Open))},
	}
	for _, r := range found.Adopted {
		rows = append(rows, []string{"adopted " + r.ID, amountText(r.Amount, r.Currency) + " of charge " + r.ChargeID})
	}
	for _, id := range found.Alike {
		e.say("refund %s waits to be sent, and one of the same charge and amount was adopted: look whether it is the same, and cancel it then (hint: refundry refund cancel %s)", id, id)
	}
	return e.printTable([]string{"WHAT", "VALUE"}, rows)
}
