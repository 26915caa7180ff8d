package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
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
