package merchant

import (
	"slices"
	"strings"
	"time"
)

// The names of the drivers that need no channel's own folder to be known: the
// channel of test mode, and the one whose refunds an operator makes by hand.
const (
	ChannelSandbox = "sandbox"
	ChannelManual  = "manual"
)

// AccountState says what is done for a channel account.
type AccountState string

// The states of a channel account.
const (
	// AccountActive accepts refunds and sends them.
	AccountActive AccountState = "active"
	// AccountPaused accepts refunds and sends none; questions about what was
	// sent before go on.
	AccountPaused AccountState = "paused"
	// AccountClosed accepts no refund and takes no charge. What was accepted
	// before is sent and asked about until it ends.
	AccountClosed AccountState = "closed"
)

// ChannelAccount is a merchant's account at a channel. It holds the settings
// and secrets with which the driver named Channel moves the merchant's money.
type ChannelAccount struct {
	ID         string
	MerchantID string
	// Channel is the driver's name; it never changes.
	Channel string
	State   AccountState
	// Takes are the names of charges' channels (wx, alipay) whose money the
	// account moves. An empty list takes every charge that no other account takes
	// by name.
	Takes []string
	// Default is preferred where several accounts take the same channel.
	Default bool
	// Version counts the changes of settings and secrets from 1.
	Version  int64
	Settings map[string]string
	// Secrets are sealed at rest. Only an account that was opened has them, its
	// Previous versions, and its merchant's Mode.
	Secrets  map[string]string
	Previous []AccountVersion
	Mode     Mode
	// Pauses cover the account without being its own: those of its merchant, its
	// channel or the installation. Only an account that was opened has them.
	Pauses []Pause
	// AskSince is since when the channel has to be asked what it did before the
	// account is resumed, because the database may have lost what it knew of it; zero:
	// nothing is to be asked.
	AskSince  time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
	// Unreadable says, in lists, that the row is damaged: Settings and Secrets are empty,
	// and nothing can be sent.
	Unreadable bool
}

// Sends reports whether refunds are sent through the account: neither it nor
// anything that it belongs to is paused.
func (a ChannelAccount) Sends() bool { return a.State != AccountPaused && len(a.Pauses) == 0 }

// AccountVersion is the settings and secrets that a channel account had before
// they were changed. What comes from the channel is still verified by them
// until RetiresAt; nothing is sent with them.
type AccountVersion struct {
	Version   int64
	Settings  map[string]string
	Secrets   map[string]string
	RetiresAt time.Time
}

// String names the account and hides its settings and secrets.
func (a ChannelAccount) String() string { return a.Channel + " account " + a.ID }

// NewAccountID makes the id of a channel account.
func NewAccountID(channel string) string { return channel + "_" + RandomLetters(idLength) }

// ChannelOf is the channel that an account's id begins with, "" where it has
// another form. No channel's name has an underscore.
func ChannelOf(accountID string) string {
	channel, _, ok := strings.Cut(accountID, "_")
	if !ok {
		return ""
	}
	return channel
}

// newSandboxAccount makes the account of a test merchant's sandbox.
func newSandboxAccount(id, merchantID string, now time.Time) ChannelAccount {
	return ChannelAccount{
		ID: id, MerchantID: merchantID, Channel: ChannelSandbox, State: AccountActive, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
}

// TakesByName reports whether the account names a charge's channel among those
// that it takes.
func (a ChannelAccount) TakesByName(channel string) bool { return slices.Contains(a.Takes, channel) }

// Renew returns the account with other settings and secrets as its next
// version. The version before it retires at the given time.
func (a ChannelAccount) Renew(settings, secrets map[string]string, retiresAt time.Time) ChannelAccount {
	before := AccountVersion{Version: a.Version, Settings: a.Settings, Secrets: a.Secrets, RetiresAt: retiresAt}
	a.Previous = append([]AccountVersion{before}, a.Previous...)
	a.Settings, a.Secrets, a.Version = settings, secrets, a.Version+1
	return a
}

// LivePrevious are the previous versions whose life has not ended, newest first.
func (a ChannelAccount) LivePrevious(now time.Time) []AccountVersion {
	return slices.DeleteFunc(slices.Clone(a.Previous), func(v AccountVersion) bool { return !v.RetiresAt.After(now) })
}
