package main

import (
	"strconv"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
)

// alertCommand is refundry alert.
type alertCommand struct {
	List alertList `cmd:"" help:"List what somebody should look at, newest first."`
	Ack  alertAck  `cmd:"" help:"Say that you have looked at an alert."`
}

type alertList struct {
	databaseFlags
	merchantFlags
	jsonFlag
	limitFlag
	All   bool   `help:"List those that somebody has looked at, too."`
	After string `help:"Only those older than this alert." placeholder:"ALERT"`
}

func (c *alertList) Run(e *environment) error {
	if err := c.check(); err != nil {
		return err
	}
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	page := refund.Page{Limit: c.Limit}
	if c.After != "" {
		after, err := s.Alert(e, m.ID, c.After)
		if err != nil {
			return err
		}
		page.After = &refund.Position{CreatedAt: after.CreatedAt, ID: after.ID}
	}
	alerts, cut, err := s.Alerts(e, m.ID, c.All, page)
	if err != nil {
		return err
	}
	if cut {
		e.more(alerts[len(alerts)-1].ID)
	}
	header := []string{"ID", "LAST", "TIMES", "REFUND", "TEXT", "LOOKED AT BY"}
	return printList(e, c.JSON, alerts, native.AlertJSON, header, func(a refund.StoredAlert) []string {
		return []string{a.ID, when(a.LastAt), strconv.FormatInt(a.Times, 10), a.RefundID, a.Text, a.AckedBy.String()}
	})
}

type alertAck struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The alert's id."`
}

func (c *alertAck) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	a, err := desk.AckAlert(e, by, m.ID, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.AlertJSON(a))
	}
	e.say("%s has looked at alert %s", a.AckedBy, a.ID)
	return nil
}
