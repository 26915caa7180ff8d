package admin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/manual"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// till is a driver of which each account knows payments.
type till struct {
	manual.Driver
	mu sync.Mutex
	// know answers, by an account's setting and the number that is asked for.
	know  func(at, number string) (channel.Payment, error)
	asked int
	// lists says that the accounts can list refunds.
	lists bool
}

func (*till) Settings() []merchant.Setting {
	return []merchant.Setting{{Name: "at", Whose: true, Meaning: "which"}}
}

func (d *till) Open(a channel.Account) (channel.Connector, error) {
	base, err := d.Driver.Open(a)
	return tillConnector{base, d, a.Settings["at"]}, err
}

func (d *till) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

type tillConnector struct {
	channel.Connector
	till *till
	at   string
}

func (c tillConnector) Capabilities() channel.Capabilities {
	return channel.Capabilities{Charges: true, List: c.till.lists}
}

func (c tillConnector) Charge(ctx context.Context, ref channel.PaymentRef) (channel.Payment, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return channel.Payment{}, errors.New("the look-up has no deadline")
	}
	c.till.mu.Lock()
	c.till.asked++
	c.till.mu.Unlock()
	return c.till.know(c.at, "t:"+ref.TransactionID+" o:"+ref.OrderNo+" s:"+ref.Charge.Detail.SubMerchant)
}

// counter is an engine that counts what tills have refunded.
type counter struct {
	admin.Engine
	err     error
	counted []money.Minor
}

func (e *counter) CountRefunded(_ context.Context, c refund.Charge, p channel.Payment) (refund.Charge, error) {
	e.counted = append(e.counted, p.Refunded)
	c.Refunded, c.Aliases = p.Refunded, nil
	return c, e.err
}

// branch is an office whose live merchant has accounts at tills.
type branch struct {
	*office
	till     *till
	engine   *counter
	accounts []string
}

func (b *branch) find(ctx context.Context, w admin.WantedPayment) (refund.Charge, error) {
	if w.Names == nil {
		w.Names = func(c refund.Charge) refund.Charge { return c }
	}
	return b.FindPayment(ctx, root, b.live, w)
}

func atBranch(t *testing.T, accounts int, know func(at, number string) (channel.Payment, error), test func(t *testing.T, b *branch)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		b := &branch{office: &office{store: s, now: time.Now().UTC().Truncate(time.Microsecond)}, till: &till{know: know}, engine: &counter{}}
		now := func() time.Time { return b.now }
		channels := channel.NewConnectors(map[string]channel.Driver{"till": b.till, merchant.ChannelManual: manual.Driver{}}, channel.ConnectorsOptions{Accounts: s.ChannelAccount, Now: now})
		b.Admin = admin.New(admin.Services{Store: s, Engine: b.engine, Channels: channels, Now: now})
		fresh, err := merchant.NewFresh("shop", merchant.Live, nil, nil, b.now)
		if err == nil {
			err = s.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID))
		}
		if err != nil {
			t.Fatal(err)
		}
		b.live = fresh.Merchant.ID
		for n := range accounts {
			a := b.add(t, admin.NewAccount{Channel: "till", Takes: []string{fmt.Sprintf("way%d", n)}, Settings: map[string]string{"at": fmt.Sprint(n)}})
			b.accounts = append(b.accounts, a.ID)
			b.now = b.now.Add(time.Second)
		}
		test(t, b)
	})
}

func paid(transaction string) channel.Payment {
	return channel.Payment{TransactionID: transaction, OrderNo: "order " + transaction, Amount: money.Amount{Minor: 1000, Currency: "CNY"}, Paid: true}
}

func TestAPaymentThatIsNotRegisteredIsFoundAtItsAccount(t *testing.T) {
	know := func(at, number string) (channel.Payment, error) {
		switch {
		case at == "1" && number == "t:42 o: s:sub":
			p := paid("42")
			p.Refunded, p.Channel = 300, "wx_pub"
			return p, nil
		case at == "1" && number == "t: o:T43 s:":
			p := paid("43")
			p.RefundedUnknown = true
			return p, nil
		case number == "t:44 o: s:":
			return channel.Payment{TransactionID: "44", Amount: paid("44").Amount}, nil // not paid
		}
		return channel.Payment{}, channel.ErrNotFound
	}
	atBranch(t, 3, know, func(t *testing.T, b *branch) {
		c, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "42", OrderNo: "42", SubMerchant: "sub"})
		if err != nil {
			t.Fatal(err)
		}
		if c.ChannelAccount != b.accounts[1] || c.Channel != "wx_pub" || c.TransactionID != "42" || c.OrderNo != "order 42" || c.Amount != 1000 ||
			c.AlreadyRefunded != 300 || c.Refunded != 300 || c.Detail.SubMerchant != "sub" || !c.Detail.LookedUp || c.VerifiedAt.IsZero() || c.PaidAt.IsZero() {
			t.Errorf("found %+v", c)
		}
		other, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "T43", OrderNo: "T43"})
		if err != nil || other.Channel != "way1" || !other.VerifiedAt.IsZero() || other.Refunded != 0 {
			t.Errorf("found %+v, %v", other, err)
		}
		for name, w := range map[string]admin.WantedPayment{
			"not paid": {TransactionID: "44"}, "of no channel here": {TransactionID: "42", Channel: "wechatpay"}, "no number": {},
			"too long": {OrderNo: strings.Repeat("1", 65)}, "with a blank": {OrderNo: "1 2"},
		} {
			before := b.till.count()
			_, err := b.find(t.Context(), w)
			if refund.KindOf(err) != refund.KindChargeNotFound || err == nil {
				t.Errorf("%s: %v", name, err)
			}
			if asked := b.till.count() - before; name != "not paid" && asked != 0 {
				t.Errorf("%s: %d calls", name, asked)
			}
		}
		if got, want := b.records(t)[len(b.accounts):], 2; len(got) != want || !strings.HasPrefix(got[0], "charge.find") || !strings.Contains(got[0], b.accounts[1]) {
			t.Errorf("records %q", got)
		}
	})
}

func TestANumberThatNobodyKnowsIsNotAskedForAgainAndAgain(t *testing.T) {
	know := func(string, string) (channel.Payment, error) { return channel.Payment{}, channel.ErrNotFound }
	atBranch(t, 1, know, func(t *testing.T, b *branch) {
		for range 10 {
			if _, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "1"}); refund.KindOf(err) != refund.KindChargeNotFound {
				t.Fatal(err)
			}
		}
		if n := b.till.count(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		b.now = b.now.Add(time.Minute)
		if _, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "1"}); refund.KindOf(err) != refund.KindChargeNotFound || b.till.count() != 2 {
			t.Errorf("a minute later: %v, asked %d times", err, b.till.count())
		}
		// Numbers that are tried out are no longer asked for, and not said to be unknown.
		busy := 0
		for n := range 100 {
			if _, err := b.find(t.Context(), admin.WantedPayment{TransactionID: fmt.Sprint("x", n)}); refund.KindOf(err) == refund.KindBusy {
				busy++
			}
		}
		if asked := b.till.count() - 2; asked < 10 || asked > 30 || busy != 100-asked {
			t.Errorf("of 100 numbers %d were asked for, and %d answered as busy", asked, busy)
		}
	})
}

func TestAnAccountThatDoesNotAnswerIsNoAnswer(t *testing.T) {
	down := true
	know := func(at, number string) (channel.Payment, error) {
		switch {
		case at == "0" && number == "t:panic o: s:":
			panic("broken")
		case at == "0" && down:
			return channel.Payment{}, errors.New("no answer")
		case at == "1" && number == "t:42 o: s:":
			return paid("42"), nil
		case number == "t:0 o: s:":
			return channel.Payment{TransactionID: "0", Paid: true}, nil // of no amount
		}
		return channel.Payment{}, channel.ErrNotFound
	}
	atBranch(t, 2, know, func(t *testing.T, b *branch) {
		down = true
		if c, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "42"}); err != nil || c.ChannelAccount != b.accounts[1] {
			t.Errorf("the account that knows it answers: %+v, %v", c, err)
		}
		for _, number := range []string{"41", "panic", "0"} {
			if _, err := b.find(t.Context(), admin.WantedPayment{TransactionID: number}); refund.KindOf(err) != refund.KindBusy {
				t.Errorf("%s: %v", number, err)
			}
		}
		down = false
		if _, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "41"}); refund.KindOf(err) != refund.KindChargeNotFound {
			t.Errorf("what had no answer is asked for again: %v", err)
		}
	})
}

// Who waited for the slowest account would choose the other payment tomorrow.
func TestAnOrderThatWasPaidTwiceNamesNoPayment(t *testing.T) {
	silent := ""
	know := func(at, number string) (channel.Payment, error) {
		switch {
		case at == silent:
			return channel.Payment{}, errors.New("no answer")
		case number == "t: o:ORDER7 s:", number == "t:UMS7 o: s:" && at == "1", number == "t: o:HERE s:" && at == "1":
			p := paid("tx-at-" + at)
			p.OrderNo = "ORDER7"
			if number == "t:UMS7 o: s:" { // a channel that takes the order's number for the payment's
				p.OrderNo = "UMS7"
			}
			return p, nil
		case number == "t: o:UMS7 s:" && at == "0":
			return paid("tx-at-0"), nil
		case number == "t: o:HERE s:" && at == "0":
			return channel.Payment{TransactionID: "tx-at-0", Amount: paid("").Amount}, nil // tried, and not paid
		}
		return channel.Payment{}, channel.ErrNotFound
	}
	atBranch(t, 3, know, func(t *testing.T, b *branch) {
		silent = ""
		for _, w := range []admin.WantedPayment{{OrderNo: "ORDER7"}, {TransactionID: "ORDER7", OrderNo: "ORDER7"}, {TransactionID: "UMS7", OrderNo: "UMS7"}} {
			_, err := b.find(t.Context(), w)
			if err == nil || refund.KindOf(err) != refund.KindInvalid || !strings.Contains(err.Error(), b.accounts[0]) || !strings.Contains(err.Error(), b.accounts[1]) {
				t.Errorf("%+v: %v", w, err)
			}
		}
		silent = "2"
		for _, order := range []string{"ORDER7", "HERE"} {
			if _, err := b.find(t.Context(), admin.WantedPayment{OrderNo: order}); refund.KindOf(err) != refund.KindBusy {
				t.Errorf("%s, while an account does not answer: %v", order, err)
			}
		}
		if got := b.records(t)[len(b.accounts):]; len(got) != 0 {
			t.Errorf("records %q", got)
		}
		silent = ""
		if c, err := b.find(t.Context(), admin.WantedPayment{OrderNo: "HERE"}); err != nil || c.ChannelAccount != b.accounts[1] {
			t.Errorf("the one that was paid: %+v, %v", c, err)
		}
	})
}

// What is listed is adopted under its own ids: as a number of the charge it would be
// taken for another refund when a notice of it comes.
func TestWhatAFoundPaymentsChannelListsIsNotCountedIn(t *testing.T) {
	know := func(at, number string) (channel.Payment, error) {
		p := paid(strings.Fields(number)[0][2:])
		p.Refunded = 300
		if p.TransactionID == "fresh" {
			p.Refunded = 0
		}
		return p, nil
	}
	atBranch(t, 1, know, func(t *testing.T, b *branch) {
		b.till.lists = true
		named := func(c refund.Charge) refund.Charge {
			c.Aliases = []refund.Alias{{Dialect: "pingpp", Identity: "app_1", Name: c.TransactionID}}
			return c
		}
		c, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "42", Names: named})
		if err != nil || c.AlreadyRefunded != 0 || c.Refunded != 300 || len(c.Aliases) != 1 || !c.VerifiedAt.IsZero() {
			t.Errorf("found %+v, %v", c, err)
		}
		if stored, err := b.store.Charge(t.Context(), b.live, c.ID); err != nil || stored.AlreadyRefunded != 0 || stored.Refunded != 0 || !stored.VerifiedAt.IsZero() {
			t.Errorf("registered %+v, %v", stored, err)
		}
		fresh, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "fresh"})
		if err != nil || fresh.VerifiedAt.IsZero() || len(b.engine.counted) != 1 {
			t.Errorf("of which nothing was refunded: %+v, %v, counted %v", fresh, err, b.engine.counted)
		}
		b.engine.err = errors.New("the list did not come")
		late, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "43", Names: named})
		if err != nil || !late.VerifiedAt.IsZero() || late.AlreadyRefunded != 0 || len(late.Aliases) != 1 || len(b.engine.counted) != 2 {
			t.Errorf("while nothing can be listed: %+v, %v", late, err)
		}
	})
}

func TestManyRequestsForOnePaymentRegisterOneCharge(t *testing.T) {
	know := func(_, number string) (channel.Payment, error) { return paid("42"), nil }
	atBranch(t, 2, know, func(t *testing.T, b *branch) {
		ids := make([]string, 16)
		var asking sync.WaitGroup
		for n := range ids {
			asking.Go(func() {
				w := admin.WantedPayment{TransactionID: "42"}
				if n%2 == 1 {
					w = admin.WantedPayment{OrderNo: "T1"}
				}
				c, err := b.find(t.Context(), w)
				if err != nil {
					t.Error(err)
				}
				ids[n] = c.ID
			})
		}
		asking.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("charges %v", ids)
			}
		}
		// And the merchant may register it in its own words, before or after.
		own := refund.Charge{
			MerchantID: b.live, ID: "ch_" + refund.NewID(b.now), OrderNo: "T1", Channel: "wx", ChannelAccount: b.accounts[0], TransactionID: "42",
			Currency: "CNY", Amount: 1000, PaidAt: b.now, CreatedAt: b.now, Aliases: []refund.Alias{{Dialect: "pingpp", Identity: "app_1", Name: "ch_own"}},
		}
		if c, again, err := b.store.RegisterCharge(t.Context(), own, nil); err != nil || !again || c.ID != ids[0] || len(c.Aliases) != 1 {
			t.Errorf("registered %+v, again %v, %v", c, again, err)
		}
		own.Amount, own.TransactionID, own.ID, own.Aliases = 900, "43", "ch_"+refund.NewID(b.now), nil
		if _, _, err := b.store.RegisterCharge(t.Context(), own, nil); err != nil {
			t.Fatal(err)
		}
		b.till.know = func(string, string) (channel.Payment, error) { return paid("43"), nil }
		if _, err := b.find(t.Context(), admin.WantedPayment{TransactionID: "43"}); refund.KindOf(err) != refund.KindChargeConflict {
			t.Errorf("a payment that is registered with another amount: %v", err)
		}
	})
}

// The merchant registered the payment under another account and channel, and
// without the name by which it is asked for.
func TestAPaymentThatIsRegisteredUnderAnotherNameGetsTheName(t *testing.T) {
	know := func(_, number string) (channel.Payment, error) { return paid("42"), nil }
	atBranch(t, 2, know, func(t *testing.T, b *branch) {
		own := refund.Charge{
			MerchantID: b.live, ID: "ch_" + refund.NewID(b.now), OrderNo: "T1", Channel: "wx", ChannelAccount: b.accounts[1], TransactionID: "42",
			Currency: "CNY", Amount: 1000, PaidAt: b.now, CreatedAt: b.now, Aliases: []refund.Alias{{Dialect: "pingpp", Identity: "app_1", Name: "ch_own"}},
		}
		if _, _, err := b.store.RegisterCharge(t.Context(), own, nil); err != nil {
			t.Fatal(err)
		}
		c, err := b.find(t.Context(), admin.WantedPayment{OrderNo: "W1", Names: func(c refund.Charge) refund.Charge {
			c.Aliases = append(c.Aliases, refund.Alias{Dialect: "wallet", Identity: "w", Name: "W1"})
			return c
		}})
		if err != nil || c.ID != own.ID || len(c.Aliases) != 2 || c.ChannelAccount != b.accounts[1] {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func TestOnlyTheAccountOfWhoeverAsksIsAsked(t *testing.T) {
	know := func(at, number string) (channel.Payment, error) {
		if at == "1" && number == "t: o:1001 s:" {
			p := paid("of the other shop")
			p.OrderNo = "1001"
			return p, nil
		}
		return channel.Payment{}, channel.ErrNotFound
	}
	atBranch(t, 2, know, func(t *testing.T, b *branch) {
		if c, err := b.find(t.Context(), admin.WantedPayment{OrderNo: "1001", Owner: "0"}); refund.KindOf(err) != refund.KindChargeNotFound {
			t.Errorf("the order of another shop is found as %s, %v", c.TransactionID, err)
		}
		if c, err := b.find(t.Context(), admin.WantedPayment{OrderNo: "1001", Owner: "1"}); err != nil || c.TransactionID != "of the other shop" {
			t.Errorf("its own order is found as %q, %v", c.TransactionID, err)
		}
	})
}

func TestWhoCouldNotBeAskedMayKnowThePayment(t *testing.T) {
	know := func(string, string) (channel.Payment, error) { return channel.Payment{}, channel.ErrNotFound }
	atBranch(t, 9, know, func(t *testing.T, b *branch) {
		if _, err := b.find(t.Context(), admin.WantedPayment{OrderNo: "1002"}); refund.KindOf(err) != refund.KindBusy {
			t.Errorf("eight of nine accounts know no such payment: %v", err)
		}
	})
}
