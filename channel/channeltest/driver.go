package channeltest

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// DriverPeer is a driver with what its suite needs.
type DriverPeer struct {
	Driver channel.Driver
	// Account opens: its settings and secrets are right, without those that have
	// a default and without defaults filled in.
	Account channel.Account
	// Wrong are changes of one setting or secret after which the account does
	// not open, by what is wrong.
	Wrong map[string]WrongSetting
	// Channels are the names of charges' channels that the driver has rules for.
	Channels []string
}

// WrongSetting is a value that a driver refuses.
type WrongSetting struct{ Name, Value string }

var settingName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// RunDriver runs the suite of a driver.
func RunDriver(t *testing.T, p DriverPeer) {
	t.Helper()
	t.Run("its settings are described", func(t *testing.T) { described(t, p) })
	t.Run("an account with its settings opens, more than once", func(t *testing.T) {
		for range 2 {
			if connector, err := p.open(p.Account); err != nil || connector == nil {
				t.Fatalf("%v, %v", connector, err)
			}
		}
	})
	t.Run("what is missing, unknown or in the wrong place is refused by its name", func(t *testing.T) { misplaced(t, p) })
	for what, wrong := range p.Wrong {
		t.Run("it refuses "+what, func(t *testing.T) { refusesSetting(t, p, wrong) })
	}
	t.Run("its rules can be kept", func(t *testing.T) {
		for _, name := range append([]string{"", "no such channel"}, p.Channels...) {
			rules := p.Driver.Rules(name)
			if rules.Window < 0 || rules.WindowMonths < 0 || rules.MostRefunds < 0 || rules.Spacing < 0 || rules.MostAmount < 0 {
				t.Errorf("rules of %q: %+v", name, rules)
			}
		}
	})
}

func described(t *testing.T, p DriverPeer) {
	seen := make(map[string]bool)
	for _, s := range p.Driver.Settings() {
		switch {
		case !settingName.MatchString(s.Name) || seen[s.Name]:
			t.Errorf("setting %q is there twice, or is no name", s.Name)
		case s.Meaning == "":
			t.Errorf("nothing says what %s is", s.Name)
		case s.Required && s.Default != "":
			t.Errorf("%s is required and has a default", s.Name)
		case s.Secret && s.Default != "":
			t.Errorf("the secret %s has a default", s.Name)
		case s.Default != "" && s.Check != nil && s.Check(s.Default) != nil:
			t.Errorf("the default of %s has a wrong form: %v", s.Name, s.Check(s.Default))
		}
		seen[s.Name] = true
	}
}

// open checks an account as it is before it is stored, and opens it.
func (p DriverPeer) open(a channel.Account) (channel.Connector, error) {
	if err := merchant.CheckSettings(p.Driver.Settings(), a.Settings, a.Secrets); err != nil {
		return nil, err
	}
	opened := a
	opened.Settings = maps.Clone(a.Settings)
	if opened.Settings == nil {
		opened.Settings = make(map[string]string)
	}
	for _, s := range p.Driver.Settings() {
		if _, has := opened.Settings[s.Name]; !has && !s.Secret && s.Default != "" {
			opened.Settings[s.Name] = s.Default
		}
	}
	return p.Driver.Open(opened)
}

// with is the account with a setting changed; drop takes it away.
func (p DriverPeer) with(name, value string, drop bool) channel.Account {
	a := p.Account
	a.Settings, a.Secrets = maps.Clone(a.Settings), maps.Clone(a.Secrets)
	s, _ := merchant.FindSetting(p.Driver.Settings(), name)
	values := &a.Settings
	if s.Secret {
		values = &a.Secrets
	}
	if *values == nil {
		*values = make(map[string]string)
	}
	if drop {
		delete(*values, name)
	} else {
		(*values)[name] = value
	}
	return a
}

func misplaced(t *testing.T, p DriverPeer) {
	const unknown = "no_such_setting"
	if _, err := p.open(p.with(unknown, "x", false)); err == nil || !strings.Contains(err.Error(), unknown) {
		t.Errorf("an unknown setting: %v", err)
	}
	for _, s := range p.Driver.Settings() {
		if s.Required {
			if _, err := p.open(p.with(s.Name, "", true)); err == nil || !strings.Contains(err.Error(), s.Name) {
				t.Errorf("without %s: %v", s.Name, err)
			}
		}
		if value, ok := p.Account.Secrets[s.Name]; ok && s.Secret {
			a := p.with(s.Name, "", true)
			a.Settings = maps.Clone(a.Settings)
			if a.Settings == nil {
				a.Settings = make(map[string]string)
			}
			a.Settings[s.Name] = value
			_, err := p.open(a)
			if err == nil || !strings.Contains(err.Error(), s.Name) || strings.Contains(err.Error(), value) {
				t.Errorf("the secret %s among the settings: %v", s.Name, err)
			}
		}
	}
}

func refusesSetting(t *testing.T, p DriverPeer, wrong WrongSetting) {
	_, err := p.open(p.with(wrong.Name, wrong.Value, false))
	if err == nil {
		t.Fatal("it opens")
	}
	named := strings.Contains(err.Error(), wrong.Name) || refund.As(err) != nil && refund.As(err).Param == wrong.Name
	if !named {
		t.Errorf("%v does not name %s", err, wrong.Name)
	}
	if s, _ := merchant.FindSetting(p.Driver.Settings(), wrong.Name); s.Secret && len(wrong.Value) > 3 && strings.Contains(fmt.Sprintf("%+v", err), wrong.Value) {
		t.Errorf("the error shows the secret %s", wrong.Name)
	}
}
