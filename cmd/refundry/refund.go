package main

import (
	"fmt"
	"strings"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
)

// refundCommand is refundry refund.
type refundCommand struct {
	Add  refundAdd  `cmd:"" help:"Ask for a refund; the running serve carries it out."`
	List refundList `cmd:"" help:"List refunds, newest first."`
	Get  refundGet  `cmd:"" help:"Show a refund with its attempts and transfers."`

	Trace refundTrace `cmd:"" help:"Show everything that happened to a refund: calls, notices, books, events, webhooks, alerts and what people did."`

	Cancel  refundCancel  `cmd:"" help:"Withdraw a refund that its channel was not told of."`
	Retry   refundRetry   `cmd:"" help:"Have an open refund looked at now."`
	Ask     refundAsk     `cmd:"" help:"Ask the refund's channel at once what became of it."`
	Replay  refundReplay  `cmd:"" help:"Send once more what endpoints were notified of about a refund: of each event the last delivery to each address."`
	Resolve refundResolve `cmd:"" help:"Say how an open refund ended, with proof; the books follow it."`
	Approve refundApprove `cmd:"" help:"Approve what a refund waits for: that it is sent, or that its end is corrected. Who asked may not."`
	Refuse  refundRefuse  `cmd:"" help:"Refuse what a refund waits for, with a reason."`
	Correct refundCorrect `cmd:"" help:"Ask a second person to correct a refund that has ended, with proof."`
	Reroute refundReroute `cmd:"" help:"Send a refund that the payer's account could not take elsewhere."`
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
		rows = append(rows, []string{"attempt " + when(a.At), attemptText(r, a)})
	}
	for _, t := range transfers {
		rows = append(rows, []string{"transfer " + when(t.At), fmt.Sprintf("%s %s: %s -> %s", t.Kind, t.Amount, t.From, t.To)})
	}
	return e.printTable([]string{"WHAT", "VALUE"}, rows)
}

// attemptText is an attempt in one line: what came of it, and behind that what was
// sent through which account, and who said it.
func attemptText(r refund.Refund, a refund.Attempt) string {
	text := strings.Join(strings.Fields(fmt.Sprintf("%s: %s %s %s %s", a.Source, a.Outcome, a.Code, a.Message, a.Note)), " ")
	var more []string
	if a.Source == refund.Operator { // whose proof is the message
		more = append(more, "proof given by "+a.Actor.String())
	} else if a.Actor != (audit.Actor{}) {
		more = append(more, "by "+a.Actor.String())
	}
	if a.Sent.AccountVersion != 0 {
		more = append(more, fmt.Sprintf("account %s version %d", r.ChannelAccount, a.Sent.AccountVersion))
	}
	if a.Times > 0 {
		more = append(more, fmt.Sprintf("%d times more, the last then", a.Times))
	}
	if a.Sent.Digest != "" {
		more = append(more, "sent sha256 "+a.Sent.Digest)
	}
	if a.Sent.UpstreamRequestID != "" {
		more = append(more, "request "+a.Sent.UpstreamRequestID)
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}
