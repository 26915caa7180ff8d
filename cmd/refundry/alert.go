package main

import (
	"context"
	"strconv"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// alertCommand is refundry alert.
type alertCommand struct {
	List alertList `cmd:"" help:"List what somebody should look at, newest first."`
	Ack  alertAck  `cmd:"" help:"Say that you have looked at an alert."`
}

type alertList struct {
	pageFlags
	All bool `help:"List those that somebody has looked at, too."`
}

func (c *alertList) Run(e *environment) error {
	return printPage(e, c.pageFlags, func(s *store.Store) listing[refund.StoredAlert] {
		return listing[refund.StoredAlert]{
			find: s.Alert,
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]refund.StoredAlert, bool, error) {
				return s.Alerts(ctx, merchantID, c.All, page)
			},
			at:     func(a refund.StoredAlert) refund.Position { return refund.Position{CreatedAt: a.CreatedAt, ID: a.ID} },
			object: native.AlertJSON,
			header: []string{"ID", "LAST", "TIMES", "REFUND", "TEXT", "LOOKED AT BY"},
			row: func(a refund.StoredAlert) []string {
				return []string{a.ID, when(a.LastAt), strconv.FormatInt(a.Times, 10), a.RefundID, a.Text, a.AckedBy.String()}
			},
		}
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
