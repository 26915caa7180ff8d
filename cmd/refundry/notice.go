package main

import (
	"context"
	"strconv"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// noticeCommand is refundry notice.
type noticeCommand struct {
	List  noticeList  `cmd:"" help:"List notices of channels that named no refund of ours when they came, newest first."`
	Get   noticeGet   `cmd:"" help:"Show a notice: what it says and why it stands where it does."`
	Retry noticeRetry `cmd:"" help:"Look again for what a notice is about."`
}

type noticeList struct {
	pageFlags
	State        string `help:"Only those in this state: waiting, set_aside, matched, adopted, refused." enum:",waiting,set_aside,matched,adopted,refused" default:"" placeholder:"STATE"`
	Installation bool   `help:"List what came for no account of any merchant instead."`
}

func (c *noticeList) Run(e *environment) error {
	whose := func(merchantID string) string {
		if c.Installation {
			return ""
		}
		return merchantID
	}
	return printPage(e, c.pageFlags, func(s *store.Store) listing[refund.KeptNotice] {
		return listing[refund.KeptNotice]{
			find: func(ctx context.Context, merchantID, id string) (refund.KeptNotice, error) {
				return s.Notice(ctx, whose(merchantID), id)
			},
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]refund.KeptNotice, bool, error) {
				return s.Notices(ctx, whose(merchantID), refund.NoticeState(c.State), page)
			},
			at:     func(n refund.KeptNotice) refund.Position { return refund.Position{CreatedAt: n.ReceivedAt, ID: n.ID} },
			object: native.NoticeJSON,
			header: []string{"ID", "ACCOUNT", "STATE", "RECEIVED", "TIMES", "NUMBER", "PAYMENT", "NOTE"},
			row: func(n refund.KeptNotice) []string {
				return []string{n.ID, n.Account, string(n.State), when(n.ReceivedAt), strconv.FormatInt(n.Times, 10), n.Noticed.Number, n.Noticed.TransactionID, n.Note}
			},
		}
	})
}

type noticeGet struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The notice's id."`
}

func (c *noticeGet) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	n, err := s.Notice(e, m.ID, c.ID)
	if refund.KindOf(err) == refund.KindNotFound && err != nil {
		n, err = s.Notice(e, "", c.ID) // for no account of ours
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.NoticeJSON(n))
	}
	says := n.Noticed
	amount := ""
	if says.Outcome.Amount != nil {
		amount = money.Amount{Minor: *says.Outcome.Amount, Currency: says.Currency}.String()
	}
	rows := [][]string{
		{"id", n.ID},
		{"account", n.Account},
		{"channel", n.Channel},
		{"state", string(n.State)},
		{"note", n.Note},
		{"refund", n.RefundID},
		{"received", when(n.ReceivedAt)},
		{"times", strconv.FormatInt(n.Times, 10)},
		{"tries", strconv.FormatInt(n.Tries, 10)},
		{"next try", when(n.DueAt)},
		{"says", string(says.Outcome.Kind)},
		{"number", says.Number},
		{"channel's own id", says.Outcome.ChannelRefundID},
		{"payment", says.TransactionID},
		{"order number", says.OrderNo},
		{"amount", amount},
		{"succeeded", when(says.Outcome.SucceededAt)},
		{"message", says.Outcome.Message},
		{"text", n.Text},
	}
	return e.printTable([]string{"WHAT", "VALUE"}, rows)
}

type noticeRetry struct {
	accountFlags
	ID string `arg:"" help:"The notice's id."`
}

func (c *noticeRetry) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	n, err := d.RetryNotice(e, d.by, d.merchant.ID, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.NoticeJSON(n))
	}
	switch n.State {
	case refund.NoticeMatched, refund.NoticeAdopted:
		e.say("notice %s is %s: it is about refund %s", n.ID, n.State, n.RefundID)
	default:
		e.say("notice %s is still %s: %s", n.ID, n.State, n.Note)
	}
	return nil
}
