package main

import (
	"context"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// disputeCommand is refundry dispute.
type disputeCommand struct {
	List disputeList `cmd:"" help:"List what channels said of payers' claims against charges, newest first."`
	Get  disputeGet  `cmd:"" aliases:"show" help:"Show a dispute: what is claimed, what it holds of its charge, and how it stands."`
}

type disputeList struct {
	pageFlags
	State   string `help:"Only those in this state: inquiry, open, funds_withdrawn, won, lost." enum:",inquiry,open,funds_withdrawn,won,lost" default:"" placeholder:"STATE"`
	Open    bool   `help:"Only those that are not decided yet: inquiry, open and funds_withdrawn."`
	Charge  string `help:"Only those of this charge, by its id or any name of it." placeholder:"NAME"`
	Account string `help:"Only those of this channel account." placeholder:"ID"`
}

func (c *disputeList) Run(e *environment) error {
	if c.Open && c.State != "" {
		return usageError{"give either --open or --state"}
	}
	return printPage(e, c.pageFlags, func(s *store.Store) listing[refund.Dispute] {
		return listing[refund.Dispute]{
			find: s.DisputeByID,
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]refund.Dispute, bool, error) {
				f := refund.DisputeFilter{MerchantID: merchantID, State: refund.DisputeState(c.State), Undecided: c.Open, ChannelAccount: c.Account, Page: page}
				if c.Charge != "" {
					id, err := s.ChargeIDByAny(ctx, merchantID, c.Charge)
					if err != nil {
						return nil, false, err
					}
					f.ChargeID = id
				}
				found, more, err := s.DisputeList(ctx, f)
				for _, d := range found {
					e.sayDamaged("dispute", d.ID, d.Unreadable)
				}
				return found, more, err
			},
			at:     func(d refund.Dispute) refund.Position { return refund.Position{CreatedAt: d.CreatedAt, ID: d.ID} },
			object: native.DisputeJSON,
			header: []string{"ID", "CHARGE", "STATE", "AMOUNT", "HELD", "REASON", "AT THE CHANNEL", "CREATED"},
			row: func(d refund.Dispute) []string {
				return []string{d.ID, d.ChargeID, disputeState(d), d.Amount.String(), heldOf(d), d.Reason, d.ChannelDisputeID, when(d.CreatedAt)}
			},
		}
	})
}

// disputeState is a dispute's state for people.
func disputeState(d refund.Dispute) string {
	if d.Unreadable {
		return "unreadable"
	}
	return string(d.State)
}

// heldOf is what a dispute holds of its charge. One in another currency than its charge
// holds nothing.
func heldOf(d refund.Dispute) string {
	return money.Amount{Minor: d.Held, Currency: d.Amount.Currency}.String()
}

type disputeGet struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The dispute's id, or the channel's."`
}

func (c *disputeGet) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	d, err := s.DisputeByID(e, m.ID, c.ID)
	if err != nil {
		return err
	}
	e.sayDamaged("dispute", d.ID, d.Unreadable)
	if c.JSON {
		return e.printJSON(native.DisputeJSON(d))
	}
	return e.printTable([]string{"WHAT", "VALUE"}, [][]string{
		{"id", d.ID},
		{"charge", d.ChargeID},
		{"channel account", d.ChannelAccount},
		{"channel's own id", d.ChannelDisputeID},
		{"state", disputeState(d)},
		{"amount", d.Amount.String()},
		{"held of the charge", heldOf(d)},
		{"reason", d.Reason},
		{"so since", when(d.ChannelAt)},
		{"created", when(d.CreatedAt)},
		{"updated", when(d.UpdatedAt)},
		{"closed", when(d.ClosedAt)},
	})
}
