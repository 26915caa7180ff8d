package wechatpay_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/reconcile"
	"github.com/refundry/refundry/refund"
)

// books are ours of the fake's account: the refunds R1 and R2, of which R2 has another
// amount than the platform's.
type books struct {
	*testing.T
	accepted time.Time
	compared []channel.Listed
}

func (b *books) booked(number string) (refund.Booked, bool) {
	amount := map[string]money.Minor{"R1": 100, "R2": 99, "R9": 100}[number]
	return refund.Booked{
		ID: "re_" + number, ChargeID: "ch_1", ChannelNumber: number, Amount: money.Amount{Minor: amount, Currency: "CNY"}, State: refund.Succeeded,
		FirstSubmittedAt: b.accepted, SubmittedAt: b.accepted, SucceededAt: b.accepted.Add(48 * time.Hour),
	}, amount != 0
}

func (b *books) BookedByName(_ context.Context, _ refund.AccountKey, names []refund.BillName) (map[int]refund.Booked, error) {
	out := make(map[int]refund.Booked)
	for n, name := range names {
		if one, known := b.booked(name.Number); known {
			out[n] = one
		}
	}
	return out, nil
}

func (b *books) Succeeded(_ context.Context, _ refund.AccountKey, _, to time.Time, after refund.Booked, _ int) (all []refund.Booked, err error) {
	for _, number := range []string{"R1", "R2", "R9"} {
		if one, _ := b.booked(number); one.ID > after.ID && one.SucceededAt.Before(to) {
			all = append(all, one)
		}
	}
	return all, nil
}

func (b *books) Refund(_ context.Context, merchantID, id string) (refund.Refund, error) {
	one, _ := b.booked(id[len("re_"):])
	return refund.Refund{
		MerchantID: merchantID, ID: id, ChargeID: one.ChargeID, State: one.State, Amount: one.Amount.Minor, Currency: one.Amount.Currency, ChannelNumber: one.ChannelNumber, ChannelAccount: "wechatpay_1",
	}, nil
}

func (*books) Charge(_ context.Context, merchantID, id string) (refund.Charge, error) {
	return refund.Charge{MerchantID: merchantID, ID: id, OrderNo: orderNo, TransactionID: transactionID, Amount: 1000, Currency: "CNY"}, nil
}

func (b *books) NoticeMatch(context.Context, string, refund.Noticed) (refund.NoticeMatch, error) {
	c, err := b.Charge(b.Context(), "m", "ch_1")
	return refund.NoticeMatch{Charge: c}, err
}

func (b *books) Compare(_ context.Context, _ string, listed []channel.Listed, _ time.Time, _ refund.Cause) (channel.Comparison, error) {
	b.compared = append(b.compared, listed...)
	return channel.Comparison{Adopted: []refund.Refund{{ID: "re_" + listed[0].Number}}}, nil
}

func (*books) Notify(context.Context, string, []channel.Notified) error { return nil }

// The bill of a day of Beijing, as the platform sends it, is compared with our books:
// the refund that was made on the platform's pages is adopted by the answer to a query.
func TestABillOfWeChatPaysIsReconciled(t *testing.T) {
	beijing := time.FixedZone("UTC+8", 8*60*60)
	day := time.Now().In(beijing).AddDate(0, 0, -5)
	date := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, beijing)
	run := func(t *testing.T, change func(*fake)) (b *books, found channel.Reconciliation, differences []string, err error) {
		f := newFake(t, mchID, "")
		f.billDay = date.Format(time.DateOnly)
		connector := f.open(f.account(nil))
		for _, number := range []string{"R1", "R2", "R3"} {
			connector.Submit(t.Context(), instruction(number))
		}
		change(f)
		b = &books{T: t, accepted: date.Add(10 * time.Hour)}
		bill, err := connector.Bill(t.Context(), channel.BillDay{Day: date})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = bill.Close() }()
		found, err = reconcile.New(b, b, t.TempDir()).Reconcile(t.Context(), channel.ReconcileTask{
			Account: merchant.ChannelAccount{ID: "wechatpay_1", MerchantID: "m"}, Connector: connector, Day: channel.BillDay{Day: date}, Bill: bill, Now: time.Now,
			Each: func(d channel.Difference) error {
				differences = append(differences, string(d.Kind)+" "+d.RefundID)
				return nil
			},
		})
		slices.Sort(differences)
		return b, found, differences, err
	}
	b, found, differences, err := run(t, func(*fake) {})
	want := []string{"adopted re_R3", "amount re_R2", "missing re_R9"}
	if err != nil || found.Rows != 3 || found.Agreed != 1 || !slices.Equal(differences, want) {
		t.Errorf("%+v, %q, %v", found, differences, err)
	}
	if len(b.compared) != 1 || b.compared[0].Number != "R3" || b.compared[0].Kind != refund.OutcomeDone || b.compared[0].SucceededAt.IsZero() || b.compared[0].ChannelRefundID == "" {
		t.Errorf("adopted %+v", b.compared)
	}
	// A bill that is not what the platform announced is known by its end, and nothing
	// is adopted from what came before.
	for name, change := range map[string]func(*fake){
		"another hash": func(f *fake) { f.always["bill"] = "lies" }, "broken off": func(f *fake) { f.always["rows"] = "half" },
	} {
		if b, _, differences, err := run(t, change); err == nil || errors.Is(err, context.Canceled) || len(differences) != 0 || len(b.compared) != 0 {
			t.Errorf("%s: compared %v, %q, %v", name, b.compared, differences, err)
		}
	}
}
