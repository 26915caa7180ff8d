package merchant

import (
	"fmt"
	"strings"
)

// MovedSetting is a setting that identities had in earlier versions and channel
// accounts have now.
type MovedSetting struct {
	// Name is what it was called there, and Secret says that it was sealed.
	Name   string
	Secret bool
	// Channel is the driver of the accounts that have it now, and As its name there.
	Channel, As string
	// Takes is the channel of the charges that it is about: which of several
	// accounts gets its value is decided by it, as for such a charge.
	Takes string
}

// refusal returns where the setting is now.
func (m MovedSetting) refusal() error {
	flag := "--set " + m.As + "=VALUE"
	if m.Secret {
		flag = "--secret " + m.As + "=@FILE"
	}
	return fmt.Errorf("%s: this setting moved to the merchant's %s account, where it is %s (hint: refundry account set ACCOUNT %s)", m.Name, m.Channel, m.As, flag)
}

// FindMoved returns a moved setting of the dialect by its name, which may be
// written with the dialect before it.
func (d Dialect) FindMoved(name string) (MovedSetting, bool) {
	for _, m := range d.Moved {
		if name == m.Name || strings.TrimPrefix(name, d.Name+".") == m.Name {
			return m, true
		}
	}
	return MovedSetting{}, false
}

// CheckMoved refuses a setting that is one of a channel account now. Taking away
// a value that was left on an identity is no fault.
func (d Dialect) CheckMoved(name, value string) error {
	if m, ok := d.FindMoved(name); ok && value != "" {
		return m.refusal()
	}
	return nil
}

// checkMoved refuses what is given by names that have moved.
func (d Dialect) checkMoved(given Given) error {
	for _, values := range []map[string]string{given.Settings, given.Secrets} {
		for _, name := range sortedNames(values) {
			if err := d.CheckMoved(name, values[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Account returns which of a merchant's accounts gets the setting: of those of its
// channel the one that takes the charges that it is about, else the oldest that is
// open, else the oldest; refunds that a closed account accepted are still sent.
// False: there is none.
func (m MovedSetting) Account(accounts []ChannelAccount, mode Mode) (ChannelAccount, bool) {
	var own []ChannelAccount
	for _, a := range accounts {
		if a.Channel == m.Channel {
			own = append(own, a)
		}
	}
	if found, result := Route(own, mode, m.Takes); result == Routed {
		return found, true
	}
	for _, a := range own {
		if a.State != AccountClosed {
			return a, true
		}
	}
	if len(own) == 0 {
		return ChannelAccount{}, false
	}
	return own[0], true
}
