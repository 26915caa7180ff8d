package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// content is a notice as JSON.
type content struct {
	Outcome     refund.OutcomeKind `json:"outcome"`
	ChannelID   string             `json:"channel_id"`
	Amount      money.Minor        `json:"amount"`
	SucceededAt time.Time          `json:"succeeded_at,omitzero"`
	Code        string             `json:"code,omitempty"`
	Message     string             `json:"message,omitempty"`
}

// notify leaves a notice on the page. which tells the notices of one refund
// apart and sorts those of the same time.
func (p *page) notify(e Entry, which string, o refund.Outcome) {
	c := content{
		Outcome: o.Kind, ChannelID: o.ChannelRefundID, SucceededAt: o.SucceededAt, Code: o.Code, Message: o.Message,
	}
	if o.Amount != nil {
		c.Amount = *o.Amount
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("sandbox: a notice is no JSON: " + err.Error()) // texts and numbers always are
	}
	p.notices = append(p.notices, Notice{
		ID: e.Account + "/" + e.Number + "/" + which, Account: e.Account, Number: e.Number, Content: text, CreatedAt: p.now,
	})
}

// Notices returns what the sandbox has to say, oldest first, until it is
// acknowledged.
func (s *Sandbox) Notices(ctx context.Context, limit int) ([]channel.PendingNotice, error) {
	notices, err := s.books.Notices(ctx, limit)
	if err != nil {
		return nil, fmt.Errorf("read the sandbox's notices: %w", err)
	}
	out := make([]channel.PendingNotice, 0, len(notices))
	for _, n := range notices {
		var c content
		if err := json.Unmarshal(n.Content, &c); err != nil {
			// One notice that can't be read says nothing: the refund is asked for.
			s.opts.Log.Error("a notice of the sandbox can't be read", "notice_id", n.ID, "error", err)
			c = content{Outcome: refund.OutcomeUnknown, Code: "UNREADABLE"}
		}
		outcome := refund.Outcome{
			Kind: c.Outcome, Source: refund.Notice, ChannelRefundID: c.ChannelID,
			SucceededAt: c.SucceededAt, Code: c.Code, Message: c.Message,
		}
		if c.Amount != 0 {
			outcome.Amount = &c.Amount
		}
		out = append(out, channel.PendingNotice{
			ID: n.ID, Notified: channel.Notified{Account: n.Account, Noticed: refund.Noticed{Number: n.Number, Outcome: outcome}},
		})
	}
	return out, nil
}

// Acknowledge ends notices; those that are gone already are no error.
func (s *Sandbox) Acknowledge(ctx context.Context, ids []string) error {
	if err := s.books.DropNotices(ctx, ids); err != nil {
		return fmt.Errorf("end the sandbox's notices: %w", err)
	}
	return nil
}
