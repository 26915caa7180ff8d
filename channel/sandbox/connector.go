package sandbox

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/chinaums"
)

// connector is the sandbox as one account sees it. Its calls share the
// sandbox's commits with those of all other accounts.
type connector struct {
	channel.Basic
	box      *Sandbox
	account  string
	chinaums chinaums.Account
}

var _ channel.Connector = connector{}

// Open implements channel.Driver.
func (s *Sandbox) Open(account channel.Account) (channel.Connector, error) {
	return connector{box: s, account: account.ID, chinaums: chinaUMS(account)}, nil
}

// Rules implements channel.Driver: the sandbox has none. A merchant who asks
// for those of the real channels has them from its own settings.
func (*Sandbox) Rules(string) refund.Rules { return refund.Rules{} }

// Pace is the sandbox's settling time and back-off.
func (connector) Pace() refund.Pace {
	return refund.Pace{SettlingTime: settlingTime, First: firstWait, Longest: longestWait}
}

// Limits lets many calls share a commit.
func (connector) Limits() channel.Limits { return channel.Limits{Concurrent: maxCalls} }

// Capabilities implements channel.Connector.
func (connector) Capabilities() channel.Capabilities {
	return channel.Capabilities{Reroute: true, List: true, Bills: true}
}

// Submit asks for a refund; its amount chooses what happens.
func (c connector) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	sent := c.sends(i)
	outcome := c.box.do(ctx, call{refund.StepSubmit, i})
	outcome.Sent = sent
	return outcome
}

// Query asks what became of a refund.
func (c connector) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	return c.box.do(ctx, call{refund.StepQuery, i})
}

// Check implements channel.Connector: nothing can be wrong with a sandbox
// account but its books.
func (c connector) Check(ctx context.Context) []channel.Check {
	_, err := c.box.books.Bill(ctx, c.account, time.Time{}, time.Time{})
	if err != nil {
		err = fmt.Errorf("the sandbox's books did not answer: %w (hint: refundry doctor)", err)
	}
	return []channel.Check{{Name: "books", Err: err}}
}

// List implements channel.Connector. What only remembers that it was asked for is
// no refund.
func (c connector) List(ctx context.Context, ref channel.PaymentRef) ([]channel.Listed, error) {
	entries, err := c.box.books.OfPayment(ctx, c.account, ref.TransactionID)
	var listed []channel.Listed
	for _, e := range entries {
		if e.State != Absent {
			listed = append(listed, e.listed())
		}
	}
	return listed, err
}

// listed is an entry as lists and bills have it.
func (e *Entry) listed() channel.Listed {
	return channel.Listed{
		Number: e.Number, ChannelRefundID: e.ChannelID, TransactionID: e.TransactionID, Amount: e.Amount,
		Kind: e.says().Kind, MadeAt: e.CreatedAt, SucceededAt: e.SucceededAt,
	}
}

// Bill implements channel.Connector. The sandbox's day is a day of UTC by the
// account's clock.
func (c connector) Bill(ctx context.Context, day channel.BillDay) (channel.Bill, error) {
	entries, err := c.box.Bill(ctx, c.account, day.Day, day.Day.AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	return &bill{entries: entries}, nil
}

// bill is the bill of a sandbox account, which is small.
type bill struct{ entries []Entry }

// Next implements channel.Bill.
func (b *bill) Next() (channel.Listed, error) {
	if len(b.entries) == 0 {
		return channel.Listed{}, io.EOF
	}
	e := b.entries[0]
	b.entries = b.entries[1:]
	return e.listed(), nil
}

// Close implements channel.Bill.
func (*bill) Close() error { return nil }
