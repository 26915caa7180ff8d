package service

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/toytest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

const (
	bankShop   = "1234"
	bankKey    = "000102030405060708090a0b0c0d0e0f"
	newBankKey = "ff0102030405060708090a0b0c0d0e0f"
)

// toyWorld is a service with the toy channel besides those of the registry, and a
// live merchant.
type toyWorld struct {
	*testing.T
	*Service
	bank    *toytest.Bank
	by      admin.By
	owner   string
	account merchant.ChannelAccount
}

func newToyWorld(t *testing.T, database string) *toyWorld {
	t.Helper()
	return newToyWorldIn(t, database, t.TempDir())
}

// newToyWorldIn has its keys in a folder.
func newToyWorldIn(t *testing.T, database, data string) *toyWorld {
	t.Helper()
	return newToyWorldWith(t, Options{Database: database, Data: data})
}

// newToyWorldWith has options of its own.
func newToyWorldWith(t *testing.T, opts Options) *toyWorld {
	t.Helper()
	w := &toyWorld{T: t, bank: toytest.NewBank(bankShop, bankKey, time.Now), by: admin.By{Actor: audit.Actor{Kind: "command", Name: "root"}}}
	opts.PublicURL, opts.Drivers = "https://pay.example", map[string]channel.Driver{toytest.Name: toytest.Driver{Bank: w.bank}}
	w.Service = start(t, opts)
	fresh, err := merchant.NewFresh("shop", merchant.Live, nil, nil, w.now())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Store.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
		t.Fatal(err)
	}
	w.owner = fresh.Merchant.ID
	w.account, err = w.admin.AddAccount(t.Context(), w.by, w.owner, admin.NewAccount{
		Channel: toytest.Name, Takes: []string{"toypay"}, Settings: map[string]string{"shop": bankShop}, Secrets: map[string]string{"key": bankKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *toyWorld) charge(transactionID string) refund.Charge {
	w.Helper()
	c, _, err := w.Store.RegisterCharge(w.Context(), refund.Charge{
		MerchantID: w.owner, ID: "ch_" + refund.NewID(w.now()), OrderNo: "order of " + transactionID, Channel: "toypay", ChannelAccount: w.account.ID,
		TransactionID: transactionID, Currency: "CNY", Amount: 100_000, PaidAt: w.now(), CreatedAt: w.now(),
	}, nil)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// accept has a refund accepted, and waits for the channel's word.
func (w *toyWorld) accept(c refund.Charge, amount money.Minor, want refund.State) refund.Refund {
	w.Helper()
	result, err := w.intake.Accept(w.Context(), refund.Unit{
		MerchantID: w.owner, Requests: []refund.Request{{ChargeID: c.ID, Amount: &amount}}, Members: []refund.Content{{}},
	}, patience)
	if err != nil {
		w.Fatal(err)
	}
	if got := result.Refunds[0].State; got != want {
		w.Fatalf("the refund of %d is %s, want %s", amount, got, want)
	}
	return result.Refunds[0]
}

func (w *toyWorld) refund(r refund.Refund) refund.Refund {
	w.Helper()
	now, err := w.Store.Refund(w.Context(), w.owner, r.ID)
	if err != nil {
		w.Fatal(err)
	}
	return now
}

// sends has the bank send a notice to an address here.
func (w *toyWorld) sends(path, key string, e toytest.Entry, hint bool) int {
	w.Helper()
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, toytest.Notice("http://127.0.0.1"+path, key, e, hint))
	return answer.Code
}

func (w *toyWorld) address() string { return "/notify/toy/" + w.account.ID }

func (w *toyWorld) inbox(merchantID string) []string {
	w.Helper()
	list, _, err := w.Store.Notices(w.Context(), merchantID, "", refund.Page{Limit: 100})
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, n := range list {
		out = append(out, string(n.State)+": "+n.Note)
	}
	slices.Sort(out)
	return out
}

// A driver of a hundred lines carries refunds, and nothing outside its folder knows
// of it: its numbers, limits, notices, keys and bills.
func TestAToyChannelCarriesRefundsThroughTheWholeService(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		w := newToyWorld(t, database)
		c := w.charge("t1")
		done := w.accept(c, 100, refund.Succeeded)
		if !strings.HasPrefix(done.ChannelNumber, "T") || len(done.ChannelNumber) != 16 || done.Shown["shop"] != bankShop || done.ChannelRefundID != "bank "+done.ChannelNumber {
			t.Errorf("number %q, id %q, shown %v", done.ChannelNumber, done.ChannelRefundID, done.Shown)
		}
		attempts, err := w.Store.Attempts(t.Context(), w.owner, done.ID)
		if err != nil || attempts[0].Sent.AccountVersion != 1 || attempts[0].Sent.Digest == "" || attempts[0].Sent.UpstreamRequestID == "" {
			t.Errorf("attempts %+v, %v", attempts, err)
		}

		// A notice ends a refund that the bank works on, and a hint has it asked.
		pending := w.accept(w.charge("t2"), 158, refund.Pending)
		if code := w.sends(w.address(), bankKey, w.bank.Finish(pending.ChannelNumber), false); code != http.StatusOK || w.refund(pending).State != refund.Succeeded {
			t.Errorf("a notice is answered %d, and the refund is %s", code, w.refund(pending).State)
		}
		hinted := w.accept(w.charge("t3"), 258, refund.Pending)
		if code := w.sends(w.address(), bankKey, w.bank.Finish(hinted.ChannelNumber), true); code != http.StatusOK {
			t.Errorf("a hint is answered %d", code)
		}
		w.engine.Wake()
		for end := time.Now().Add(patience); w.refund(hinted).State != refund.Succeeded; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatal("the bank was not asked")
			}
		}

		// The key changes while the service runs; notices of both are taken.
		w.bank.Rekey(bankShop, newBankKey)
		w.account, err = w.admin.RotateAccount(t.Context(), w.by, w.owner, w.account.ID, nil, map[string]string{"key": newBankKey}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		third := w.accept(w.charge("t4"), 358, refund.Pending)
		if entry := w.bank.Entry(third.ChannelNumber); entry.Key != newBankKey {
			t.Errorf("after the rotation the bank saw the key %s", entry.Key)
		}
		if code := w.sends(w.address(), bankKey, w.bank.Finish(third.ChannelNumber), false); code != http.StatusOK || w.refund(third).State != refund.Succeeded {
			t.Errorf("a notice with the older key is answered %d", code)
		}

		// What the bank's own pages refunded is adopted, once.
		foreign := toytest.Entry{Number: "page 1", ID: "bank page 1", TransactionID: "t1", Amount: money.Amount{Minor: 300, Currency: "CNY"}, At: w.now()}
		for range 2 {
			if code := w.sends(w.address(), newBankKey, foreign, false); code != http.StatusOK {
				t.Errorf("a foreign refund is answered %d", code)
			}
		}
		after, err := w.Store.Charge(t.Context(), w.owner, c.ID)
		if err != nil || after.Refunded != 100+300 {
			t.Errorf("refunded %d, %v", after.Refunded, err)
		}

		opened, err := w.connectors.Connector(t.Context(), w.account.ID)
		if err != nil {
			t.Fatal(err)
		}
		bill, err := opened.Connector.Bill(t.Context(), channel.BillDay{Day: w.now().Add(-12 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if row, err := bill.Next(); err != nil || !strings.HasPrefix(row.TransactionID, "t") {
			t.Errorf("billed %+v, %v", row, err)
		}
		if got := w.inbox(w.owner); len(got) != 0 {
			t.Errorf("inbox %q", got)
		}
		found, err := Verify(t.Context(), w.Store)
		if err != nil || len(found) != 0 {
			t.Errorf("verify finds %v, %v", found, err)
		}
	})
}

func TestANoticeForNoAccountOfOursIsRefusedAndWrittenDown(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		w := newToyWorld(t, database)
		manual, err := w.admin.AddAccount(t.Context(), w.by, w.owner, admin.NewAccount{Channel: merchant.ChannelManual, Takes: []string{"cash"}})
		if err != nil {
			t.Fatal(err)
		}
		entry := toytest.Entry{Number: "n1", ID: "bank n1", TransactionID: "t1", Amount: money.Amount{Minor: 300, Currency: "CNY"}, At: w.now()}
		ask := func(path, key string) int {
			w.refusals.mu.Lock()
			w.refusals.last = time.Time{} // each is written down
			w.refusals.mu.Unlock()
			return w.sends(path, key, entry, false)
		}
		for path, want := range map[string]int{
			"/notify/toy/nobody": 404, "/notify/toy/" + manual.ID: 404, "/notify/nothing/" + w.account.ID: 404,
			"/notify/manual/" + manual.ID: 404, // sends none
			w.address():                   503, // another's signature
		} {
			if code := ask(path, newBankKey); code != want {
				t.Errorf("%s is answered %d, want %d", path, code, want)
			}
		}
		if _, err := w.admin.CloseAccount(t.Context(), w.by, w.owner, w.account.ID); err != nil {
			t.Fatal(err)
		}
		if code := ask(w.address(), bankKey); code != 404 {
			t.Errorf("a closed account's notice is answered %d", code)
		}
		own := []string{"refused: " + closedAccount, "refused: " + notTheirs + "the signature is not the bank's", "refused: " + otherChannel}
		slices.Sort(own)
		if got := w.inbox(w.owner); !slices.Equal(got, own) {
			t.Errorf("the merchant's inbox %q, want %q", got, own)
		}
		nobodys := []string{"refused: " + noSuchAccount, "refused: " + noSuchChannel, "refused: " + noSuchChannel}
		slices.Sort(nobodys)
		if got := w.inbox(""); !slices.Equal(got, nobodys) {
			t.Errorf("nobody's inbox %q, want %q", got, nobodys)
		}
		// A flood costs one row a second.
		for range 50 {
			w.sends("/notify/toy/nobody", bankKey, entry, false)
		}
		if got := w.inbox(""); len(got) > len(nobodys)+2 {
			t.Errorf("%d rows after a flood", len(got))
		}
	})
}
