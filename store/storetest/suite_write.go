package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// named is a write of this case's merchant.
func (f *fixture) named(key, call string) *refund.Write {
	return &refund.Write{MerchantID: f.merchant, Key: key, Call: call, Content: "c"}
}

// own makes the merchant's row, which endpoints hang on.
func (f *fixture) own(t testing.TB) {
	t.Helper()
	f.must(t, `INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, 'm', 'test', 1)`, f.merchant)
}

// add makes an endpoint with a key.
func (f *fixture) add(ctx context.Context, w *refund.Write, id string) error {
	e := merchant.Endpoint{ID: id, MerchantID: f.merchant, Dialect: "native", URL: "https://shop.example/" + id, CreatedAt: at(1)}
	w.Made = id
	action := Record(f.merchant)
	action.Write = w
	_, err := f.AddEndpoint(ctx, e, action, merchant.NewEndpointSecret(at(1)))
	return err
}

func (f *fixture) endpoints(t testing.TB, want ...string) {
	t.Helper()
	all, err := f.Endpoints(t.Context(), f.merchant)
	ids := make([]string, len(all))
	for n, e := range all {
		ids[n] = e.ID
	}
	if err != nil || fmt.Sprint(ids) != fmt.Sprint(want) {
		t.Errorf("endpoints %v, want %v, %v", ids, want, err)
	}
}

// wantKept compares what a key stands for.
func (f *fixture) wantKept(t testing.TB, key, call, made string) {
	t.Helper()
	w, ok, err := f.KeptWrite(t.Context(), f.merchant, key)
	if err != nil || !ok || w.Call != call || w.Made != made || w.Content != "c" {
		t.Errorf("the key stands for %+v, %v, %v; want %s, made %s", w, ok, err, call, made)
	}
}

func (f *fixture) wantFree(t testing.TB, key string) {
	t.Helper()
	if w, ok, err := f.KeptWrite(t.Context(), f.merchant, key); err != nil || ok {
		t.Errorf("the key stands for %+v, %v", w, err)
	}
}

// writeWithItsEffect: record and effect are of one commit, and the store fills
// in what only it knows.
func writeWithItsEffect(t *testing.T, f *fixture) {
	f.own(t)
	f.wantFree(t, "k")
	w := f.named("k", "native POST /charges")
	c := f.charge(100)
	stored, _, err := f.RegisterCharge(t.Context(), c, w)
	if err != nil || !w.Kept {
		t.Fatalf("kept %v, %v", w.Kept, err)
	}
	f.wantKept(t, "k", "native POST /charges", stored.ID)
	// A second commit of the same request records nothing again.
	if err := f.add(t.Context(), w, "ep_"+f.merchant); err != nil {
		t.Fatal(err)
	}
	f.wantKept(t, "k", "native POST /charges", stored.ID)
	// The same payment under another id is the first charge, and so is what
	// its key stands for.
	again := c
	again.ID = "ch_other"
	if _, _, err := f.RegisterCharge(t.Context(), again, f.named("k2", "native POST /charges")); err != nil {
		t.Fatal(err)
	}
	f.wantKept(t, "k2", "native POST /charges", stored.ID)
}

// refusedWrite: what is refused uses up no key, whether the transaction was
// rolled back or changed nothing.
func refusedWrite(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	c.Amount, c.ID = 200, "ch_other"
	w := f.named("k", "native POST /charges")
	_, _, err := f.RegisterCharge(t.Context(), c, w)
	wantKind(t, err, refund.KindChargeConflict)
	cancel := f.record("refund.cancel", "iar_1")
	cancel.Write = w
	_, _, err = f.CancelRefund(t.Context(), f.merchant, "re_none", cancel, at(1))
	wantKind(t, err, refund.KindRefundNotFound)
	if w.Kept {
		t.Error("a refused write says that it is kept")
	}
	f.wantFree(t, "k")

	// One that was kept and is refused after all is free again, and only it.
	if err := f.KeepWrite(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if err := f.FreeWrite(t.Context(), f.named("k", "another call")); err != nil {
		t.Fatal(err)
	}
	f.wantKept(t, "k", "native POST /charges", "")
	if err := f.FreeWrite(t.Context(), w); err != nil || w.Kept {
		t.Errorf("kept %v, %v", w.Kept, err)
	}
	f.wantFree(t, "k")
}

// takenKey: a key that is taken undoes what was done under it.
func takenKey(t *testing.T, f *fixture) {
	f.own(t)
	if err := f.KeepWrite(t.Context(), f.named("k", "native PATCH /merchant/settings")); err != nil {
		t.Fatal(err)
	}
	w := f.named("k", "native POST /endpoints")
	wantKind(t, f.add(t.Context(), w, "ep_"+f.merchant), refund.KindBusy)
	if w.Kept {
		t.Error("a write that was undone says that it is kept")
	}
	f.endpoints(t)
	f.wantKept(t, "k", "native PATCH /merchant/settings", "")
	f.wantFree(t, "K") // keys are distinguished to the letter
	if _, ok, err := f.KeptWrite(t.Context(), "mer_other", "k"); ok || err != nil {
		t.Errorf("another merchant's key: %v, %v", ok, err)
	}
}

// writesAtOnce: of many requests with one key one takes effect, and all are
// answered from it.
func writesAtOnce(t *testing.T, f *fixture) {
	f.own(t)
	const many = 8
	var done, repeated atomic.Int64
	var running sync.WaitGroup
	for n := range many {
		running.Go(func() {
			w := f.named("k", "native POST /endpoints")
			err := dialect.Once(t.Context(), f, w, func(w *refund.Write) error {
				err := f.add(t.Context(), w, fmt.Sprintf("ep_%s_%d", f.merchant, n))
				if err == nil {
					done.Add(1)
				}
				return err
			}, func(refund.Write) error {
				repeated.Add(1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	all, err := f.Endpoints(t.Context(), f.merchant)
	if err != nil || len(all) != 1 || done.Load() != 1 || repeated.Load() != many-1 {
		t.Fatalf("%d endpoints, %d done, %d repeated, %v", len(all), done.Load(), repeated.Load(), err)
	}
	f.wantKept(t, "k", "native POST /endpoints", all[0].ID)
}

// oneNamespace: a key of a refund is taken for writes, and the other way round.
func oneNamespace(t *testing.T, f *fixture) {
	f.own(t)
	c := f.registered(t, f.charge(100))
	f.keyed(t, "of a refund", "app_1", 3, f.accept(t, c, at(2), request(c, 10))...)
	w, ok, err := f.KeptWrite(t.Context(), f.merchant, "of a refund")
	if err != nil || !ok || w.Call != "" {
		t.Errorf("%+v, %v, %v", w, ok, err)
	}
	wantKind(t, f.add(t.Context(), f.named("of a refund", "native POST /endpoints"), "ep_"+f.merchant), refund.KindBusy)
	f.endpoints(t)

	if err := f.KeepWrite(t.Context(), f.named("of a write", "native POST /endpoints")); err != nil {
		t.Fatal(err)
	}
	claim := refund.Number{
		NumberKey: refund.NumberKey{MerchantID: f.merchant, Namespace: refund.KeyNamespace, Value: "of a write"},
		Refunds:   []string{"re_1"}, Contents: []refund.Content{{"charge": c.ID}}, CreatedAt: at(4),
	}
	err = f.InTx(t.Context(), func(tx intake.Tx) error {
		owners, err := tx.ClaimNumbers(t.Context(), []refund.Number{claim})
		if owner, taken := owners[claim.NumberKey]; !taken || len(owner.Refunds) != 0 {
			t.Errorf("owner %+v, %v", owner, taken)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := f.Unit(t.Context(), f.merchant, "of a write"); ok || err != nil {
		t.Errorf("a write is a unit of refunds: %v, %v", ok, err)
	}
}

// secretForADay: what an answer tells once is sealed, told to repeats for a
// day, and then forgotten.
func secretForADay(t *testing.T, f *fixture) {
	w := f.named("k", "native POST /keys")
	w.Secret = "rk_test_secret"
	if err := f.KeepWrite(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	const sealed = `UPDATE writes SET created_at = created_at WHERE merchant_id = $1 AND sealed `
	if touched, err := f.exec(t, sealed+`LIKE 'v1.%'`, f.merchant); touched != 1 || err != nil {
		t.Errorf("%d sealed texts, %v", touched, err)
	}
	secret := func(want string) {
		t.Helper()
		if kept, ok, err := f.KeptWrite(t.Context(), f.merchant, "k"); kept.Secret != want || !ok || err != nil {
			t.Errorf("secret %q, want %q; %v, %v", kept.Secret, want, ok, err)
		}
	}
	secret("rk_test_secret")
	day := refund.WriteSecretLife.Microseconds()
	f.must(t, `UPDATE refund_numbers SET created_at = created_at - $2 WHERE merchant_id = $1`, f.merchant, day)
	f.must(t, `UPDATE writes SET created_at = created_at - $2 WHERE merchant_id = $1`, f.merchant, day)
	secret("")
	// The text goes with the merchant's next secret.
	next := f.named("k2", "native POST /keys")
	next.Secret = "another"
	if err := f.KeepWrite(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if touched, err := f.exec(t, sealed+`<> ''`, f.merchant); touched != 1 || err != nil {
		t.Errorf("%d sealed texts, %v", touched, err)
	}
	f.wantKept(t, "k", "native POST /keys", "")
}

// olderWrites: what a replica of the version before schema 14 writes beside this
// one is a claim like any other, and the other way round.
func olderWrites(t *testing.T, f *fixture) {
	f.own(t)
	f.must(t, `INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at, write_call, write_content, write_made)
		VALUES ($1, 'key', 'theirs', '[]', '[]', 1, 'native POST /keys', 'c', 'key_1')`, f.merchant)
	f.wantKept(t, "theirs", "native POST /keys", "key_1")
	wantKind(t, f.add(t.Context(), f.named("theirs", "native POST /endpoints"), "ep_"+f.merchant), refund.KindBusy)
	f.endpoints(t)
	if err := f.FreeWrite(t.Context(), f.named("theirs", "native POST /keys")); err != nil {
		t.Fatal(err)
	}
	f.wantFree(t, "theirs")

	// That version reads the claim's columns alone, and gives up claims without
	// knowing what hangs on them.
	w := f.named("ours", "native POST /keys")
	w.Made = "key_2"
	if err := f.KeepWrite(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	const read = `UPDATE refund_numbers SET created_at = created_at WHERE merchant_id = $1 AND value = 'ours'
		AND write_call = 'native POST /keys' AND write_content = 'c' AND write_made = 'key_2'`
	if touched, err := f.exec(t, read, f.merchant); touched != 1 || err != nil {
		t.Errorf("%d claims, %v", touched, err)
	}
	f.must(t, `DELETE FROM refund_numbers WHERE merchant_id = $1`, f.merchant)
	if err := f.KeepWrite(t.Context(), f.named("ours", "native POST /endpoints")); err != nil {
		t.Fatal(err)
	}
	f.wantKept(t, "ours", "native POST /endpoints", "")
}
