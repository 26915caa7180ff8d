package main

import (
	"context"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// approvalCommand is refundry approval.
type approvalCommand struct {
	List approvalList `cmd:"" help:"List what waits for a second person, or did, newest first."`
}

type approvalList struct {
	pageFlags
	State  string `help:"Only those in this state: waiting, approved, refused, expired, withdrawn or overtaken; default all." enum:",waiting,approved,refused,expired,withdrawn,overtaken" default:"" placeholder:"STATE"`
	Kind   string `help:"Only refunds to send, or only corrections: send or correct; default both." enum:",send,correct" default:"" placeholder:"KIND"`
	Refund string `help:"Only those of this refund, by any of its numbers; default all." placeholder:"REFUND"`
}

func (c *approvalList) Run(e *environment) error {
	return printPage(e, c.pageFlags, func(s *store.Store) listing[admin.Question] {
		return listing[admin.Question]{
			find: func(ctx context.Context, merchantID, id string) (admin.Question, error) {
				found, err := s.ApprovalByID(ctx, merchantID, id)
				return admin.Question{Approval: found}, err
			},
			read: func(ctx context.Context, merchantID string, page refund.Page) ([]admin.Question, bool, error) {
				desk, _, err := e.admin(s)
				if err != nil {
					return nil, false, err
				}
				return desk.Approvals(ctx, refund.ApprovalFilter{
					MerchantID: merchantID, State: refund.ApprovalState(c.State), Kind: refund.ApprovalKind(c.Kind), RefundID: c.Refund, Page: page,
				})
			},
			at:     func(q admin.Question) refund.Position { return refund.Position{CreatedAt: q.CreatedAt, ID: q.ID} },
			object: native.ApprovalJSON,
			header: []string{"REFUND", "KIND", "STATE", "AMOUNT", "CHARGE", "ACCOUNT", "WHY", "ASKED BY", "UNTIL", "DECIDED BY", "NOTE"},
			row: func(q admin.Question) []string {
				return []string{
					q.RefundID, string(q.Kind), string(q.State), amountText(q.Refund.Amount, q.Refund.Currency), q.Refund.ChargeID, q.Refund.ChannelAccount,
					q.Why, q.Requester.String(), when(q.ExpiresAt), q.DecidedBy.String(), q.Note,
				}
			},
		}
	})
}

// refundApprove is refundry refund approve.
type refundApprove struct {
	refundFlags
	Digest string `help:"Approve only what has this digest, as approval list --json shows it; default what waits now." placeholder:"DIGEST"`
	Note   string `help:"Why." placeholder:"TEXT" describes:""`
}

func (c *refundApprove) Run(e *environment) error {
	return c.change(e, func(ctx context.Context, desk *admin.Admin, by admin.By, merchantID string) (refund.Refund, error) {
		return desk.Approve(ctx, by, merchantID, c.ID, admin.Approving{Digest: c.Digest, Note: c.Note})
	})
}

// refundRefuse is refundry refund refuse.
type refundRefuse struct {
	refundFlags
	Reason string `help:"Why; whoever asked is shown it." required:"" placeholder:"TEXT"`
}

func (c *refundRefuse) Run(e *environment) error {
	return c.change(e, func(ctx context.Context, desk *admin.Admin, by admin.By, merchantID string) (refund.Refund, error) {
		return desk.Refuse(ctx, by, merchantID, c.ID, admin.Approving{Note: c.Reason})
	})
}

// refundCorrect is refundry refund correct.
type refundCorrect struct {
	refundFlags
	State string `help:"How it ended in truth: succeeded or failed." enum:"succeeded,failed" required:"" placeholder:"STATE"`
	Proof string `help:"Where that is known from, such as a line of the bank's statement; it is kept with the refund." required:"" placeholder:"TEXT"`
}

func (c *refundCorrect) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	asked, err := desk.AskCorrection(e, by, m.ID, c.ID, admin.Resolution{State: refund.State(c.State), Proof: c.Proof})
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(native.ApprovalJSON(asked))
	}
	e.say("refund %s is to be corrected to %s: until %s somebody else may confirm it (refundry refund approve %s)", asked.RefundID, asked.To, when(asked.ExpiresAt), asked.RefundID)
	return nil
}
