package service

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
)

// Each setting that a dialect's identities had is one of its channel's, of the
// same kind, and no longer the identities' own.
func TestSettingsMovedToWhereTheyAreDescribed(t *testing.T) {
	drivers := (&Service{}).drivers(time.Now, quiet())
	found := 0
	for _, dialect := range Dialects() {
		for _, moved := range dialect.Moved {
			found++
			now, ok := merchant.FindSetting(drivers[moved.Channel].Settings(), moved.As)
			if !ok || now.Secret != moved.Secret {
				t.Errorf("%s.%s moved to %s of %s, which is %+v", dialect.Name, moved.Name, moved.As, moved.Channel, now)
			}
			if _, still := dialect.Setting(moved.Name); still {
				t.Errorf("%s.%s moved and is still there", dialect.Name, moved.Name)
			}
		}
	}
	if found == 0 {
		t.Error("nothing moved")
	}
}

// older makes a merchant whose first wallet has values as earlier versions kept
// them.
func older(t *testing.T, s *Service, mode merchant.Mode, public, secrets map[string]string, edit func(*merchant.Fresh)) merchant.Fresh {
	t.Helper()
	fresh, err := merchant.NewFresh("older", mode, Dialects(), nil, s.now())
	if err != nil {
		t.Fatal(err)
	}
	fresh.Merchant.Name += fresh.Merchant.ID
	for n := range fresh.Identities {
		if i := &fresh.Identities[n]; i.Dialect == merchant.Wallet {
			i.Public, i.Secrets = over(i.Public, public), over(i.Secrets, secrets)
		}
	}
	if edit != nil {
		edit(&fresh)
	}
	if err := s.Store.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
		t.Fatal(err)
	}
	return fresh
}

func over(values, others map[string]string) map[string]string {
	out := make(map[string]string)
	for _, all := range []map[string]string{values, others} {
		for name, value := range all {
			out[name] = value
		}
	}
	return out
}

// chinaUMSOf are the values that a merchant's wallets still have, and those of its
// sandbox accounts with their versions, as lines.
func chinaUMSOf(t *testing.T, s *Service, merchantID string) []string {
	t.Helper()
	var lines []string
	add := func(where string, all ...map[string]string) {
		for _, values := range all {
			for name, value := range values {
				if strings.HasPrefix(name, "chinaums") {
					lines = append(lines, where+" "+name+"="+value)
				}
			}
		}
	}
	identities, err := s.Store.Identities(t.Context(), merchantID)
	if err != nil {
		t.Fatal(err)
	}
	for n, i := range identities {
		add("identity "+string(rune('0'+n)), i.Public, i.Secrets)
		if i.Dialect == merchant.Wallet && (i.Secrets[merchant.PlatformSecretKey] == "" || i.Public[merchant.MerchantPublicKey] == "") {
			t.Errorf("the wallet lost its keys: %v", i.Public)
		}
	}
	accounts, err := s.admin.Accounts(t.Context(), merchantID)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		where := "account"
		if a.State == merchant.AccountClosed {
			where = "closed account"
		}
		add(where, a.Settings, a.Secrets)
		lines = append(lines, where+" version "+string(rune('0'+a.Version)))
	}
	slices.Sort(lines)
	return lines
}

func TestWhatAWalletKeptMovesToTheSandboxAccountOnce(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		opts := Options{Database: database, Data: t.TempDir()}
		s := start(t, opts)
		public, secrets := map[string]string{"chinaums.mid": "100000000000001", "chinaums.sign_type": "SHA256"}, map[string]string{"chinaums.key": "k"}
		// at is an account of the merchant besides its first.
		at := func(f *merchant.Fresh, edit func(*merchant.ChannelAccount)) {
			account := f.Accounts[0]
			account.ID, account.CreatedAt = merchant.NewAccountID(account.Channel), account.CreatedAt.Add(time.Second)
			edit(&account)
			f.Accounts = append(f.Accounts, account)
		}
		tests := []struct {
			name  string
			fresh merchant.Fresh
			want  []string
		}{
			{"one wallet, one account", older(t, s, merchant.Test, public, secrets, nil), []string{
				"account chinaums_communication_key=k", "account chinaums_mid=100000000000001", "account chinaums_sign_type=SHA256", "account version 2",
			}},
			{"an account with a value of its own, which counts", older(t, s, merchant.Test, public, nil, func(f *merchant.Fresh) {
				f.Accounts[0].Settings = map[string]string{"chinaums_mid": "2", "chinaums_tid": "3"}
			}), []string{
				"account chinaums_mid=2", "account chinaums_sign_type=SHA256", "account chinaums_tid=3", "account version 2", "identity 2 chinaums.mid=100000000000001",
			}},
			{"a value that the account has already", older(t, s, merchant.Test, public, secrets, func(f *merchant.Fresh) {
				f.Accounts[0].Settings = map[string]string{"chinaums_mid": "100000000000001", "chinaums_sign_type": "SHA256"}
				f.Accounts[0].Secrets = map[string]string{"chinaums_communication_key": "k"}
			}), []string{"account chinaums_communication_key=k", "account chinaums_mid=100000000000001", "account chinaums_sign_type=SHA256", "account version 1"}},
			{"a value that the account's driver refuses", older(t, s, merchant.Test, map[string]string{"chinaums.sign_type": "SM3"}, nil, nil), []string{
				"account version 1", "identity 2 chinaums.sign_type=SM3",
			}},
			{"a live merchant, who has no sandbox", older(t, s, merchant.Live, public, secrets, nil), []string{
				"identity 2 chinaums.key=k", "identity 2 chinaums.mid=100000000000001", "identity 2 chinaums.sign_type=SHA256",
			}},
			{"several accounts: the one that takes the wallet's channel", older(t, s, merchant.Test, nil, secrets, func(f *merchant.Fresh) {
				at(f, func(a *merchant.ChannelAccount) {
					a.Takes = []string{"wechat_qrcode"}
					a.Settings = map[string]string{"chinaums_mid": "2"}
				})
			}), []string{"account chinaums_communication_key=k", "account chinaums_mid=2", "account version 1", "account version 2"}},
			{"several accounts: the open one", older(t, s, merchant.Test, nil, secrets, func(f *merchant.Fresh) {
				f.Accounts[0].State = merchant.AccountClosed
				at(f, func(a *merchant.ChannelAccount) { a.State = merchant.AccountActive })
			}), []string{"account chinaums_communication_key=k", "account version 2", "closed account version 1"}},
			{"no account is open", older(t, s, merchant.Test, nil, secrets, func(f *merchant.Fresh) {
				f.Accounts[0].State = merchant.AccountClosed
			}), []string{"closed account chinaums_communication_key=k", "closed account version 2"}},
			{"nothing to move", older(t, s, merchant.Test, nil, nil, nil), []string{"account version 1"}},
		}
		stop(t, s)
		for _, time := range []string{"the first start", "the second start"} {
			s := start(t, opts)
			for _, test := range tests {
				if diff := cmp.Diff(test.want, chinaUMSOf(t, s, test.fresh.Merchant.ID)); diff != "" {
					t.Errorf("%s, %s (-want +got)\n%s", time, test.name, diff)
				}
			}
			records, err := s.Store.AuditRecords(t.Context(), tests[0].fresh.Merchant.ID, 0, 10)
			if err != nil || len(records) != 3 {
				t.Fatalf("%s: %d records, %v", time, len(records), err)
			}
			for n, action := range []string{"test", "account.set", "identity.set"} {
				r := records[n]
				if r.Action != action || n > 0 && r.Actor.Name != "serve, after an upgrade" || strings.Contains(strings.Join(detailsOf(r.Detail), " "), "=k") {
					t.Errorf("%s: record %+v", time, r)
				}
			}
			own, err := s.Store.AuditRecords(t.Context(), tests[1].fresh.Merchant.ID, 0, 10)
			if err != nil || len(own) != 3 || own[1].Detail["setting chinaums_sign_type"] != "SHA256" || own[1].Detail["setting chinaums_mid"] != "" {
				t.Errorf("%s: the record of what an account lacked: %+v, %v", time, own, err)
			}
			if found, err := Verify(t.Context(), s.Store); err != nil || len(found) > 0 {
				t.Errorf("%s: verify finds %v, %v", time, found, err)
			}
			stop(t, s)
		}
	})
}

func detailsOf(detail map[string]string) (all []string) {
	for name, value := range detail {
		all = append(all, name+"="+value)
	}
	return all
}

// What stays is said once a start, without its value.
func TestSettingsThatCannotMoveAreLogged(t *testing.T) {
	opts := Options{Database: storetest.SQLite(t), Data: t.TempDir()}
	s := start(t, opts)
	older(t, s, merchant.Live, nil, map[string]string{"chinaums.key": "the secret itself"}, nil)
	var log bytes.Buffer
	s.opts.Log = slog.New(slog.NewTextHandler(&log, nil))
	if err := s.moveSettings(t.Context()); err != nil {
		t.Fatal(err)
	}
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "settings=chinaums.key") || strings.Contains(said, "the secret itself") {
		t.Errorf("logged %s", said)
	}
}

// Replicas start together: what both find is moved by one of them.
func TestTwoReplicasMoveASettingOnce(t *testing.T) {
	opts := Options{Database: storetest.Postgres(t), Data: t.TempDir()}
	one, two := start(t, opts), start(t, opts)
	for range 5 {
		fresh := older(t, one, merchant.Test, map[string]string{"chinaums.mid": "1"}, map[string]string{"chinaums.key": "k"}, nil)
		failed := make(chan error, 2)
		for _, s := range []*Service{one, two} {
			go func() { failed <- s.moveSettings(t.Context()) }()
		}
		for range 2 {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		want := []string{"account chinaums_communication_key=k", "account chinaums_mid=1", "account version 2"}
		if diff := cmp.Diff(want, chinaUMSOf(t, one, fresh.Merchant.ID)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if _, err := one.Store.LinkAudit(t.Context(), fresh.Merchant.ID); err != nil {
			t.Fatal(err)
		}
		records, err := one.Store.AuditRecords(t.Context(), fresh.Merchant.ID, 0, 10)
		if err != nil || len(records) != 3 {
			t.Errorf("%d records, %v", len(records), err)
		}
	}
}
