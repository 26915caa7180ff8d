package admin

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Accounts keeps channel accounts.
type Accounts interface {
	// ChannelAccounts are a merchant's, without their secrets, oldest first.
	ChannelAccounts(ctx context.Context, merchantID string) ([]merchant.ChannelAccount, error)
	// ChannelAccount is an account with its secrets opened. Absent is KindNotFound.
	ChannelAccount(ctx context.Context, id string) (merchant.ChannelAccount, error)
	AddAccount(ctx context.Context, a merchant.ChannelAccount, record refund.Action) error
	// ChargesOfAccount lists charges that an account took, by their numbers at the
	// channel, after one of these.
	ChargesOfAccount(ctx context.Context, merchantID, account, after string, limit int) ([]refund.Charge, error)
	// PauseToAsk pauses an account, unless it is closed, and marks that its channel has
	// to be asked since a time, or since an earlier one where it is marked already. It
	// reads nothing of the row, which may be damaged. Absent is KindNotFound.
	PauseToAsk(ctx context.Context, merchantID, id string, since time.Time, record refund.Action, now time.Time) error
	// ChangeAccount lets change alter an account under a lock. Where it altered
	// nothing, no record is written. Absent is KindNotFound.
	ChangeAccount(ctx context.Context, merchantID, id string, record refund.Action, now time.Time, change func(*merchant.ChannelAccount) error) (merchant.ChannelAccount, error)
}

// Channels are the drivers of the channels, which channel.Connectors keeps.
type Channels interface {
	// Names are those of all drivers, sorted.
	Names() []string
	Driver(name string) (channel.Driver, bool)
	// TryOpen opens an account as it is, and keeps nothing. KindInvalid names the
	// setting that can't work.
	TryOpen(account merchant.ChannelAccount) (channel.Connector, error)
	// ReadBill begins to read the file of a day's bill of an account.
	// channel.ErrUnsupported: its channel's files can't be read.
	ReadBill(account merchant.ChannelAccount, day channel.BillDay, file io.Reader) (channel.Bill, error)
	// Connector returns an account's connector. An *channel.OpenError stays the same
	// until the account changes.
	Connector(ctx context.Context, accountID string) (channel.Opened, error)
}

const (
	// MaxTakes bounds the names that an account takes; the longest documented
	// list of a channel's ways of paying has about 50.
	MaxTakes = 100
	// MaxTake is the longest name of a charge's channel, in characters.
	MaxTake = 32
	// MaxSetting bounds a setting or secret, in bytes: above a chain of
	// certificates.
	MaxSetting = 32 << 10
	// TakesAll stands for whatever no other account takes by name.
	TakesAll = "*"
)

// NewAccount is a channel account to be added.
type NewAccount struct {
	// Channel is the driver's name.
	Channel string
	// Takes are the channels of charges that it moves; TakesAll alone, or nil, is
	// whatever no other account takes. A list that is there and empty is refused.
	Takes             []string
	Default           bool
	Settings, Secrets map[string]string
}

// AddAccount adds a channel account to a merchant. Its settings and secrets are
// read by the driver that will use them; what can't work is KindInvalid with the
// setting's name, and nothing is stored. A live merchant has no sandbox and no
// test credentials, a test merchant no live ones.
func (a *Admin) AddAccount(ctx context.Context, by By, merchantID string, in NewAccount) (merchant.ChannelAccount, error) {
	id := merchant.NewAccountID(in.Channel)
	record, err := a.record(by, merchantID, "account.add", id)
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	m, err := a.s.Store.MerchantByID(ctx, merchantID)
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	now := a.now()
	account := merchant.ChannelAccount{
		ID: id, MerchantID: merchantID, Channel: in.Channel, State: merchant.AccountActive, Default: in.Default, Version: 1,
		Settings: in.Settings, Secrets: in.Secrets, Mode: m.Mode, CreatedAt: now, UpdatedAt: now,
	}
	if account.Takes, err = takesOf(in.Takes); err != nil {
		return merchant.ChannelAccount{}, err
	}
	if err := a.checkAccount(account); err != nil {
		return merchant.ChannelAccount{}, err
	}
	if in.Channel == merchant.ChannelSandbox {
		if err := a.onlySandbox(ctx, merchantID); err != nil {
			return merchant.ChannelAccount{}, err
		}
	}
	if account.Pauses, err = a.pausesOf(ctx, account); err != nil {
		return merchant.ChannelAccount{}, err
	}
	record = changed(record.With("channel", in.Channel).With("takes", showTakes(account.Takes)), in.Settings, in.Secrets)
	if err := a.s.Store.AddAccount(ctx, account, record); err != nil {
		return merchant.ChannelAccount{}, err
	}
	a.done(merchantID)
	return account, nil
}

// onlySandbox refuses a second sandbox: neither could be told which refunds are
// its own.
func (a *Admin) onlySandbox(ctx context.Context, merchantID string) error {
	all, err := a.s.Store.ChannelAccounts(ctx, merchantID)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Channel == merchant.ChannelSandbox && other.State != merchant.AccountClosed {
			return refund.Errorf(refund.KindStateConflict, "channel", "the merchant has a sandbox account already: %s", other.ID)
		}
	}
	return nil
}

// Channel is a kind of channel that an account may be of.
type Channel struct {
	Name     string
	Settings []merchant.Setting
}

// Channels describes the channels, sorted by name.
func (a *Admin) Channels() []Channel {
	var all []Channel
	for _, name := range a.s.Channels.Names() {
		if driver, ok := a.s.Channels.Driver(name); ok {
			all = append(all, Channel{name, driver.Settings()})
		}
	}
	return all
}

// Accounts returns a merchant's accounts, opened as Account does, oldest first. One that
// is damaged says so, and is not opened.
func (a *Admin) Accounts(ctx context.Context, merchantID string) ([]merchant.ChannelAccount, error) {
	all, err := a.s.Store.ChannelAccounts(ctx, merchantID)
	if err != nil {
		return nil, err
	}
	for n := range all {
		opened, err := a.Account(ctx, merchantID, all[n].ID)
		switch {
		case err == nil:
			all[n] = opened
		case refund.KindOf(err) == refund.KindCorrupt:
			all[n].Unreadable = true
		default:
			return nil, err
		}
	}
	return all, nil
}

// Account returns one of a merchant's accounts with its secrets opened: whoever
// shows it shows their names alone. Absent is KindNotFound.
func (a *Admin) Account(ctx context.Context, merchantID, id string) (merchant.ChannelAccount, error) {
	account, err := a.s.Store.ChannelAccount(ctx, id)
	if refund.KindOf(err) == refund.KindNotFound || err == nil && account.MerchantID != merchantID {
		err = refund.Errorf(refund.KindNotFound, "channel_account", "the merchant has no channel account %q", id)
	}
	if err != nil {
		return merchant.ChannelAccount{}, err
	}
	return account, nil
}

// checkAccount holds an account against its driver and its merchant's mode.
func (a *Admin) checkAccount(account merchant.ChannelAccount) error {
	driver, ok := a.s.Channels.Driver(account.Channel)
	switch {
	case !ok:
		return refund.Errorf(refund.KindInvalid, "channel", "channel must be one of %s", strings.Join(a.s.Channels.Names(), ", "))
	case account.Channel == merchant.ChannelSandbox && account.Mode != merchant.Test:
		return refund.Errorf(refund.KindInvalid, "channel", "channel sandbox is for test merchants alone: its money is imaginary")
	}
	for _, values := range []map[string]string{account.Settings, account.Secrets} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if err := checkValue(account.Mode, name, values[name]); err != nil {
				return err
			}
		}
	}
	if err := merchant.CheckSettings(driver.Settings(), account.Settings, account.Secrets); err != nil {
		name, _, _ := strings.Cut(err.Error(), " ")
		return refund.Errorf(refund.KindInvalid, strings.TrimSuffix(name, ":"), "%s", err)
	}
	_, err := a.s.Channels.TryOpen(account)
	return err
}

// The beginnings of credentials that are known to be of one mode.
var (
	testCredentials = []string{"sk_test_", "rk_test_", "pk_test_"}
	liveCredentials = []string{"sk_live_", "rk_live_", "pk_live_"}
)

func checkValue(mode merchant.Mode, name, value string) error {
	begins := func(with []string) bool {
		return slices.ContainsFunc(with, func(begin string) bool { return strings.HasPrefix(value, begin) })
	}
	refuse := func(text string) error { return refund.Errorf(refund.KindInvalid, name, "%s: %s", name, text) }
	switch {
	case value == "":
		return refuse("must not be empty")
	case len(value) > MaxSetting:
		return refuse("is too long")
	case strings.ContainsRune(value, 0):
		return refuse("must be text")
	case mode == merchant.Live && begins(testCredentials):
		return refuse("is a test credential, and the merchant is live")
	case mode == merchant.Test && begins(liveCredentials):
		return refuse("is a live credential, and the merchant is a test merchant")
	}
	return nil
}

// takesOf reads a list of channels of charges; nil is whatever is left.
func takesOf(list []string) ([]string, error) {
	refuse := func(text string) ([]string, error) {
		return nil, refund.Errorf(refund.KindInvalid, "takes", "takes %s", text)
	}
	switch {
	case list == nil, len(list) == 1 && list[0] == TakesAll:
		return nil, nil
	case len(list) == 0:
		return refuse("must name channels of charges, or be " + TakesAll + " for whatever no other account takes")
	case len(list) > MaxTakes:
		return refuse("names too many channels")
	}
	list = slices.Sorted(slices.Values(list))
	for n, name := range list {
		odd := func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
		}
		if name == "" || len(name) > MaxTake || strings.ContainsFunc(name, odd) {
			return refuse("must be names of charges' channels, such as wx: letters, digits and underscores")
		}
		if n > 0 && name == list[n-1] {
			return refuse("names " + name + " twice")
		}
	}
	return list, nil
}

// Takes are an account's as people and programs see them: TakesAll for whatever
// no other account takes.
func Takes(account merchant.ChannelAccount) []string {
	if len(account.Takes) == 0 {
		return []string{TakesAll}
	}
	return account.Takes
}

func showTakes(takes []string) string {
	return strings.Join(Takes(merchant.ChannelAccount{Takes: takes}), " ")
}

// changed notes the settings that an action gave: their values, and of secrets
// the names alone.
func changed(r refund.Action, settings, secrets map[string]string) refund.Action {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		r = r.With("setting "+name, settings[name])
	}
	if len(secrets) > 0 {
		r = r.With("secrets", strings.Join(slices.Sorted(maps.Keys(secrets)), " "))
	}
	return r
}
