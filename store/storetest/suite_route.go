package storetest

import (
	"sync"
	"testing"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
)

// twoAccounts adds two accounts of the fixture's merchant and returns their ids.
func (f *fixture) twoAccounts(t *testing.T) (first, second string) {
	t.Helper()
	first = f.account(t)
	second = "second_of_" + f.merchant
	f.must(t, `INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ($1, $2, 'toy', 2)`, second, f.merchant)
	return first, second
}

// paying is a registration of the payment of c with other ids: routed to an
// account, "" for none, or with the account's name.
func (f *fixture) paying(c refund.Charge, account string, routed bool) refund.Charge {
	again := f.charge(c.Amount)
	again.OrderNo, again.TransactionID, again.Channel = c.OrderNo, c.TransactionID, c.Channel
	again.ChannelAccount, again.Routed = account, routed
	again.Aliases = nil
	return again
}

// register registers a charge and returns it with "new", "again" or the kind of
// the error.
func (f *fixture) register(t *testing.T, c refund.Charge) (refund.Charge, string) {
	t.Helper()
	stored, again, err := f.RegisterCharge(t.Context(), c, nil)
	switch {
	case err != nil:
		return stored, string(refund.KindOf(err))
	case again:
		return stored, "again"
	}
	return stored, "new"
}

// paymentIsOneCharge: how often a payment is registered, and whatever account
// takes its channel by then, it is one charge, unless two accounts are named.
func paymentIsOneCharge(t *testing.T, f *fixture) {
	first, second := f.twoAccounts(t)
	type step struct {
		account string
		routed  bool
		want    string // what becomes of it
		at      string // the account that the charge has then
	}
	for name, steps := range map[string][]step{
		"taken by an account later":        {{"", true, "new", ""}, {"", true, "again", ""}, {first, true, "again", first}, {"", true, "again", first}},
		"named later":                      {{"", true, "new", ""}, {first, false, "again", first}, {second, true, "again", first}},
		"taken by another account later":   {{first, true, "new", first}, {second, true, "again", first}, {first, false, "again", first}},
		"taken by none later":              {{first, false, "new", first}, {"", true, "again", first}},
		"two accounts' by name":            {{first, false, "new", first}, {second, false, "new", second}, {second, true, "again", second}},
		"two accounts', and which is open": {{first, false, "new", first}, {second, false, "new", second}, {"", true, string(refund.KindChargeConflict), ""}},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.charge(100)
			for n, step := range steps {
				stored, got := f.register(t, f.paying(c, step.account, step.routed))
				if got != step.want || stored.ChannelAccount != step.at {
					t.Fatalf("step %d: %s at %q, want %s at %q", n+1, got, stored.ChannelAccount, step.want, step.at)
				}
				if stored.ID != "" && f.readCharge(t, stored.ID).ChannelAccount != step.at {
					t.Fatalf("step %d: the row is at another account than %q", n+1, step.at)
				}
			}
		})
	}
	// Charges of an earlier schema have no key of their payment.
	old := f.registered(t, f.paying(f.charge(100), first, false))
	f.must(t, `UPDATE charges SET payment_key = NULL WHERE id = $1`, old.ID)
	if stored, got := f.register(t, f.paying(old, "", true)); got != "again" || stored.ID != old.ID {
		t.Errorf("an old row: %s, %s", got, stored.ID)
	}
	// Another channel's payment may have the same number.
	other := f.paying(old, second, true)
	other.Channel = "alipay"
	if stored, got := f.register(t, other); got != "new" || stored.ChannelAccount != second {
		t.Errorf("another channel's: %s at %q", got, stored.ChannelAccount)
	}
	// The same within one batch.
	c := f.charge(100)
	results, err := f.RegisterCharges(t.Context(), []refund.Charge{f.paying(c, "", true), f.paying(c, first, false), f.paying(c, second, true)}, nil)
	if err != nil || results[0].Again || !results[1].Again || !results[2].Again {
		t.Fatalf("in one batch: %+v, %v", results, err)
	}
	if stored := f.readCharge(t, results[0].Charge.ID); stored.ChannelAccount != first || results[2].Charge.ID != stored.ID {
		t.Errorf("in one batch: at %q", stored.ChannelAccount)
	}
}

// paymentAtOnce: processes may disagree for a moment about which account takes a
// channel.
func paymentAtOnce(t *testing.T, f *fixture) {
	first, second := f.twoAccounts(t)
	for round := range 8 {
		c := f.charge(100)
		third, routed := first, false
		if round%2 == 1 { // nobody names an account, and two are found
			third, routed = second, true
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		ids, made := make(map[string]bool), 0
		for n := range 9 {
			all.Go(func() {
				sent := []refund.Charge{f.paying(c, "", true), f.paying(c, first, true), f.paying(c, third, routed)}
				stored, again, err := f.RegisterCharge(t.Context(), sent[n%len(sent)], nil)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				ids[stored.ID] = true
				if !again {
					made++
				}
			})
		}
		all.Wait()
		if len(ids) != 1 || made != 1 {
			t.Errorf("round %d: %d charges were made, and %d ids answered", round, made, len(ids))
		}
	}
}

// routedByRefund: the account that a decision found is written with it, unless
// another charge is there with the transaction id.
func routedByRefund(t *testing.T, f *fixture) {
	first, _ := f.twoAccounts(t)
	c, got := f.register(t, f.paying(f.charge(100), "", true))
	if got != "new" {
		t.Fatal(got)
	}
	book := refund.RuleBook{Route: func(string) string { return first }}
	accept := func(c refund.Charge) error {
		return f.InTx(t.Context(), func(tx intake.Tx) error {
			key := refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}
			locked, err := tx.LockCharges(t.Context(), []refund.ChargeKey{key})
			if err != nil {
				return err
			}
			unit := refund.Unit{MerchantID: c.MerchantID, Requests: []refund.Request{request(c, 10)}}
			changes, refusal := refund.Accept(map[string]refund.Charge{c.ID: locked[key]}, unit, book, at(2))
			if refusal != nil {
				return refusal
			}
			return tx.Insert(t.Context(), changes)
		})
	}
	if err := accept(c); err != nil {
		t.Fatal(err)
	}
	if stored := f.readCharge(t, c.ID); stored.ChannelAccount != first || stored.Reserved != 10 {
		t.Errorf("the charge is at %q and holds %d", stored.ChannelAccount, stored.Reserved)
	}
	if stored, got := f.register(t, f.paying(c, "", true)); got != "again" || stored.ID != c.ID {
		t.Errorf("registered again: %s as %s", got, stored.ID)
	}

	mine := f.registered(t, f.paying(f.charge(100), first, false))
	other := f.paying(mine, "", true)
	other.Channel = "alipay" // another payment, for all that is known
	other, _ = f.register(t, other)
	wantKind(t, accept(other), refund.KindChargeConflict)
	if stored := f.readCharge(t, other.ID); stored.ChannelAccount != "" || stored.Reserved != 0 {
		t.Errorf("the refused refund left %q and %d", stored.ChannelAccount, stored.Reserved)
	}
}
