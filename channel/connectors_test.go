package channel_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// driver opens what its test says, and notes each account that it opened.
type driver struct {
	opened []channel.Account
	open   func(channel.Account) (channel.Connector, error)
}

func (d *driver) Open(a channel.Account) (channel.Connector, error) {
	d.opened = append(d.opened, a)
	return d.open(a)
}

func (*driver) Settings() []merchant.Setting {
	return []merchant.Setting{{Name: "base_url", Whose: true, Default: "https://pay.example"}, {Name: "shop", Whose: true}, {Name: "key", Secret: true}}
}

func (*driver) Rules(string) refund.Rules { return refund.Rules{} }

// nobody is a connector that nobody calls.
type nobody struct {
	channel.Basic
	version int64
}

func (nobody) Submit(context.Context, channel.Instruction) refund.Outcome { return refund.Outcome{} }

func (nobody) Query(context.Context, channel.Instruction) refund.Outcome { return refund.Outcome{} }
func (nobody) Pace() refund.Pace                                         { return refund.Pace{} }

// accounts are rows that the test changes.
type accounts map[string]merchant.ChannelAccount

func (a accounts) read(_ context.Context, id string) (merchant.ChannelAccount, error) {
	account, ok := a[id]
	if !ok {
		return merchant.ChannelAccount{}, refund.Errorf(refund.KindNotFound, "channel_account", "there is no channel account %q", id)
	}
	return account, nil
}

func keep(d channel.Driver, rows accounts) *channel.Connectors {
	return channel.NewConnectors(map[string]channel.Driver{"toy": d}, channel.ConnectorsOptions{
		Accounts: rows.read, Now: func() time.Time { return noon },
		NotifyURL: func(kind, id string) string { return "https://refundry.example/notify/" + kind + "/" + id },
	})
}

func TestAnAccountIsOpenedOnceForEachVersion(t *testing.T) {
	d := &driver{open: func(a channel.Account) (channel.Connector, error) { return nobody{version: a.Version}, nil }}
	rows := accounts{"a": {ID: "a", Channel: "toy", Version: 1, Secrets: map[string]string{"key": "k1"}}}
	connectors := keep(d, rows)
	version := func() int64 {
		t.Helper()
		opened, err := connectors.Connector(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if opened.Account.Secrets != nil || opened.Account.Previous != nil {
			t.Error("the caller got the account's secrets")
		}
		return opened.Connector.(nobody).version
	}
	if first, again := version(), version(); first != 1 || again != 1 || len(d.opened) != 1 {
		t.Errorf("opened %d times, as versions %d and %d", len(d.opened), first, again)
	}
	rows["a"] = rows["a"].Renew(nil, map[string]string{"key": "k2"}, noon.Add(time.Hour))
	if first, again := version(), version(); first != 2 || again != 2 || len(d.opened) != 2 {
		t.Errorf("after a change it was opened %d times, as versions %d and %d", len(d.opened), first, again)
	}
	got := d.opened[1]
	if got.Secrets["key"] != "k2" || got.Settings["base_url"] != "https://pay.example" || got.NotifyURL != "https://refundry.example/notify/toy/a" {
		t.Errorf("opened %v with %v and %q", got, got.Settings, got.NotifyURL)
	}
	if len(got.Previous) != 1 || got.Previous[0].Version != 1 || got.Previous[0].Secrets["key"] != "k1" {
		t.Errorf("the version before it is %+v", got.Previous)
	}
}

// Only settings that say whose account it is count, and an account that came after
// them has not moved.
func TestAnAccountTellsUntilWhenItWasAnotherAtTheChannel(t *testing.T) {
	d := &driver{open: func(channel.Account) (channel.Connector, error) { return nobody{}, nil }}
	set := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for n := 0; n < len(pairs); n += 2 {
			out[pairs[n]] = pairs[n+1]
		}
		return out
	}
	first := merchant.ChannelAccount{ID: "a", Channel: "toy", Version: 1, Settings: set("shop", "1")}
	for name, test := range map[string]struct {
		account merchant.ChannelAccount
		changed time.Time
		want    time.Time
	}{
		"a first version":      {first, noon, time.Time{}},
		"another secret":       {first.Renew(set("shop", "1"), set("key", "k2"), noon), noon, time.Time{}},
		"the default by name":  {first.Renew(set("shop", "1", "base_url", "https://pay.example"), nil, noon), noon, time.Time{}},
		"another shop":         {first.Renew(set("shop", "2"), nil, noon), noon, noon},
		"a default's opposite": {first.Renew(set("shop", "1", "base_url", "https://other.example"), nil, noon), noon, noon},
		"another shop, and another secret since": {
			first.Renew(set("shop", "2"), nil, noon).Renew(set("shop", "2"), set("key", "k2"), noon.Add(time.Hour)), noon.Add(time.Hour), noon,
		},
		"the shop before still verifies": {first.Renew(set("shop", "2"), nil, noon.Add(time.Hour)), noon, noon},
	} {
		test.account.UpdatedAt = test.changed
		opened, err := keep(d, accounts{"a": test.account}).Connector(t.Context(), "a")
		if err != nil || !opened.MovedAt.Equal(test.want) {
			t.Errorf("%s: moved at %v (%v), want %v", name, opened.MovedAt, err, test.want)
		}
	}
}

func TestARetiredVersionIsNotRead(t *testing.T) {
	d := &driver{open: func(channel.Account) (channel.Connector, error) { return nobody{}, nil }}
	row := merchant.ChannelAccount{ID: "a", Channel: "toy", Version: 1, Secrets: map[string]string{"key": "k1"}}
	row = row.Renew(nil, map[string]string{"key": "k2"}, noon)
	account, _, err := keep(d, accounts{"a": row}).Account(t.Context(), "a")
	if err != nil || len(account.Previous) != 0 {
		t.Errorf("%+v, %v", account.Previous, err)
	}
}

func TestAnAccountIsOpenedAgainWhenAnOlderVersionRetires(t *testing.T) {
	d := &driver{open: func(channel.Account) (channel.Connector, error) { return nobody{}, nil }}
	row := merchant.ChannelAccount{ID: "a", Channel: "toy", Version: 1, Secrets: map[string]string{"key": "k1"}}
	row = row.Renew(nil, map[string]string{"key": "k2"}, noon.Add(time.Hour))
	now := noon
	connectors := channel.NewConnectors(map[string]channel.Driver{"toy": d}, channel.ConnectorsOptions{
		Accounts: accounts{"a": row}.read, Now: func() time.Time { return now },
	})
	for range 2 {
		if _, err := connectors.Connector(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := connectors.Connector(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	if len(d.opened) != 2 || len(d.opened[0].Previous) != 1 || len(d.opened[1].Previous) != 0 {
		t.Errorf("opened %d times", len(d.opened))
	}
}

func TestADriverThatHangsHoldsUpNoOtherAccount(t *testing.T) {
	hanging, finish := make(chan struct{}), make(chan struct{})
	d := &driver{open: func(a channel.Account) (channel.Connector, error) {
		if a.ID == "hangs" {
			close(hanging)
			<-finish
		}
		return nobody{}, nil
	}}
	connectors := keep(d, accounts{"hangs": {ID: "hangs", Channel: "toy", Version: 1}, "good": {ID: "good", Channel: "toy", Version: 1}})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := connectors.Connector(t.Context(), "hangs"); err != nil {
			t.Error(err)
		}
	}()
	<-hanging
	if _, err := connectors.Connector(t.Context(), "good"); err != nil {
		t.Error(err)
	}
	close(finish)
	<-ended
}

func TestAConnectorThatPanicsAboutItselfFailsAlone(t *testing.T) {
	d := &driver{open: func(channel.Account) (channel.Connector, error) { return paceless{}, nil }}
	_, err := keep(d, accounts{"a": {ID: "a", Channel: "toy", Version: 1}}).Connector(t.Context(), "a")
	if refund.KindOf(err) != refund.KindInternal {
		t.Errorf("%v", err)
	}
}

type paceless struct{ nobody }

func (paceless) Pace() refund.Pace { panic("no pace") }

func TestAnAccountThatCannotBeOpenedFailsAlone(t *testing.T) {
	wrong := refund.Errorf(refund.KindInvalid, "key", "the key is a certificate")
	d := &driver{open: func(a channel.Account) (channel.Connector, error) {
		switch a.ID {
		case "wrong":
			return nil, wrong
		case "panics":
			panic("key " + a.Secrets["key"])
		case "nothing":
			return nil, nil
		}
		return nobody{}, nil
	}}
	rows := accounts{}
	for _, id := range []string{"good", "wrong", "panics", "nothing"} {
		rows[id] = merchant.ChannelAccount{ID: id, Channel: "toy", Version: 1, Secrets: map[string]string{"key": "hunter2"}}
	}
	rows["other"] = merchant.ChannelAccount{ID: "other", Channel: "klingon", Version: 1}
	connectors := keep(d, rows)
	for id, want := range map[string]refund.Kind{
		"wrong": refund.KindInvalid, "panics": refund.KindInternal, "nothing": refund.KindInternal,
		"other": refund.KindNotFound, "absent": refund.KindNotFound,
	} {
		for range 2 {
			_, err := connectors.Connector(t.Context(), id)
			if refund.KindOf(err) != want {
				t.Errorf("%s: %v, want %s", id, err, want)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, errors.Unwrap(err)), "hunter2") {
				t.Errorf("%s: the error shows a secret", id)
			}
		}
	}
	if _, err := connectors.Connector(t.Context(), "good"); err != nil {
		t.Error(err)
	}
	if len(d.opened) != 4 {
		t.Errorf("opened %d times; an account that can't be opened is not tried again before it changes", len(d.opened))
	}
}

func TestAnAccountHidesItsSecretsFromLogs(t *testing.T) {
	a := channel.Account{ID: "a1", Channel: "toy", Secrets: map[string]string{"key": "hunter2"}}
	if text := fmt.Sprintf("%v %s", a, a); strings.Contains(text, "hunter2") {
		t.Error(text)
	}
}
