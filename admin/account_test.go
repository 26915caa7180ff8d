package admin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/manual"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// toy is a driver with settings and a secret.
type toy struct{ manual.Driver }

func (toy) Settings() []merchant.Setting {
	return []merchant.Setting{
		{Name: "mchid", Required: true, Meaning: "the merchant's number"},
		{Name: "note", Meaning: "anything"},
		{Name: "key", Secret: true, Required: true, Meaning: "32 characters"},
	}
}

func (d toy) Open(a channel.Account) (channel.Connector, error) {
	if len(a.Secrets["key"]) != 32 {
		return nil, refund.Errorf(refund.KindInvalid, "key", "key must have 32 characters")
	}
	base, err := d.Driver.Open(a)
	return toyConnector{base, a}, err
}

type toyConnector struct {
	channel.Connector
	account channel.Account
}

func (c toyConnector) Check(ctx context.Context) []channel.Check {
	if c.account.Settings["note"] == "panic" {
		panic(c.account.Secrets["key"])
	}
	_, bounded := ctx.Deadline()
	if !bounded {
		return []channel.Check{{Name: "deadline", Err: errors.New("there is none")}}
	}
	return []channel.Check{{Name: "reach " + c.account.Settings["mchid"]}, {Name: "credentials", Err: errors.New("refused (hint: rotate them)")}}
}

// office is what a test works with: the use cases over one database, with a test
// and a live merchant.
type office struct {
	*admin.Admin
	store      *store.Store
	test, live string
	now        time.Time
}

var root = admin.By{Actor: audit.ByCommand("root")}

func each(t *testing.T, test func(t *testing.T, o *office)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := &office{store: s, now: time.Now().UTC().Truncate(time.Microsecond)}
		channels := channel.NewConnectors(map[string]channel.Driver{
			"toy": toy{}, merchant.ChannelManual: manual.Driver{}, merchant.ChannelSandbox: manual.Driver{},
		}, channel.ConnectorsOptions{Accounts: s.ChannelAccount, Now: func() time.Time { return o.now }})
		o.Admin = admin.New(admin.Services{Store: s, Channels: channels, Now: func() time.Time { return o.now }})
		for mode, id := range map[merchant.Mode]*string{merchant.Test: &o.test, merchant.Live: &o.live} {
			fresh, err := merchant.NewFresh(string(mode), mode, nil, nil, o.now)
			if err == nil {
				err = s.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID))
			}
			if err != nil {
				t.Fatal(err)
			}
			*id = fresh.Merchant.ID
		}
		test(t, o)
	})
}

var (
	keyA = strings.Repeat("a", 32)
	keyB = strings.Repeat("b", 32)
	keyC = strings.Repeat("c", 32)
)

func (o *office) add(t *testing.T, in admin.NewAccount) merchant.ChannelAccount {
	t.Helper()
	a, err := o.AddAccount(t.Context(), root, o.live, in)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (o *office) toy(t *testing.T) merchant.ChannelAccount {
	t.Helper()
	return o.add(t, admin.NewAccount{
		Channel: "toy", Takes: []string{"wx_pub", "wx"}, Settings: map[string]string{"mchid": "1"}, Secrets: map[string]string{"key": keyA},
	})
}

// records are the actions on the live merchant, with their details.
func (o *office) records(t *testing.T) []string {
	t.Helper()
	all, err := o.store.AuditRecords(t.Context(), o.live, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range all {
		if r.Action == "test" { // the merchant was made
			continue
		}
		if r.Actor != root.Actor || r.Hash == "" {
			t.Errorf("%s is of %v, linked as %q", r.Action, r.Actor, r.Hash)
		}
		text := r.Action
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for name := range r.Detail {
				if !yield(name) {
					return
				}
			}
		}) {
			text += ", " + name + "=" + r.Detail[name]
		}
		out = append(out, text)
	}
	return out
}

func TestBadAccountsAreToldInOneLineAndNotStored(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		settings, secrets := map[string]string{"mchid": "1"}, map[string]string{"key": keyA}
		with := func(values map[string]string, name, value string) map[string]string {
			out := map[string]string{name: value}
			for n, v := range values {
				if n != name {
					out[n] = v
				}
			}
			return out
		}
		for _, test := range []struct {
			name, merchant string
			in             admin.NewAccount
			param, text    string
		}{
			{"an unknown channel", o.live, admin.NewAccount{Channel: "paypal"}, "channel", "channel must be one of manual, sandbox, toy"},
			{"a live sandbox", o.live, admin.NewAccount{Channel: "sandbox"}, "channel", "channel sandbox is for test merchants alone: its money is imaginary"},
			{"a second sandbox", o.test, admin.NewAccount{Channel: "sandbox"}, "channel", "the merchant has a sandbox account already: "},
			{"an unknown setting", o.live, admin.NewAccount{Channel: "toy", Settings: with(settings, "mchit", "1"), Secrets: secrets}, "mchit", "mchit: no such setting"},
			{"a setting of an account that has none", o.live, admin.NewAccount{Channel: "manual", Settings: settings}, "mchid", "mchid: no such setting"},
			{"a missing setting", o.live, admin.NewAccount{Channel: "toy", Secrets: secrets}, "mchid", "mchid is required: the merchant's number"},
			{"a missing secret", o.live, admin.NewAccount{Channel: "toy", Settings: settings}, "key", "key is required: 32 characters"},
			{"a secret for a setting", o.live, admin.NewAccount{Channel: "toy", Settings: with(settings, "key", keyA)}, "key", "key is a secret; give it as one"},
			{"a setting for a secret", o.live, admin.NewAccount{Channel: "toy", Settings: settings, Secrets: with(secrets, "note", "x")}, "note", "note is no secret; give it as a setting"},
			{"an empty setting", o.live, admin.NewAccount{Channel: "toy", Settings: with(settings, "mchid", ""), Secrets: secrets}, "mchid", "mchid: must not be empty"},
			{"what the driver can't read", o.live, admin.NewAccount{Channel: "toy", Settings: settings, Secrets: with(secrets, "key", "short")}, "key", "key must have 32 characters"},
			{"a test credential of a live merchant", o.live, admin.NewAccount{Channel: "toy", Settings: settings, Secrets: with(secrets, "key", "sk_test_"+keyA[8:])}, "key", "key: is a test credential, and the merchant is live"},
			{"a live credential of a test merchant", o.test, admin.NewAccount{Channel: "toy", Settings: settings, Secrets: with(secrets, "key", "sk_live_"+keyA[8:])}, "key", "key: is a live credential, and the merchant is a test merchant"},
			{"takes nothing", o.live, admin.NewAccount{Channel: "manual", Takes: []string{}}, "takes", "takes must name channels"},
			{"takes an empty name", o.live, admin.NewAccount{Channel: "manual", Takes: []string{""}}, "takes", "takes must be names"},
			{"takes one twice", o.live, admin.NewAccount{Channel: "manual", Takes: []string{"wx", "wx"}}, "takes", "takes names wx twice"},
			{"takes everything and one", o.live, admin.NewAccount{Channel: "manual", Takes: []string{"*", "wx"}}, "takes", "takes must be names"},
			{"an unknown merchant", "mer_none", admin.NewAccount{Channel: "manual"}, "merchant", "there is no merchant"},
		} {
			t.Run(test.name, func(t *testing.T) {
				before, _ := o.store.ChannelAccounts(t.Context(), test.merchant)
				_, err := o.AddAccount(t.Context(), root, test.merchant, test.in)
				refused := refund.As(err)
				if refused == nil || refused.Param != test.param || !strings.HasPrefix(refused.Detail, test.text) {
					t.Errorf("refused with %v", err)
				}
				if after, _ := o.store.ChannelAccounts(t.Context(), test.merchant); len(after) != len(before) {
					t.Errorf("stored %v", after)
				}
			})
		}
		if _, err := o.AddAccount(t.Context(), admin.By{}, o.live, admin.NewAccount{Channel: "manual"}); !errors.Is(err, audit.ErrNoActor) {
			t.Errorf("by nobody: %v", err)
		}
		if got := o.records(t); len(got) > 0 {
			t.Errorf("recorded %v", got)
		}
	})
}

func TestAnAccountsChangesAreVersionsAndRecords(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a := o.toy(t)
		step := func(name string, version int64, got merchant.ChannelAccount, err error) {
			t.Helper()
			if err != nil || got.Version != version {
				t.Fatalf("%s: version %d, %v", name, got.Version, err)
			}
			a = got
		}
		yes := true
		got, err := o.SetAccount(t.Context(), root, o.live, a.ID, admin.AccountChange{Takes: []string{"*"}, Default: &yes})
		step("routing alone", 1, got, err)
		got, err = o.SetAccount(t.Context(), root, o.live, a.ID, admin.AccountChange{Settings: map[string]string{"note": "new"}})
		step("a setting", 2, got, err)
		got, err = o.SetAccount(t.Context(), root, o.live, a.ID, admin.AccountChange{Settings: map[string]string{"note": "new"}, Secrets: map[string]string{"key": keyA}})
		step("the same again", 2, got, err)
		got, err = o.RotateAccount(t.Context(), root, o.live, a.ID, nil, map[string]string{"key": keyB}, time.Hour)
		step("a rotation", 3, got, err)
		if a.Settings["mchid"] != "1" || a.Secrets["key"] != keyB || a.Takes != nil || !a.Default {
			t.Errorf("it is now %+v", a)
		}
		if live := a.LivePrevious(o.now); len(live) != 1 || live[0].Version != 2 || live[0].Secrets["key"] != keyA || !live[0].RetiresAt.Equal(o.now.Add(time.Hour)) {
			t.Errorf("alive are %+v", live)
		}
		if o.now = o.now.Add(time.Hour); len(a.LivePrevious(o.now)) != 0 {
			t.Error("the version before outlives its overlap")
		}
		got, err = o.SetAccount(t.Context(), root, o.live, a.ID, admin.AccountChange{Settings: map[string]string{"note": ""}, Secrets: map[string]string{"key": keyC}})
		step("a setting taken away", 4, got, err)

		for name, refused := range map[string]func() error{
			"a secret taken away": func() error {
				_, err := o.SetAccount(t.Context(), root, o.live, a.ID, admin.AccountChange{Secrets: map[string]string{"key": ""}})
				return err
			},
			"a required setting taken away": func() error {
				_, err := o.SetAccount(t.Context(), root, o.live, a.ID, admin.AccountChange{Settings: map[string]string{"mchid": ""}})
				return err
			},
			"a rotation to what can't work": func() error {
				_, err := o.RotateAccount(t.Context(), root, o.live, a.ID, nil, map[string]string{"key": "short"}, 0)
				return err
			},
			"a rotation without anything new": func() error {
				_, err := o.RotateAccount(t.Context(), root, o.live, a.ID, nil, nil, 0)
				return err
			},
			"an endless overlap": func() error {
				_, err := o.RotateAccount(t.Context(), root, o.live, a.ID, nil, map[string]string{"key": keyA}, admin.MaxOverlap+1)
				return err
			},
		} {
			if err := refused(); refund.KindOf(err) != refund.KindInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := o.SetAccount(t.Context(), root, o.test, a.ID, admin.AccountChange{}); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("another merchant's: %v", err)
		}
		want := []string{
			"account.add, channel=toy, secrets=key, setting mchid=1, takes=wx wx_pub",
			"account.set, takes=*",
			"account.set, setting note=new",
			"account.rotate, overlap=1h0m0s, secrets=key",
			"account.set, secrets=key, setting note=",
		}
		if diff := cmp.Diff(want, o.records(t)); diff != "" {
			t.Errorf("(-want +recorded): %s", diff)
		}
	})
}

func TestOnlySoManyVersionsAreAlive(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a := o.toy(t)
		keys := []string{keyB, keyC, keyA, keyB, keyC}
		for n, key := range keys {
			_, err := o.RotateAccount(t.Context(), root, o.live, a.ID, nil, map[string]string{"key": key}, time.Hour)
			if (refund.KindOf(err) == refund.KindStateConflict) != (n == len(keys)-1) || err != nil && n < len(keys)-1 {
				t.Errorf("rotation %d: %v", n+1, err)
			}
		}
	})
}

func TestAnAccountsStates(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a := o.add(t, admin.NewAccount{Channel: "manual"})
		move := map[string]func(context.Context, admin.By, string, string) (merchant.ChannelAccount, error){
			"pause": o.PauseAccount, "resume": o.ResumeAccount, "close": o.CloseAccount,
		}
		for _, step := range []struct {
			action string
			want   merchant.AccountState // "" is refused
		}{
			{"pause", "paused"}, {"pause", "paused"}, {"resume", "active"}, {"close", "closed"}, {"pause", ""}, {"resume", "active"}, {"pause", "paused"}, {"close", "closed"},
		} {
			got, err := move[step.action](t.Context(), root, o.live, a.ID)
			if got.State != step.want || (err != nil) != (step.want == "") {
				t.Errorf("%s: %q, %v", step.action, got.State, err)
			}
		}
		// A pause of what is paused is no action, and neither is one that is refused.
		want := []string{"account.add, channel=manual, takes=*", "account.pause", "account.resume", "account.close", "account.resume", "account.pause", "account.close"}
		if diff := cmp.Diff(want, o.records(t)); diff != "" {
			t.Errorf("(-want +recorded): %s", diff)
		}
	})
}

func TestACheckOfAnAccount(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a := o.toy(t)
		texts := func() (out []string) {
			found, err := o.CheckAccount(t.Context(), o.live, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range found {
				text := check.Name
				if check.Err != nil {
					text += ": " + check.Err.Error()
				}
				out = append(out, text)
			}
			return out
		}
		if diff := cmp.Diff([]string{"settings", "reach 1", "credentials: refused (hint: rotate them)"}, texts()); diff != "" {
			t.Errorf("(-want +got): %s", diff)
		}
		if _, err := o.SetAccount(t.Context(), root, o.live, a.ID, admin.AccountChange{Settings: map[string]string{"note": "panic"}}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(texts(), " "); strings.Contains(got, keyA) || !strings.Contains(got, "broke off") {
			t.Errorf("a connector that panics with a secret: %s", got)
		}
		if _, err := o.CheckAccount(t.Context(), o.test, a.ID); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("another merchant's: %v", err)
		}
		if got, err := o.Account(t.Context(), o.live, a.ID); err != nil || !cmp.Equal(got.Secrets, map[string]string{"key": keyA}, cmpopts.EquateEmpty()) {
			t.Errorf("read %v, %v", got, err)
		}
	})
}
