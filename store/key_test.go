package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// A Payin client has a secret of its own: sealed in the table, opened for its
// caller, and listed to nobody.
func TestAClientsSecretIsItsCallersAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := freshMerchant(t, merchant.Payin)
		addMerchant(t, s, f)
		client := described(t, merchant.Payin).NewKey(f.Merchant, f.Identities[0].Name, nil, noon)
		own := client.Key.Secrets[merchant.ClientSecret]
		if err := s.AddKey(t.Context(), client, storetest.Record(client.Key.MerchantID)); err != nil {
			t.Fatal(err)
		}
		rows, err := s.Texts(t.Context(), `SELECT hash || hint || settings || sealed FROM api_keys`)
		if err != nil || len(rows) != len(f.Keys)+1 {
			t.Fatalf("rows %v, %v", rows, err)
		}
		for _, row := range rows {
			if strings.Contains(row, own) {
				t.Errorf("the secret stands in %s", row)
			}
		}
		caller, err := s.Caller(t.Context(), merchant.Payin, client.Secret)
		if diff := cmp.Diff(client.Key, caller.Key); err != nil || diff != "" {
			t.Errorf("caller: %v (-added +read)\n%s", err, diff)
		}
		first, err := s.Caller(t.Context(), merchant.Payin, f.Key(merchant.Payin))
		if err != nil || first.Key.Secrets != nil || first.Key.Public[merchant.ClientID] == "" || first.Key.Public[merchant.ClientID] == client.Key.Public[merchant.ClientID] {
			t.Errorf("the merchant's first client: %+v, %v", first.Key, err)
		}
		keys, err := s.Keys(t.Context(), f.Merchant.ID)
		if err != nil || len(keys) != len(f.Keys)+1 {
			t.Fatalf("keys %v, %v", keys, err)
		}
		for _, key := range keys {
			if key.Secrets != nil {
				t.Errorf("key %s is listed with %v", key.ID, key.Secrets)
			}
		}
	})
}

// A key that ends soon is one alert, also after somebody has looked at it; one
// whose end was moved is another.
func TestAKeyThatEndsSoonIsOneAlert(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := freshMerchant(t, merchant.Native)
		addMerchant(t, s, f)
		now, week := time.Now().UTC().Truncate(time.Microsecond), 7*24*time.Hour
		for _, end := range []time.Time{{}, now.Add(-time.Hour), now.Add(week + time.Hour), now.Add(3 * 24 * time.Hour)} {
			key := described(t, merchant.Native).NewKey(f.Merchant, "", nil, noon)
			key.Key.ExpiresAt = end
			if err := s.AddKey(t.Context(), key, storetest.Record(key.Key.MerchantID)); err != nil {
				t.Fatal(err)
			}
		}
		look := func(at time.Time, want int) {
			t.Helper()
			if raised, err := s.AlertExpiringKeys(t.Context(), at, week); err != nil || raised != want {
				t.Errorf("%d alerts, %v, want %d", raised, err, want)
			}
		}
		look(now, 1)
		look(now, 0)
		alerts, _, err := s.Alerts(t.Context(), f.Merchant.ID, false, refund.Page{Limit: 10})
		if err != nil || len(alerts) != 1 || alerts[0].Times != 1 {
			t.Fatalf("alerts %+v, %v", alerts, err)
		}
		if _, err := s.AckAlert(t.Context(), f.Merchant.ID, alerts[0].ID, storetest.Record(f.Merchant.ID), now); err != nil {
			t.Fatal(err)
		}
		look(now, 0)
		look(now.Add(2*time.Hour), 1) // of the key that ended a week and an hour later
	})
}
