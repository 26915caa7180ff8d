package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func freshMerchant(t *testing.T, with ...string) merchant.Fresh {
	t.Helper()
	dialects, err := service.Dialects().Only(with...)
	if err != nil {
		t.Fatal(err)
	}
	f, err := merchant.NewFresh("shop", merchant.Test, dialects, nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	f.Merchant.Name += " " + f.Merchant.ID // no two merchants have one name
	return f
}

func described(t *testing.T, name string) merchant.Dialect {
	t.Helper()
	d, ok := service.Dialects().Find(name)
	if !ok {
		t.Fatalf("there is no dialect %s", name)
	}
	return d
}

func addMerchant(t *testing.T, s *store.Store, f merchant.Fresh) {
	t.Helper()
	if err := s.AddMerchant(t.Context(), f, storetest.Record(f.Merchant.ID)); err != nil {
		t.Fatal(err)
	}
}

func TestAMerchantIsReadAsItWasAdded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := freshMerchant(t, merchant.PingPP, merchant.Wallet, merchant.Payin)
		f.Merchant.Settings.WaitSeconds = map[string]int{merchant.PingPP: 3}
		addMerchant(t, s, f)

		byID, err := s.MerchantByID(t.Context(), f.Merchant.ID)
		if diff := cmp.Diff(f.Merchant, byID); err != nil || diff != "" {
			t.Errorf("by id: %v %s", err, diff)
		}
		byName, err := s.MerchantByName(t.Context(), f.Merchant.Name)
		if diff := cmp.Diff(f.Merchant, byName); err != nil || diff != "" {
			t.Errorf("by name: %v %s", err, diff)
		}
		all, err := s.Merchants(t.Context())
		if diff := cmp.Diff([]merchant.Merchant{f.Merchant}, all); err != nil || diff != "" {
			t.Errorf("all: %v %s", err, diff)
		}
		identities, err := s.Identities(t.Context(), f.Merchant.ID)
		if err != nil || len(identities) != 3 {
			t.Fatalf("identities %v, %v", identities, err)
		}
		for _, want := range f.Identities {
			found := false
			for _, got := range identities {
				found = found || got.Name == want.Name && maps.Equal(f.Kept(want).Secrets, got.Secrets) && maps.Equal(want.Public, got.Public)
			}
			if !found {
				t.Errorf("%s %s is not among %+v", want.Dialect, want.Name, identities)
			}
		}
		accounts, err := s.ChannelAccounts(t.Context(), f.Merchant.ID)
		if diff := cmp.Diff(f.Accounts, accounts); err != nil || diff != "" {
			t.Errorf("accounts: %v %s", err, diff)
		}
		if opened, err := s.ChannelAccount(t.Context(), accounts[0].ID); opened.Channel != merchant.ChannelSandbox || opened.Mode != f.Merchant.Mode || err != nil {
			t.Errorf("opened %v, %v", opened, err)
		}
		keys, err := s.Keys(t.Context(), f.Merchant.ID)
		if err != nil || len(keys) != len(f.Keys) {
			t.Errorf("keys %+v, %v", keys, err)
		}
		for _, key := range f.Keys {
			caller, err := s.Caller(t.Context(), key.Key.Dialect, key.Secret)
			if diff := cmp.Diff(merchant.Caller{Merchant: f.Merchant, Key: key.Key}, caller); err != nil || diff != "" {
				t.Errorf("caller in %s: %v %s", key.Key.Dialect, err, diff)
			}
		}
	})
}

func TestAddingTheDemoMerchantAgainChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var before []merchant.Identity
		for range 2 {
			f, err := merchant.NewDemo(service.Dialects(), before, noon)
			if err != nil {
				t.Fatal(err)
			}
			if made, ok := f.Identity(merchant.WeChatPay); before != nil && (!ok || made.Secrets[merchant.MerchantKeyPEM] != before[len(before)-1].Secrets[merchant.MerchantKeyPEM]) {
				t.Error("key pairs were made that nobody needs")
			}
			if before == nil { // an older program knew fewer scopes
				native := &f.Keys[len(f.Keys)-1].Key
				native.Scopes = merchant.StandardScopes()
			}
			addMerchant(t, s, f)
			now, err := s.Identities(t.Context(), merchant.DemoID)
			if err != nil || len(now) != 5 {
				t.Fatalf("identities %v, %v", now, err)
			}
			if before != nil && !cmp.Equal(before, now) {
				t.Error("the key pairs are new ones")
			}
			before = now
		}
		keys, err := s.Keys(t.Context(), merchant.DemoID)
		if err != nil || !slices.ContainsFunc(keys, func(k merchant.Key) bool { return k.May(merchant.ScopeResolve) }) {
			t.Errorf("no demo key may resolve: %v, %v", keys, err)
		}
		if before[len(before)-1].Secrets[merchant.MerchantKeyPEM] == "" {
			t.Error("the demo's files could not be written again: its private key was not kept")
		}
	})
}

func TestANameThatAnotherMerchantHasIsNotTakenAndNothingIsWritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		first := freshMerchant(t, merchant.PingPP)
		addMerchant(t, s, first)
		for name, change := range map[string]func(*merchant.Fresh){
			"identity": func(f *merchant.Fresh) { f.Identities[0].Name = first.Identities[0].Name },
			"key":      func(f *merchant.Fresh) { f.Keys[0].Secret = first.Keys[0].Secret },
			"account":  func(f *merchant.Fresh) { f.Accounts[0].ID = first.Accounts[0].ID },
		} {
			second := freshMerchant(t, merchant.PingPP)
			change(&second)
			if err := s.AddMerchant(t.Context(), second, storetest.Record(second.Merchant.ID)); err == nil {
				t.Errorf("%s: it was taken", name)
			}
			if _, err := s.MerchantByID(t.Context(), second.Merchant.ID); refund.KindOf(err) != refund.KindNotFound {
				t.Errorf("%s: the merchant was written: %v", name, err)
			}
		}
	})
}

func TestASecondMerchantOfOneNameIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var adding sync.WaitGroup
		var refused atomic.Int64
		for n := range 4 {
			f := freshMerchant(t)
			f.Merchant.Name, f.Merchant.Mode = "shop", []merchant.Mode{merchant.Test, merchant.Live}[n%2]
			adding.Go(func() {
				err := s.AddMerchant(t.Context(), f, storetest.Record(f.Merchant.ID))
				switch {
				case refund.KindOf(err) == refund.KindStateConflict:
					refused.Add(1)
				case err != nil:
					t.Error(err)
				}
			})
		}
		adding.Wait()
		if refused.Load() != 3 {
			t.Errorf("%d of 4 were refused", refused.Load())
		}
		if _, err := s.MerchantByName(t.Context(), "shop"); err != nil {
			t.Error(err)
		}
	})
}

func TestTwoMerchantsOfOneNameAreToldApartByTheirIDs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, id := range []string{"mer_1", "mer_2"} { // as an older program let them be
			if err := s.Exec(t.Context(), `INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, 'shop', 'test', 1)`, id); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.MerchantByName(t.Context(), "shop"); refund.KindOf(err) != refund.KindInvalid {
			t.Errorf("two of a name: %v", err)
		}
		if _, err := s.MerchantByName(t.Context(), "shed"); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("none of a name: %v", err)
		}
	})
}

func TestSecretsAreSealedInTheTable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := freshMerchant(t, merchant.Payin, merchant.Wallet)
		addMerchant(t, s, f)
		if _, err := s.EnsurePlatformKey(t.Context(), merchant.PingPP, platformKey("one")); err != nil {
			t.Fatal(err)
		}
		rows, err := s.Texts(t.Context(), `SELECT sealed FROM identities UNION ALL SELECT sealed FROM platform_keys`)
		if err != nil || len(rows) != 4 {
			t.Fatalf("rows %v, %v", rows, err)
		}
		for _, row := range rows {
			if !strings.HasPrefix(row, "v1.") {
				t.Errorf("not sealed: %s", row)
			}
		}
		everything, err := s.Texts(t.Context(), `SELECT settings || sealed FROM identities UNION ALL SELECT hash || hint || sealed FROM api_keys`)
		if err != nil {
			t.Fatal(err)
		}
		for _, identity := range f.Identities {
			for name, value := range identity.Secrets {
				if strings.Contains(strings.Join(everything, "\n"), value) {
					t.Errorf("%s of %s can be read in the table", name, identity.Dialect)
				}
			}
		}
		for _, key := range f.Keys {
			if strings.Contains(strings.Join(everything, "\n"), key.Secret) {
				t.Errorf("the %s key can be read in the table", key.Key.Dialect)
			}
		}
	})
}

func TestASealedValueDoesNotOpenInAnotherRow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		mine, theirs := freshMerchant(t, merchant.Payin), freshMerchant(t, merchant.Payin)
		addMerchant(t, s, mine)
		addMerchant(t, s, theirs)
		err := s.Exec(t.Context(), `UPDATE identities SET sealed = (SELECT i.sealed FROM identities i WHERE i.merchant_id = $1) WHERE merchant_id = $2`,
			theirs.Merchant.ID, mine.Merchant.ID)
		if err != nil {
			t.Fatal(err)
		}
		listed, err := s.Identities(t.Context(), mine.Merchant.ID)
		if err != nil || len(listed) != 1 || !listed[0].Unreadable || len(listed[0].Secrets) > 0 {
			t.Errorf("listed: %+v, %v", listed, err)
		}
		if _, _, err := s.Identity(t.Context(), merchant.Payin, mine.Identities[0].Name); !errors.Is(err, secret.ErrBroken) || refund.KindOf(err) != refund.KindCorrupt {
			t.Errorf("opened: %v", err)
		}
	})
}

// eachURL runs a test on the URL of a fresh database of each engine.
func eachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, storetest.SQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, storetest.Postgres(t)) })
}

func keyring(t *testing.T, fill byte) *secret.Keyring {
	t.Helper()
	k, err := secret.New(bytes.Repeat([]byte{fill}, secret.MasterBytes))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAnotherMasterKeyIsRefusedWithAHint(t *testing.T) {
	eachURL(t, func(t *testing.T, url string) {
		first, second := storetest.Open(t, url), storetest.Open(t, url)
		for range 2 {
			if err := first.CheckMasterKey(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := second.CheckMasterKey(t.Context()); err != nil {
			t.Errorf("the same key: %v", err)
		}
		second.UseKeyring(keyring(t, 2))
		err := second.CheckMasterKey(t.Context())
		if !errors.Is(err, secret.ErrOtherKey) || !strings.Contains(err.Error(), "hint:") || !strings.Contains(err.Error(), keyring(t, 1).ID()) {
			t.Errorf("another key: %v", err)
		}
	})
}

func TestOnlySealedValuesNeedTheMasterKey(t *testing.T) {
	eachURL(t, func(t *testing.T, url string) {
		f := freshMerchant(t, merchant.PingPP, merchant.Payin)
		addMerchant(t, storetest.Open(t, url), f)
		s, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Migrate(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := s.Caller(t.Context(), merchant.PingPP, f.Key(merchant.PingPP)); err != nil {
			t.Error(err)
		}
		if _, err := s.Merchants(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.AddMerchant(t.Context(), freshMerchant(t, merchant.PingPP), storetest.Record("mer_1")); err != nil {
			t.Errorf("a merchant without secrets: %v", err)
		}
		for name, err := range map[string]error{
			"identities": second(s.Identities(t.Context(), f.Merchant.ID)), "check": s.CheckMasterKey(t.Context()),
			"merchant with secrets": s.AddMerchant(t.Context(), freshMerchant(t, merchant.Payin), storetest.Record("mer_1")),
		} {
			if err == nil || !strings.Contains(err.Error(), "hint:") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func platformKey(text string) func() (merchant.PlatformKey, error) {
	return func() (merchant.PlatformKey, error) {
		return merchant.PlatformKey{ID: "pk_" + text, PublicPEM: "public " + text, PrivatePEM: "private " + text, CreatedAt: noon}, nil
	}
}

func TestReplicasThatStartAtOnceEndUpWithOnePlatformKey(t *testing.T) {
	eachURL(t, func(t *testing.T, url string) {
		const replicas = 6
		stores := make([]*store.Store, replicas)
		for n := range stores {
			stores[n] = storetest.Open(t, url)
		}
		keys, errs := make([]merchant.PlatformKey, replicas), make([]error, replicas)
		var all sync.WaitGroup
		for n, s := range stores {
			all.Go(func() {
				keys[n], errs[n] = s.EnsurePlatformKey(t.Context(), merchant.PingPP, platformKey(fmt.Sprint(n)))
			})
		}
		all.Wait()
		for n := range keys {
			if errs[n] != nil || !cmp.Equal(keys[n], keys[0]) {
				t.Errorf("replica %d has %+v, %v; replica 0 has %+v", n, keys[n], errs[n], keys[0])
			}
		}
		for _, find := range []func() (merchant.PlatformKey, error){
			func() (merchant.PlatformKey, error) { return stores[0].PlatformKey(t.Context(), merchant.PingPP) },
			func() (merchant.PlatformKey, error) { return stores[1].PlatformKeyByID(t.Context(), keys[0].ID) },
		} {
			if got, err := find(); err != nil || !cmp.Equal(got, keys[0]) {
				t.Errorf("read %+v, %v", got, err)
			}
		}
		if _, err := stores[0].PlatformKey(t.Context(), merchant.WeChatPay); err == nil {
			t.Error("a purpose without a key has one")
		}
	})
}

func TestAMerchantHasABoundedNumberOfEndpoints(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := freshMerchant(t)
		addMerchant(t, s, f)
		add := func(n int) error {
			_, err := s.AddEndpoint(t.Context(), merchant.Endpoint{
				ID: fmt.Sprintf("ep_%02d", n), MerchantID: f.Merchant.ID, Dialect: merchant.Native,
				URL: fmt.Sprintf("https://shop.example/hook/%d", n), Events: []string{"refund.succeeded", "refund.failed"}, CreatedAt: noon,
			}, storetest.Record(f.Merchant.ID))
			return err
		}
		for n := range 32 {
			if err := add(n); err != nil {
				t.Fatal(err)
			}
		}
		if err := add(32); refund.KindOf(err) != refund.KindInvalid {
			t.Errorf("one too many: %v", err)
		}
		if err := s.DisableEndpoint(t.Context(), f.Merchant.ID, "ep_00", storetest.Record(f.Merchant.ID), noon.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := add(32); err != nil {
			t.Errorf("in the place of a disabled one: %v", err)
		}
		list, err := s.Endpoints(t.Context(), f.Merchant.ID)
		if err != nil || len(list) != 33 || !list[0].DisabledAt.Equal(noon.Add(time.Hour)) || !list[1].DisabledAt.IsZero() {
			t.Errorf("%d endpoints, %v", len(list), err)
		}
		if diff := cmp.Diff([]string{"refund.succeeded", "refund.failed"}, list[0].Events); diff != "" {
			t.Error(diff)
		}
		if err := s.DisableEndpoint(t.Context(), f.Merchant.ID, "ep_99", storetest.Record(f.Merchant.ID), noon); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("one that is not there: %v", err)
		}
	})
}

func TestADisabledMerchantsKeysAreNotKnown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := freshMerchant(t, merchant.PingPP)
		addMerchant(t, s, f)
		id, key := f.Merchant.ID, f.Key(merchant.PingPP)
		for range 2 { // again changes nothing
			m, err := s.DisableMerchant(t.Context(), id, storetest.Record(id), noon)
			if err != nil || !m.DisabledAt.Equal(noon) {
				t.Fatalf("%+v, %v", m, err)
			}
		}
		if _, err := s.Caller(t.Context(), merchant.PingPP, key); refund.KindOf(err) != refund.KindUnauthenticated {
			t.Errorf("its key: %v", err)
		}
		// Its events must still be told: whose identity it is stays known.
		if m, _, err := s.Identity(t.Context(), merchant.PingPP, f.Identities[0].Name); err != nil || !m.Disabled() {
			t.Errorf("its identity: %+v, %v", m, err)
		}
		if m, err := s.EnableMerchant(t.Context(), id, storetest.Record(id)); err != nil || m.Disabled() {
			t.Fatalf("%+v, %v", m, err)
		}
		if _, err := s.Caller(t.Context(), merchant.PingPP, key); err != nil {
			t.Errorf("its key afterwards: %v", err)
		}
		if linked, err := s.LinkAudit(t.Context(), id); err != nil || linked != 3 {
			t.Errorf("%d audit records, %v", linked, err)
		}
		if _, err := s.DisableMerchant(t.Context(), "mer_none", storetest.Record(""), noon); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("nobody: %v", err)
		}
	})
}
