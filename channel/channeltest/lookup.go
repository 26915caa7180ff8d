package channeltest

import (
	"context"
	"errors"
	"io"
	"regexp"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// anyNumber is a form that every known channel can carry.
var anyNumber = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// maxTries is how many tries' numbers are looked at; two are rarely needed.
const maxTries = 8

func number(t *testing.T, p Peer, _ channel.Instruction) {
	form := p.Number
	if form == nil {
		form = anyNumber
	}
	seen := make(map[string]bool)
	for range 50 {
		id := "re_" + refund.NewID(time.Now())
		for try := range maxTries {
			made := p.Connector.Number(id, try)
			switch {
			case !form.MatchString(made):
				t.Errorf("number %q of refund %s, try %d, is not of the form %s", made, id, try, form)
			case seen[made]:
				t.Errorf("number %q was made twice", made)
			case made != p.Connector.Number(id, try):
				t.Errorf("refund %s, try %d, has another number each time", id, try)
			}
			seen[made] = true
		}
	}
}

// incapable: what Capabilities leaves out answers with ErrUnsupported, and a
// reroute is refused.
func incapable(t *testing.T, p Peer, i channel.Instruction) {
	can := p.Connector.Capabilities()
	if !can.Reroute {
		p.expect(t, p.Connector.Reroute(t.Context(), i, channel.Destination{Kind: channel.ToMerchant}), refund.OutcomeRefused)
	}
	var err error
	if !can.Charges {
		if _, err = p.Connector.Charge(t.Context(), ref(i)); !errors.Is(err, channel.ErrUnsupported) {
			t.Errorf("a payment is looked up: %v", err)
		}
	}
	if !can.List {
		if _, err = p.Connector.List(t.Context(), ref(i)); !errors.Is(err, channel.ErrUnsupported) {
			t.Errorf("refunds are listed: %v", err)
		}
	}
	if !can.Bills {
		if _, err = p.Connector.Bill(t.Context(), channel.BillDay{}); !errors.Is(err, channel.ErrUnsupported) {
			t.Errorf("a bill is opened: %v", err)
		}
	}
	p.moved(t, i, 0)
}

func ref(i channel.Instruction) channel.PaymentRef {
	return channel.PaymentRef{TransactionID: i.TransactionID, OrderNo: i.Charge.OrderNo, Charge: i.Charge}
}

func listed(t *testing.T, p Peer, i channel.Instruction) {
	if !p.Connector.Capabilities().List {
		return
	}
	p.Connector.Submit(t.Context(), i)
	asked := p.Connector.Query(t.Context(), i)
	list, err := p.Connector.List(t.Context(), ref(i))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, one := range list {
		if one.Number != i.Number && one.ChannelRefundID != asked.ChannelRefundID {
			continue
		}
		found++
		if one.Amount != i.Amount || one.Kind != asked.Kind {
			t.Errorf("listed %+v, a query says %s of %+v", one, asked.Kind, i.Amount)
		}
	}
	if found != 1 {
		t.Errorf("the refund is listed %d times", found)
	}
}

// listedNone: that nothing is listed is an answer, and one that proves something.
func listedNone(t *testing.T, p Peer, i channel.Instruction) {
	if !p.Connector.Capabilities().List {
		return
	}
	list, err := p.Connector.List(t.Context(), ref(i))
	if err != nil && !errors.Is(err, channel.ErrNotFound) {
		t.Fatal(err)
	}
	for _, one := range list {
		if one.Number == i.Number {
			t.Errorf("listed %+v, which was not submitted", one)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, err := p.Connector.List(ctx, ref(i)); err == nil && len(list) > 0 {
		t.Errorf("after its context had ended it listed %+v", list)
	}
}

func billed(t *testing.T, p Peer, i channel.Instruction) {
	if !p.Connector.Capabilities().Bills {
		return
	}
	p.Connector.Submit(t.Context(), i)
	day := p.Day(t)
	bill, err := p.Connector.Bill(t.Context(), day)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := bill.Close(); err != nil {
			t.Error(err)
		}
	}()
	found := 0
	for {
		row, err := bill.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if row.Number == i.Number {
			found++
			if row.Amount != i.Amount || row.ChannelRefundID == "" && !p.WithoutIDs || row.SucceededAt.IsZero() {
				t.Errorf("billed %+v", row)
			}
		}
	}
	if found != 1 {
		t.Errorf("the refund is on the bill %d times", found)
	}
	if _, err := p.Connector.Bill(t.Context(), channel.BillDay{Day: day.Day.AddDate(1, 0, 0)}); err != nil && !errors.Is(err, channel.ErrBillNotReady) {
		t.Errorf("a bill of a day to come is %v, want ErrBillNotReady or an empty bill", err)
	}
}
