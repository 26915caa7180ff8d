package store_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestWhoIsBehindAKeyOrAUserIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, now := t.Context(), time.Now().UTC().Truncate(time.Microsecond)
		is := func(a audit.Actor, at time.Time, want audit.Behind) {
			t.Helper()
			if got, err := s.Behind(ctx, a, at); err != nil || got != want {
				t.Errorf("behind %s stands %q, %v", a, got, err)
			}
		}
		by := func(at time.Time, action string) refund.Action {
			return refund.Action{Record: audit.New(audit.ByUser("ann@example.com"), "", action, "usr_1", at)}
		}
		u := aUser(t, s, "usr_1")
		user := audit.ByUser(u.Email)
		is(user, now, "")
		if err := s.SetPassword(ctx, u.ID, "another", "", "user ann@example.com, key key_1", by(now, "user.password")); err != nil {
			t.Fatal(err)
		}
		is(user, now, "user ann@example.com, key key_1")
		if err := s.SetPassword(ctx, u.ID, "own", "", "", by(now.Add(time.Hour), "user.password")); err != nil {
			t.Fatal(err)
		}
		is(user, now.Add(merchant.ResetTime-1), "user ann@example.com, key key_1")
		is(user, now.Add(merchant.ResetTime), "")
		if err := s.ClearTOTP(ctx, u.ID, "user ben@example.com", by(now.Add(2*time.Hour), "user.totp_reset")); err != nil {
			t.Fatal(err)
		}
		is(user, now.Add(merchant.ResetTime), "user ben@example.com")
		listed, err := s.Users(ctx)
		if err != nil || len(listed) != 1 || listed[0].PasswordBy != "user ann@example.com, key key_1" || !listed[0].PasswordAt.Equal(now) ||
			!listed[0].OwnPasswordAt.Equal(now.Add(time.Hour)) || listed[0].TOTPResetBy != "user ben@example.com" {
			t.Errorf("%+v, %v", listed, err)
		}
		made := u
		made.ID, made.Email, made.PasswordBy, made.PasswordAt = "usr_2", "two@example.com", "user ann@example.com", now
		if err := s.AddUser(ctx, made, "hash", nil, by(now, "user.add")); err != nil {
			t.Fatal(err)
		}
		is(audit.ByUser(made.Email), now.Add(100*time.Hour), "user ann@example.com")
		is(audit.ByUser("nobody@example.com"), now, "")
		is(audit.ByCommand("root"), now, "")

		fresh, err := merchant.NewFresh("people", merchant.Test, nil, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AddMerchant(ctx, fresh, refund.Action{Record: audit.New(audit.ByCommand("test"), fresh.Merchant.ID, "merchant.add", fresh.Merchant.ID, now)}); err != nil {
			t.Fatal(err)
		}
		key := merchant.FreshKey{Secret: "s", Key: merchant.Key{
			ID: "key_9", Dialect: "native", MerchantID: fresh.Merchant.ID, Scopes: []merchant.Scope{merchant.ScopeApprove}, CreatedAt: now, MadeBy: "user ann@example.com",
		}}
		if err := s.AddKey(ctx, key, refund.Action{Record: audit.New(audit.ByCommand("test"), fresh.Merchant.ID, "key.add", key.Key.ID, now)}); err != nil {
			t.Fatal(err)
		}
		is(audit.ByKey("key_9"), now, "user ann@example.com")
		is(audit.ByKey("key_gone"), now, "")
		keys, err := s.Keys(ctx, fresh.Merchant.ID)
		if err != nil || len(keys) != 1 || keys[0].MadeBy != "user ann@example.com" {
			t.Errorf("%+v, %v", keys, err)
		}
		for besides, want := range map[audit.Actor]int{audit.ByUser("ann@example.com"): 0, audit.ByUser("cleo@example.com"): 1, audit.ByKey("key_9"): 0} {
			if n, err := s.OtherHolders(ctx, fresh.Merchant.ID, merchant.ScopeApprove, audit.Person{Actor: besides}); err != nil || n != want {
				t.Errorf("besides %s there are %d, %v", besides, n, err)
			}
		}
	})
}
