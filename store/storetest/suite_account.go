package storetest

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// opened adds an account with a setting and a secret and returns it as it is
// read.
func (f *fixture) opened(t *testing.T) merchant.ChannelAccount {
	t.Helper()
	f.must(t, `INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, 'm', 'live', 1)`, f.merchant)
	a := merchant.ChannelAccount{
		ID: "toy_" + f.merchant, MerchantID: f.merchant, Channel: "toy", Takes: []string{"wx", "wx_pub"}, Default: true,
		Settings: map[string]string{"mchid": "1900009191"}, Secrets: map[string]string{"key": "first"}, CreatedAt: at(0),
	}
	if err := f.AddAccount(t.Context(), a, f.record("account.change", "")); err != nil {
		t.Fatal(err)
	}
	return f.readAccount(t, a.ID)
}

func (f *fixture) readAccount(t *testing.T, id string) merchant.ChannelAccount {
	t.Helper()
	a, err := f.ChannelAccount(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// renew gives an account another secret as its next version.
func (f *fixture) renew(t *testing.T, id, secret string, now, retiresAt time.Time) merchant.ChannelAccount {
	t.Helper()
	a, err := f.ChangeAccount(t.Context(), f.merchant, id, f.record("account.change", ""), now, func(a *merchant.ChannelAccount) error {
		*a = a.Renew(a.Settings, map[string]string{"key": secret}, retiresAt)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// accountIsRead: an account is read as it was added; a list has no secrets, and
// neither has the row.
func accountIsRead(t *testing.T, f *fixture) {
	a := f.opened(t)
	want := merchant.ChannelAccount{
		ID: "toy_" + f.merchant, MerchantID: f.merchant, Channel: "toy", State: merchant.AccountActive, Takes: []string{"wx", "wx_pub"},
		Default: true, Version: 1, Settings: map[string]string{"mchid": "1900009191"}, Secrets: map[string]string{"key": "first"},
		Mode: merchant.Live, CreatedAt: at(0), UpdatedAt: at(0),
	}
	if diff := cmp.Diff(want, a, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-added +read): %s", diff)
	}
	list, err := f.ChannelAccounts(t.Context(), f.merchant)
	want.Secrets, want.Mode = nil, ""
	if diff := cmp.Diff([]merchant.ChannelAccount{want}, list, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("listed %v (-added +listed): %s", err, diff)
	}
	if touched, err := f.exec(t, `UPDATE channel_accounts SET updated_at = 0 WHERE id = $1 AND (settings LIKE '%first%' OR sealed LIKE '%first%')`, a.ID); err != nil || touched != 0 {
		t.Errorf("the secret stands in the row in clear: %d, %v", touched, err)
	}
	_, err = f.ChannelAccount(t.Context(), "toy_none")
	wantKind(t, err, refund.KindNotFound)
}

// accountChanges: a change is made under a lock by the merchant alone, and an
// error undoes it.
func accountChanges(t *testing.T, f *fixture) {
	a := f.opened(t)
	refused := errors.New("no")
	_, err := f.ChangeAccount(t.Context(), f.merchant, a.ID, f.record("account.change", ""), at(1), func(a *merchant.ChannelAccount) error {
		a.State, a.Takes = merchant.AccountClosed, nil
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("the change's own error: %v", err)
	}
	_, err = f.ChangeAccount(t.Context(), "mer_other", a.ID, f.record("account.change", ""), at(1), func(*merchant.ChannelAccount) error { return nil })
	wantKind(t, err, refund.KindNotFound)
	_, err = f.ChangeAccount(t.Context(), f.merchant, "toy_none", f.record("account.change", ""), at(1), func(*merchant.ChannelAccount) error { return nil })
	wantKind(t, err, refund.KindNotFound)
	if diff := cmp.Diff(a, f.readAccount(t, a.ID)); diff != "" {
		t.Errorf("refused changes left (-before +after): %s", diff)
	}
	if _, err := f.ChangeAccount(t.Context(), f.merchant, a.ID, f.record("account.change", ""), at(1), func(*merchant.ChannelAccount) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if linked, err := f.LinkAudit(t.Context(), f.merchant); err != nil || linked != 1 {
		t.Errorf("adding the account, and nothing else, left %d records, %v", linked, err)
	}
	_, err = f.ChangeAccount(t.Context(), f.merchant, a.ID, refund.Action{}, at(1), func(a *merchant.ChannelAccount) error {
		a.State = merchant.AccountPaused
		return nil
	})
	if !errors.Is(err, audit.ErrNoActor) || f.readAccount(t, a.ID).State != merchant.AccountActive {
		t.Errorf("a change that nobody made: %v", err)
	}

	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			_, err := f.ChangeAccount(t.Context(), f.merchant, a.ID, f.record("account.change", ""), at(2), func(a *merchant.ChannelAccount) error {
				*a = a.Renew(a.Settings, map[string]string{"key": strconv.Itoa(n)}, at(3))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if a = f.readAccount(t, a.ID); a.Version != 9 || !a.UpdatedAt.Equal(at(2)) {
		t.Errorf("after eight changes at once it is at version %d of %v", a.Version, a.UpdatedAt)
	}
}

// accountVersions: the version before is there until it retires; then its
// secrets are forgotten.
func accountVersions(t *testing.T, f *fixture) {
	a := f.opened(t)
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	f.renew(t, a.ID, "second", at(1), later)
	a = f.readAccount(t, a.ID)
	want := []merchant.AccountVersion{{Version: 1, Settings: a.Settings, Secrets: map[string]string{"key": "first"}, RetiresAt: later}}
	if diff := cmp.Diff(want, a.Previous); a.Version != 2 || a.Secrets["key"] != "second" || diff != "" {
		t.Errorf("version %d with %v (-want +got): %s", a.Version, a.Secrets, diff)
	}
	// Another change takes the first version's life and gives the second none.
	_, err := f.ChangeAccount(t.Context(), f.merchant, a.ID, f.record("account.change", ""), at(5), func(a *merchant.ChannelAccount) error {
		a.Previous[0].RetiresAt = at(4)
		*a = a.Renew(map[string]string{"mchid": "1900009192"}, a.Secrets, at(5))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if a = f.readAccount(t, a.ID); a.Version != 3 || a.Settings["mchid"] != "1900009192" || len(a.Previous) != 0 {
		t.Errorf("version %d with %v and %d before it", a.Version, a.Settings, len(a.Previous))
	}
	touched, err := f.exec(t, `UPDATE channel_account_versions SET sealed = '' WHERE account_id = $1 AND sealed = ''`, a.ID)
	if err != nil || touched != 2 {
		t.Errorf("of two retired versions %d have no secrets, %v", touched, err)
	}
}

// accountSeals: a version's secrets open in its own place alone.
func accountSeals(t *testing.T, f *fixture) {
	a := f.opened(t)
	f.must(t, `INSERT INTO channel_accounts (id, merchant_id, connector, sealed, created_at) SELECT 'toy_copy', merchant_id, connector, sealed, 1
		FROM channel_accounts WHERE id = $1`, a.ID)
	if copied, err := f.ChannelAccount(t.Context(), "toy_copy"); err == nil {
		t.Errorf("a copied secret opens: %v", copied.Secrets)
	}
}

// resumeSends: what a pause kept back is due when it ends, and nothing else is.
func resumeSends(t *testing.T, f *fixture) {
	a := f.opened(t)
	c := f.charge(100)
	c.ChannelAccount = a.ID
	c = f.registered(t, c)
	byHand := request(c, 10)
	byHand.HoldUntil = at(100)
	refunds := f.accept(t, c, at(2), request(c, 10), request(c, 10), byHand)
	// The first was put off, the second is being called about.
	f.must(t, `UPDATE refunds SET due_at = $2 WHERE id = $1`, refunds[0].ID, at(50).UnixMicro())
	f.must(t, `UPDATE refunds SET due_at = $2, lease_until = $2 WHERE id = $1`, refunds[1].ID, at(60).UnixMicro())
	set := func(state merchant.AccountState, now time.Time) {
		t.Helper()
		_, err := f.ChangeAccount(t.Context(), f.merchant, a.ID, f.record("account.change", ""), now, func(a *merchant.ChannelAccount) error {
			a.State = state
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(merchant.AccountPaused, at(3))
	for n, want := range []time.Time{at(50), at(60), at(100)} {
		if got := f.readRefund(t, refunds[n].ID).DueAt; !got.Equal(want) {
			t.Errorf("paused, refund %d is due at %v, not %v", n, got, want)
		}
	}
	set(merchant.AccountActive, at(4))
	for n, want := range []time.Time{at(4), at(60), at(100)} {
		if got := f.readRefund(t, refunds[n].ID).DueAt; !got.Equal(want) {
			t.Errorf("resumed, refund %d is due at %v, not %v", n, got, want)
		}
	}
}
