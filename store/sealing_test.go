package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/store/verify"
)

// both is a keyring with the tests' master key and another.
func both(t *testing.T, fill byte) *secret.Keyring {
	t.Helper()
	k, err := secret.New(bytes.Repeat([]byte{1}, secret.MasterBytes), bytes.Repeat([]byte{fill}, secret.MasterBytes))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A rotation is ended in the middle, at each of its pages, and run again, while
// another process makes merchants. In the end everything opens under the new key, and
// the old one is refused.
func TestARotationOfTheMasterKeyThatIsCutOffGoesOn(t *testing.T) {
	eachURL(t, func(t *testing.T, url string) {
		first := storetest.Open(t, url)
		if err := first.CheckMasterKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		made := make(map[string][]merchant.Identity) // by merchant
		add := func(s *store.Store) {
			f := freshMerchant(t, merchant.PingPP, merchant.Payin, merchant.WeChatPay)
			addMerchant(t, s, f)
			made[f.Merchant.ID] = identitiesOf(t, s, f.Merchant.ID)
		}
		opens := func(s *store.Store) {
			t.Helper()
			for merchantID, want := range made {
				if diff := cmp.Diff(want, identitiesOf(t, s, merchantID)); diff != "" {
					t.Errorf("(-before +now): %s", diff)
				}
			}
		}
		for range 30 {
			add(first)
		}
		old, next := keyring(t, 1).ID(), keyring(t, 2).ID()
		cut := errors.New("killed")
		for pages := 1; ; pages++ {
			s := storetest.Open(t, url)
			s.UseKeyring(both(t, 2))
			n := 0
			_, err := s.RotateMasterKey(t.Context(), next, 0, func(int64) error {
				if n++; n == pages && pages < 4 {
					return cut
				}
				return nil
			})
			if err == nil {
				break
			}
			if !errors.Is(err, cut) {
				t.Fatal(err)
			}
			// The one that serves knows both by now, and seals under the new one.
			first.UseKeyring(both(t, 2))
			add(first)
			opens(first)
			if under, err := first.NextMasterKey(t.Context()); err != nil || under != next {
				t.Errorf("the rotation is to %q, %v", under, err)
			}
			findings(t, s)
			third := storetest.Open(t, url)
			if err := third.CheckMasterKey(t.Context()); !errors.Is(err, secret.ErrOtherKey) {
				t.Errorf("a process that knows the old key alone starts in a rotation: %v", err)
			}
			third.UseKeyring(both(t, 3))
			if err := third.BeginMasterKey(t.Context(), keyring(t, 3).ID()); !errors.Is(err, secret.ErrOtherKey) {
				t.Errorf("a rotation to another key begins beside it: %v", err)
			}
		}
		s := storetest.Open(t, url)
		if err := s.CheckMasterKey(t.Context()); !errors.Is(err, secret.ErrOtherKey) {
			t.Errorf("the old key: %v", err)
		}
		s.UseKeyring(keyring(t, 2))
		if err := s.CheckMasterKey(t.Context()); err != nil {
			t.Error(err)
		}
		add(s)
		opens(s)
		if current, replaced, err := s.MasterKeys(t.Context()); err != nil || current != next || !slices.Equal(replaced, []string{old}) {
			t.Errorf("the database's is %s, %v were replaced, %v; want %s, %s", current, replaced, err, next, old)
		}
		if hosts, err := s.OtherHosts(t.Context()); err != nil || len(hosts) > 0 {
			t.Errorf("all connections are this host's: %v, %v", hosts, err)
		}
		if under, err := s.NextMasterKey(t.Context()); err != nil || under != "" {
			t.Errorf("a rotation to %q is under way, %v", under, err)
		}
		counts, err := s.SealedCounts(t.Context())
		if err != nil || counts[next] == 0 || len(counts) != 1 {
			t.Errorf("sealed are %v, %v; the old key is %s", counts, err, old)
		}
		findings(t, s)
	})
}

func findings(t *testing.T, s *store.Store) {
	t.Helper()
	found, err := verify.Run(t.Context(), s.DB())
	if err != nil || len(found) > 0 {
		t.Errorf("verify: %+v, %v", found, err)
	}
}

// identitiesOf are a merchant's, with their secrets opened.
func identitiesOf(t *testing.T, s *store.Store, merchantID string) []merchant.Identity {
	t.Helper()
	identities, err := s.Identities(t.Context(), merchantID)
	if err != nil {
		t.Fatal(err)
	}
	return identities
}

// A value that can't be opened ends the rotation without the old key's end.
func TestARotationDoesNotEndWhileSomethingCannotBeOpened(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if err := s.CheckMasterKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		f := freshMerchant(t, merchant.Payin)
		addMerchant(t, s, f)
		if err := s.Exec(t.Context(), `UPDATE identities SET sealed = sealed || 'x' WHERE merchant_id = $1`, f.Merchant.ID); err != nil {
			t.Fatal(err)
		}
		s.UseKeyring(both(t, 2))
		next := keyring(t, 2).ID()
		if _, err := s.RotateMasterKey(t.Context(), next, 0, nil); !errors.Is(err, secret.ErrBroken) {
			t.Errorf("the rotation: %v", err)
		}
		if err := s.EndMasterKey(t.Context(), next); err == nil {
			t.Error("it can be ended all the same")
		}
		s.UseKeyring(keyring(t, 1))
		if found, err := s.Identities(t.Context(), f.Merchant.ID); err != nil || len(found) == 0 || !found[0].Unreadable {
			t.Errorf("the damaged value opens: %v, %v", found, err)
		}
	})
}

// What another process begins to seal is known a moment later, also where it has not
// been told of the new key.
func TestAProcessWithoutTheNewKeySealsNothingInARotation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if err := s.CheckMasterKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.UseKeyring(both(t, 2))
		if err := s.BeginMasterKey(t.Context(), keyring(t, 2).ID()); err != nil {
			t.Fatal(err)
		}
		s.UseKeyring(keyring(t, 1))
		f := freshMerchant(t, merchant.Payin)
		if err := s.AddMerchant(t.Context(), f, storetest.Record(f.Merchant.ID)); !errors.Is(err, secret.ErrOtherKey) {
			t.Errorf("it seals: %v", err)
		}
	})
}

// Every table with sealed values is one whose values a rotation seals anew.
func TestARotationForgetsNoTable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		text := `SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = $1`
		if s.SQLite() {
			text = `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = $1 WHERE m.type = 'table'`
		}
		tables, err := s.Texts(t.Context(), text, "sealed")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(tables)
		if got, want := fmt.Sprint(tables), fmt.Sprint(store.SealedTables()); got != want {
			t.Errorf("sealed values are in %s, and sealed anew are those of %s", got, want)
		}
	})
}
