package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// fullCharge has something in every column.
func (f *fixture) fullCharge() refund.Charge {
	c := f.charge(1000)
	fee := money.Minor(6)
	c.Fee, c.AlreadyRefunded, c.VerifiedAt = &fee, 100, at(1)
	c.Detail = refund.Detail{
		Coupons: []refund.Coupon{
			{ID: "1", Scope: refund.ScopeGoods, Type: refund.TypeFunded, Amount: 100, Goods: []refund.CouponGoods{{MerchantGoodsID: "g1", Quantity: 2, Discount: 100}}},
			{ID: "2", Scope: refund.ScopeOrder, Type: refund.TypeUnfunded, Amount: 50},
		},
		Goods:     []refund.Goods{{MerchantGoodsID: "g1", Name: "茶 <&>", UnitPrice: 500, Quantity: 2}},
		Splits:    []refund.Split{{Account: "2088", Amount: 10, Description: "d"}},
		NotifyURL: "https://example.com/?a=1&b=2", Metadata: []byte(`{"n":1.50,"t":"<b>&"}`),
	}
	c.Aliases = append(c.Aliases, refund.Alias{Dialect: "wechatpay", Identity: "1900009191", Sub: "1900000001", Name: c.OrderNo})
	return c
}

func chargeIsReadAsRegistered(t *testing.T, f *fixture) {
	sent := f.fullCharge()
	stored := f.registered(t, sent)
	if stored.Refunded != 100 || stored.FeeUsed == 0 || len(stored.CouponUsed) != 2 {
		t.Errorf("what was refunded before is not counted: %+v", stored)
	}
	for name, read := range map[string]func() (refund.Charge, error){
		"by id": func() (refund.Charge, error) { return f.Charge(t.Context(), f.merchant, sent.ID) },
		"by alias": func() (refund.Charge, error) {
			return f.ChargeByAlias(t.Context(), f.merchant, "wechatpay", sent.OrderNo)
		},
		"by any": func() (refund.Charge, error) { return f.ChargeByAny(t.Context(), f.merchant, sent.OrderNo) },
	} {
		read, err := read()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(stored, read); diff != "" {
			t.Errorf("%s (-stored +read): %s", name, diff)
		}
	}
	if string(stored.Detail.Metadata) != `{"n":1.50,"t":"<b>&"}` {
		t.Errorf("metadata %s", stored.Detail.Metadata)
	}
	for _, other := range []string{newMerchant(), ""} {
		_, err := f.Charge(t.Context(), other, sent.ID)
		wantKind(t, err, refund.KindChargeNotFound)
		_, err = f.ChargeByAny(t.Context(), other, sent.ID)
		wantKind(t, err, refund.KindChargeNotFound)
	}
}

func chargeAgain(t *testing.T, f *fixture) {
	first := f.registered(t, f.fullCharge())
	f.accept(t, first, at(2), request(first, 300))
	before := f.readCharge(t, first.ID)

	sent := f.fullCharge() // with other ids
	sent.OrderNo, sent.TransactionID = first.OrderNo, first.TransactionID
	sent.Aliases = []refund.Alias{
		{Dialect: "pingpp", Identity: "app_1", Name: sent.ID, MadeUp: true}, // it has a name there
		{Dialect: "payin", Identity: "M1", Name: "M1T" + first.ID, MadeUp: true},
		{Dialect: "wechatpay", Identity: "1900009191", Name: "another name"},
	}
	again := func() refund.Charge {
		stored, again, err := f.RegisterCharge(t.Context(), sent, nil)
		if err != nil || !again {
			t.Fatalf("again %v, %v", again, err)
		}
		return stored
	}
	stored := again()
	want := before
	want.Aliases = append(want.Aliases[:2:2],
		refund.Alias{Dialect: "payin", Identity: "M1", Name: "M1T" + first.ID},
		refund.Alias{Dialect: "wechatpay", Identity: "1900009191", Name: "another name"})
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("(-want +stored): %s", diff)
	}
	again()
	if diff := cmp.Diff(want, f.readCharge(t, first.ID)); diff != "" {
		t.Errorf("after the third time (-want +read): %s", diff)
	}
	for _, name := range []string{"another name", "M1T" + first.ID} {
		if c, err := f.ChargeByAny(t.Context(), f.merchant, name); err != nil || c.ID != first.ID {
			t.Errorf("%s is charge %q, %v", name, c.ID, err)
		}
	}
	_, err := f.ChargeByAny(t.Context(), f.merchant, sent.ID)
	wantKind(t, err, refund.KindChargeNotFound)
}

// The merchant's own number and the channel's name a charge where no dialect's
// name does, and only while they stand for one.
func chargeByNumber(t *testing.T, f *fixture) {
	c := f.charge(1000)
	c.ChannelAccount = f.account(t)
	c.OrderNo = "order " + c.ID
	first := f.registered(t, c)
	for _, name := range []string{first.OrderNo, first.TransactionID} {
		if found, err := f.ChargeByAny(t.Context(), f.merchant, name); err != nil || found.ID != first.ID {
			t.Errorf("%s is charge %q, %v", name, found.ID, err)
		}
		_, err := f.ChargeByAny(t.Context(), newMerchant(), name)
		wantKind(t, err, refund.KindChargeNotFound)
	}
	second := f.charge(1000)
	second.OrderNo = first.OrderNo
	f.registered(t, second)
	_, err := f.ChargeByAny(t.Context(), f.merchant, first.OrderNo)
	wantKind(t, err, refund.KindInvalid)
	// Another's transaction number for an order number, too.
	third := f.charge(1000)
	third.OrderNo = first.TransactionID
	f.registered(t, third)
	_, err = f.ChargeByAny(t.Context(), f.merchant, first.TransactionID)
	wantKind(t, err, refund.KindInvalid)
	// A dialect's name is a name, whatever numbers say.
	fourth := f.charge(1000)
	fourth.Aliases = append(fourth.Aliases, refund.Alias{Dialect: "payin", Identity: "M1", Name: first.OrderNo})
	f.registered(t, fourth)
	if found, err := f.ChargeByAny(t.Context(), f.merchant, first.OrderNo); err != nil || found.ID != fourth.ID {
		t.Errorf("the dialect's name is charge %q, %v", found.ID, err)
	}
}

// A name that was made of the order number gives way to another payment's; one
// that was asked for is a conflict.
func chargeMadeUpName(t *testing.T, f *fixture) {
	named := func(madeUp bool) refund.Charge {
		c := f.charge(1000)
		c.OrderNo = "ORDER_PAID_TWICE"
		c.Aliases = append(c.Aliases, refund.Alias{Dialect: "wechatpay", Identity: "1900009191", Name: c.OrderNo, MadeUp: madeUp})
		return c
	}
	first, second := f.registered(t, named(true)), f.registered(t, named(true))
	for id, name := range map[string]string{first.ID: first.OrderNo, second.ID: strings.TrimPrefix(second.ID, "ch_")} {
		if c, err := f.ChargeByAlias(t.Context(), f.merchant, "wechatpay", name); err != nil || c.ID != id {
			t.Errorf("%s is charge %q, %v", name, c.ID, err)
		}
	}
	_, _, err := f.RegisterCharge(t.Context(), named(false), nil)
	wantKind(t, err, refund.KindChargeConflict)
	// In a batch, too, and the same again stays the same.
	third := named(true)
	for range 2 {
		results, err := f.RegisterCharges(t.Context(), []refund.Charge{third, f.charge(10)}, nil)
		if err != nil || results[0].Err != nil || results[0].Charge.ID != third.ID {
			t.Errorf("%+v, %v", results, err)
		}
	}
}

func chargeConflict(t *testing.T, f *fixture) {
	first := f.registered(t, f.fullCharge())
	for name, change := range map[string]func(*refund.Charge){
		"amount":   func(c *refund.Charge) { c.Amount++ },
		"currency": func(c *refund.Charge) { c.Currency = "USD" },
		"order":    func(c *refund.Charge) { c.OrderNo = "other" },
		"coupon":   func(c *refund.Charge) { c.Detail.Coupons[1].Amount-- },
		"already":  func(c *refund.Charge) { c.AlreadyRefunded = 0 },
		"fee":      func(c *refund.Charge) { c.Fee = nil },
	} {
		sent := f.fullCharge()
		sent.OrderNo, sent.TransactionID = first.OrderNo, first.TransactionID
		sent.Aliases = []refund.Alias{{Dialect: "payin", Identity: "M1", Name: "new " + name}}
		change(&sent)
		_, _, err := f.RegisterCharge(t.Context(), sent, nil)
		wantKind(t, err, refund.KindChargeConflict)
		_, err = f.ChargeByAny(t.Context(), f.merchant, "new "+name)
		wantKind(t, err, refund.KindChargeNotFound)
	}
	if diff := cmp.Diff(first, f.readCharge(t, first.ID)); diff != "" {
		t.Errorf("(-first +read): %s", diff)
	}
}

func sameOrderIsTold(t *testing.T, f *fixture) {
	first, second, other := f.charge(100), f.charge(100), f.charge(100)
	second.OrderNo, other.OrderNo = first.OrderNo, "other "+other.OrderNo
	results, err := f.TryCharges(t.Context(), []refund.Charge{first, second, other})
	if err != nil || results[0].SameOrder != second.ID || results[1].SameOrder != first.ID || results[2].SameOrder != "" {
		t.Errorf("tried: %+v, %v", results, err)
	}
	_, err = f.Charge(t.Context(), f.merchant, first.ID)
	wantKind(t, err, refund.KindChargeNotFound)
	for n, c := range []refund.Charge{first, second, second} {
		results, err := f.RegisterCharges(t.Context(), []refund.Charge{c}, nil)
		if want := []string{"", first.ID, ""}[n]; err != nil || results[0].Err != nil || results[0].SameOrder != want {
			t.Errorf("%d: %+v, %v; want %q", n, results, err, want)
		}
	}
	// A trial tells what is wrong with each, as registering does.
	first.Amount++
	results, err = f.TryCharges(t.Context(), []refund.Charge{first, second, other})
	if err != nil || refund.KindOf(results[0].Err) != refund.KindChargeConflict || !results[1].Again || results[2].Err != nil {
		t.Errorf("tried again: %+v, %v", results, err)
	}
}

func nameBelongsToOne(t *testing.T, f *fixture) {
	first := f.registered(t, f.charge(100))
	other := f.charge(100)
	other.Aliases = append(other.Aliases, refund.Alias{Dialect: "pingpp", Identity: "app_1", Name: first.Aliases[0].Name})
	_, _, err := f.RegisterCharge(t.Context(), other, nil)
	wantKind(t, err, refund.KindChargeConflict)
	if refund.As(err).Charge != first.ID {
		t.Errorf("the error does not say whose name it is: %v", err)
	}
	_, err = f.Charge(t.Context(), f.merchant, other.ID)
	wantKind(t, err, refund.KindChargeNotFound)

	// Nor may a charge that is there take it.
	second := f.registered(t, f.charge(100))
	second.Aliases = other.Aliases
	_, _, err = f.RegisterCharge(t.Context(), second, nil)
	wantKind(t, err, refund.KindChargeConflict)
	if c, err := f.ChargeByAlias(t.Context(), f.merchant, "pingpp", first.Aliases[0].Name); err != nil || c.ID != first.ID {
		t.Errorf("the name is charge %q, %v", c.ID, err)
	}
	// The same name in another dialect, or of another merchant, is another name.
	third := f.charge(100)
	third.Aliases = []refund.Alias{{Dialect: "wallet", Identity: "w", Name: first.Aliases[0].Name}}
	f.registered(t, third)
	f.merchant = newMerchant()
	fourth := f.charge(100)
	fourth.Aliases = first.Aliases
	f.registered(t, fourth)
}

func registeredAtOnce(t *testing.T, f *fixture) {
	const callers = 16
	var asking sync.WaitGroup
	var mu sync.Mutex
	ids, news := map[string]bool{}, 0
	base := f.charge(100)
	for n := range callers {
		asking.Go(func() {
			sent := f.charge(100)
			sent.OrderNo, sent.TransactionID = base.OrderNo, base.TransactionID
			sent.Aliases = []refund.Alias{
				{Dialect: "pingpp", Identity: "app_1", Name: sent.ID},
				{Dialect: "wallet", Identity: "w", Name: fmt.Sprintf("shared %d", n%4)},
			}
			stored, again, err := f.RegisterCharge(t.Context(), sent, nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("caller %d: %v", n, err)
			}
			ids[stored.ID] = true
			if !again {
				news++
			}
		})
	}
	asking.Wait()
	if len(ids) != 1 || news != 1 {
		t.Fatalf("%d charges, %d of them new", len(ids), news)
	}
	for id := range ids {
		if got := len(f.readCharge(t, id).Aliases); got != callers+4 {
			t.Errorf("%d names, want %d", got, callers+4)
		}
	}
}

func batchOfCharges(t *testing.T, f *fixture) {
	const size = 100
	known := f.registered(t, f.charge(100))
	batch := make([]refund.Charge, size)
	want := make(map[int]refund.Kind)
	for n := range batch {
		batch[n] = f.charge(100)
	}
	batch[7].Amount, want[7] = 0, refund.KindInvalid
	batch[20] = known // again
	batch[33] = known
	batch[33].Amount, want[33] = 99, refund.KindChargeConflict
	batch[50].Aliases, want[50] = known.Aliases, refund.KindChargeConflict
	batch[64] = batch[63] // the same twice
	batch[90].ID, want[90] = batch[89].ID, refund.KindChargeConflict
	if !f.SQLite() {
		batch[77].OrderNo, want[77] = "\x00", refund.KindInternal // what the database refuses
	}
	results, err := f.RegisterCharges(t.Context(), batch, nil)
	if err != nil {
		t.Fatal(err)
	}
	for n, result := range results {
		if (result.Err == nil) != (want[n] == "") || result.Err != nil && refund.KindOf(result.Err) != want[n] {
			t.Errorf("charge %d: %v, want %q", n, result.Err, want[n])
		}
		if result.Err == nil && result.Again != (n == 20 || n == 64) {
			t.Errorf("charge %d: again %v", n, result.Again)
		}
		stored, err := f.Charge(t.Context(), f.merchant, batch[n].ID)
		if result.Err == nil && (err != nil || stored.TransactionID != batch[n].TransactionID) {
			t.Errorf("charge %d is not there: %v", n, err)
		}
		if result.Err != nil && n != 33 && n != 90 {
			wantKind(t, err, refund.KindChargeNotFound)
		}
	}
}

func chargeWithoutTransaction(t *testing.T, f *fixture) {
	sent := f.charge(100)
	sent.TransactionID = ""
	first := f.registered(t, sent)
	if first.TransactionID == "" {
		t.Fatal("the charge was given no transaction id")
	}
	more := f.charge(100)
	more.TransactionID, more.OrderNo = "", first.OrderNo
	more.Aliases = append(more.Aliases, first.Aliases...)
	stored, again, err := f.RegisterCharge(t.Context(), more, nil)
	if err != nil || !again || stored.ID != first.ID || len(stored.Aliases) != 2 {
		t.Errorf("by its name: %+v, again %v, %v", stored, again, err)
	}
	other := f.charge(100)
	other.TransactionID = ""
	if second := f.registered(t, other); second.TransactionID == first.TransactionID {
		t.Error("two charges have one transaction id")
	}
}

func chargeByAny(t *testing.T, f *fixture) {
	a, b := f.charge(100), f.charge(100)
	a.Aliases = append(a.Aliases, refund.Alias{Dialect: "wechatpay", Name: "N1"}, refund.Alias{Dialect: "payin", Name: "N1"})
	b.Aliases = append(b.Aliases, refund.Alias{Dialect: "wallet", Name: "N2"})
	f.registered(t, a)
	f.registered(t, b)
	if c, err := f.ChargeByAny(t.Context(), f.merchant, "N1"); err != nil || c.ID != a.ID {
		t.Errorf("one charge under one name in two dialects: %q, %v", c.ID, err)
	}
	c := f.charge(100)
	c.Aliases = append(c.Aliases, refund.Alias{Dialect: "wechatpay", Name: "N2"}, refund.Alias{Dialect: "payin", Name: b.ID})
	f.registered(t, c)
	for _, name := range []string{"N2", b.ID} {
		_, err := f.ChargeByAny(t.Context(), f.merchant, name)
		wantKind(t, err, refund.KindInvalid)
	}
}

// ChargeByAny is the store's. The charge's id alone must be found just as well.
func (f *fixture) ChargeByAny(ctx context.Context, merchantID, name string) (refund.Charge, error) {
	c, err := f.Store.ChargeByAny(ctx, merchantID, name)
	id, idErr := f.ChargeIDByAny(ctx, merchantID, name)
	if id != c.ID || refund.KindOf(err) != refund.KindOf(idErr) {
		return c, fmt.Errorf("%q stands for charge %q, %w, and its id for %q, %w", name, c.ID, err, id, idErr)
	}
	return c, err
}
