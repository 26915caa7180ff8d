package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// counted lists the rows of every table that something of a charge is in.
func counted(t *testing.T, s *store.Store) map[string]string {
	t.Helper()
	counts := map[string]string{}
	for _, table := range []string{
		"charges", "charge_aliases", "refunds", "refund_numbers", "attempts", "transfers", "events",
		"deliveries", "delivery_attempts", "sandbox_refunds", "sandbox_notices", "disputes", "dispute_events",
	} {
		rows, err := s.Texts(t.Context(), "SELECT CAST(COUNT(*) AS TEXT) FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		counts[table] = rows[0]
	}
	return counts
}

// busy gives a charge a refund with everything that can hang on it.
func busy(t *testing.T, s *store.Store, c refund.Charge, name string) {
	t.Helper()
	ctx := t.Context()
	err := s.InTx(ctx, func(tx intake.Tx) error {
		unit := shopUnit(c.MerchantID, c.ID, name, 100)
		unit.Requests[0].Number = "N" + name
		if err := insertUnit(ctx, tx, unit, noon); err != nil {
			return err
		}
		var claims []refund.Number
		for _, space := range []refund.Namespace{refund.NumberNamespace, refund.KeyNamespace} {
			claims = append(claims, refund.Number{
				NumberKey: refund.NumberKey{MerchantID: c.MerchantID, Namespace: space, Value: "N" + name},
				Refunds:   []string{"re_" + name}, Contents: unit.Members, CreatedAt: noon,
			})
		}
		_, err := tx.ClaimNumbers(ctx, claims)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, made := range map[string]string{"W" + name: "re_" + name, "C" + name: c.ID} {
		if err := s.KeepWrite(ctx, &refund.Write{MerchantID: c.MerchantID, Key: key, Call: "native POST /", Content: "c", Made: made}); err != nil {
			t.Fatal(err)
		}
	}
	succeed(t, s, c.MerchantID, name, noon.Add(time.Minute))
	if _, err := s.Dispute(ctx, refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}, refund.Dispute{
		ChannelDisputeID: "du_" + name, State: refund.DisputeInquiry, Amount: money.Amount{Minor: 100, Currency: "CNY"},
	}, noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	news, err := s.News(ctx, c.MerchantID, 10)
	if err != nil {
		t.Fatal(err)
	}
	var made []merchant.Delivery
	var tried []merchant.DeliveryAttempt
	for n, e := range news.Events {
		made = append(made, merchant.Delivery{
			MerchantID: c.MerchantID, ID: fmt.Sprint(name, n), CreatedAt: noon, EventID: e.ID, Dialect: merchant.Native,
			URL: "https://shop.example", Body: []byte{}, DueAt: noon,
		})
		tried = append(tried, merchant.DeliveryAttempt{Delivery: made[n], At: noon, Dead: true})
	}
	if done, err := s.FanOut(ctx, news, made); err != nil || !done {
		t.Fatal(done, err)
	}
	if _, err := s.SaveAttempts(ctx, tried); err != nil {
		t.Fatal(err)
	}
	err = sandbox.NewDatabase(s).Books(ctx, nil, func(tx sandbox.Tx) error {
		if err := tx.AddEntries(ctx, []sandbox.Entry{{
			Account: c.ChannelAccount, Number: name, ChannelID: "5" + name, TransactionID: c.TransactionID,
			Amount: money.Amount{Minor: 100, Currency: "CNY"}, State: sandbox.Succeeded, Submits: 1, Moves: 1, CreatedAt: noon, SucceededAt: noon,
		}}); err != nil {
			return err
		}
		return tx.AddNotices(ctx, []sandbox.Notice{{ID: name, Account: c.ChannelAccount, Number: name, Content: []byte("{}"), CreatedAt: noon}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// demo is a store with the demo merchant and two charges: one is the demo's.
func demo(t *testing.T, s *store.Store) (id string, charge, other refund.Charge) {
	t.Helper()
	f := freshMerchant(t)
	f.Merchant.Settings.Demo = true
	addMerchant(t, s, f)
	id = f.Merchant.ID
	alias := func(name string) refund.Alias {
		return refund.Alias{Dialect: merchant.PingPP, Identity: "app_1", Name: "ch_" + name}
	}
	return id, shopCharge(t, s, id, "A", alias("A")), shopCharge(t, s, id, "B", alias("B"))
}

func TestAResetRenewsTheDemosChargesAndNothingElse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		id, charge, other := demo(t, s)
		busy(t, s, other, "2")
		before := counted(t, s)
		for table, rows := range before {
			if rows == "0" {
				t.Fatalf("nothing is in %s: %v", table, before)
			}
		}
		busy(t, s, charge, "1")
		again := charge
		again.ID, again.TransactionID, again.PaidAt = "ch_C", "4200C", noon.Add(time.Hour)
		if err := s.ResetDemo(t.Context(), id, []refund.Charge{again}, noon.Add(time.Hour), nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, counted(t, s)); diff != "" {
			t.Error(diff)
		}
		got, err := s.ChargeByAlias(t.Context(), id, merchant.PingPP, "ch_A")
		if err != nil || got.ID != "ch_C" || got.Refunded != 0 || got.Refundable() != 1000 || !got.PaidAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("the charge is %+v, %v", got, err)
		}
		if kept, err := s.Charge(t.Context(), id, other.ID); err != nil || kept.Refunded != 100 {
			t.Errorf("the other is %+v, %v", kept, err)
		}
		if events := feed(t, s, id, 0); len(events) != 2 || events[0].Charge.ID != other.ID {
			t.Errorf("the feed has %+v", events)
		}
		shopRefund(t, s, id, "ch_C", "1", 1000, noon.Add(2*time.Hour)) // the numbers are free again
	})
}

func TestAResetFindsACharge(t *testing.T) {
	for name, change := range map[string]func(*refund.Charge){
		"by its name":              func(c *refund.Charge) { c.TransactionID = "4200other" },
		"by its number at channel": func(c *refund.Charge) { c.Aliases[0].Name = "ch_other" },
		"that is not there at all": func(c *refund.Charge) { c.Aliases[0].Name, c.TransactionID = "ch_other", "4200other" },
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t, storetest.SQLite(t))
			id, charge, _ := demo(t, s)
			again := charge
			again.ID = "ch_C"
			again.Aliases = []refund.Alias{charge.Aliases[0]}
			change(&again)
			if err := s.ResetDemo(t.Context(), id, []refund.Charge{again}, noon, nil); err != nil {
				t.Fatal(err)
			}
			_, err := s.Charge(t.Context(), id, charge.ID)
			if gone := refund.KindOf(err) == refund.KindChargeNotFound; gone == strings.HasPrefix(name, "that") {
				t.Errorf("the old one is gone: %v (%v)", gone, err)
			}
			if _, err := s.Charge(t.Context(), id, "ch_C"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAResetWaitsForNoClaimedRefundAndTouchesNoOtherMerchant(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		id, charge, _ := demo(t, s)
		shopRefund(t, s, id, charge.ID, "1", 100, noon)
		due, err := s.DueRefunds(t.Context(), noon, 10)
		if err != nil || len(due) != 1 {
			t.Fatalf("due %v, %v", due, err)
		}
		if claimed, _, err := s.ClaimRefunds(t.Context(), due, noon, noon.Add(45*time.Second)); err != nil || len(claimed) != 1 {
			t.Fatalf("claimed %v, %v", claimed, err)
		}
		reset := func(ctx context.Context, merchantID string, at time.Time) refund.Kind {
			if err := s.ResetDemo(ctx, merchantID, []refund.Charge{charge}, at, nil); err != nil {
				return refund.KindOf(err)
			}
			return ""
		}
		if kind := reset(t.Context(), id, noon.Add(44*time.Second)); kind != refund.KindStateConflict {
			t.Errorf("while it is claimed: %q", kind)
		}
		if _, err := s.Refund(t.Context(), id, "re_1"); err != nil {
			t.Errorf("the claimed refund is gone: %v", err)
		}
		if kind := reset(t.Context(), id, noon.Add(45*time.Second)); kind != "" {
			t.Errorf("after the lease: %q", kind)
		}
		f := freshMerchant(t)
		addMerchant(t, s, f)
		for _, other := range []string{f.Merchant.ID, "mer_none"} {
			if kind := reset(t.Context(), other, noon); kind != refund.KindForbidden {
				t.Errorf("of %s: %q", other, kind)
			}
		}
	})
}
