package admin_test

import (
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// press is a driver whose bills are made until a test lets them end.
type press struct {
	*till
	making  chan struct{}
	release chan struct{}
}

func (d press) Open(a channel.Account) (channel.Connector, error) {
	base, err := d.till.Open(a)
	return pressConnector{base, d}, err
}

type pressConnector struct {
	channel.Connector
	press press
}

func (c pressConnector) Bill(context.Context, channel.BillDay) (channel.Bill, error) {
	c.press.making <- struct{}{}
	<-c.press.release
	return nil, channel.ErrBillNotReady
}

// One of an account and two of a merchant are reconciled at once, from before their
// bills are downloaded; the others are told to come again, and may once one has ended.
func TestReconciliationsTakeTurns(t *testing.T) {
	atBranch(t, 3, nil, func(t *testing.T, b *branch) {
		d := press{b.till, make(chan struct{}), make(chan struct{})}
		now := func() time.Time { return b.now }
		channels := channel.NewConnectors(map[string]channel.Driver{"till": d}, channel.ConnectorsOptions{Accounts: b.store.ChannelAccount, Now: now})
		desk := admin.New(admin.Services{Store: b.store, Channels: channels, Now: now})
		reconcile := func(n int) refund.Kind {
			_, err := desk.Reconcile(t.Context(), root, b.live, admin.BillToReconcile{Account: b.accounts[n], Date: "2026-11-01"}, nil)
			return refund.KindOf(err)
		}
		ended := make(chan refund.Kind)
		begin := func(n int) {
			t.Helper()
			go func() { ended <- reconcile(n) }()
			select {
			case <-d.making:
			case kind := <-ended:
				t.Fatalf("account %d is refused: %s", n, kind)
			}
		}
		end := func() {
			t.Helper()
			d.release <- struct{}{}
			if kind := <-ended; kind != refund.KindStateConflict { // the bill is not ready
				t.Errorf("ended as %s", kind)
			}
		}
		begin(0)
		if kind := reconcile(0); kind != refund.KindBusy {
			t.Errorf("the same account at once: %s", kind)
		}
		begin(1)
		if kind := reconcile(2); kind != refund.KindBusy {
			t.Errorf("a third account of the merchant: %s", kind)
		}
		end()
		begin(2)
		end()
		end()
		begin(0)
		end()
	})
}
