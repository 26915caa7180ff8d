package channel

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// maxIdleAccounts is how many accounts' connectors are kept open. Beyond it
// the ones that were not used for the longest time are opened again when they
// are needed; opening costs parsing some keys.
const maxIdleAccounts = 4096

// AccountReader reads a channel account with its secrets opened, as a rule from
// memory. Absent is KindNotFound.
type AccountReader func(ctx context.Context, accountID string) (merchant.ChannelAccount, error)

// Connectors keeps the connectors of all channel accounts. Each is opened once
// for each version of its account.
type Connectors struct {
	drivers  map[string]Driver
	accounts AccountReader
	now      func() time.Time
	// notifyURL is the address of an account's notices, "" where there is none.
	notifyURL func(channel, accountID string) string

	mu   sync.Mutex
	open map[string]*keptConnector
	uses int64
}

// keptConnector is an account's connector, or why it can't be opened. Whoever
// needs it first opens it, outside the lock: a driver that hangs concerns its
// account alone.
type keptConnector struct {
	version versions
	open    sync.Once
	nature  Nature
	// moved is when the last earlier version retired that was of another account at
	// the channel, zero for none.
	moved time.Time
	// connector and err are set once it is open.
	connector Connector
	err       error
	used      int64
}

// versions is what an account is opened at: its version, and how many earlier
// ones still verify. These retire in their order.
type versions struct {
	version int64
	live    int
}

// Nature is what a connector says of itself, which never changes.
type Nature struct {
	Pace         refund.Pace
	Limits       Limits
	Capabilities Capabilities
}

// ConnectorsOptions are what Connectors needs besides its drivers.
type ConnectorsOptions struct {
	Accounts AccountReader
	// NotifyURL returns the address of an account's notices; nil is none.
	NotifyURL func(channel, accountID string) string
	Now       func() time.Time // default time.Now
}

// NewConnectors makes the keeper for the drivers, by their names.
func NewConnectors(drivers map[string]Driver, opts ConnectorsOptions) *Connectors {
	if opts.NotifyURL == nil {
		opts.NotifyURL = func(string, string) string { return "" }
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Connectors{drivers: drivers, accounts: opts.Accounts, now: opts.Now, notifyURL: opts.NotifyURL, open: make(map[string]*keptConnector)}
}

// Opened is an account with its connector, and what that says of itself.
type Opened struct {
	Account   merchant.ChannelAccount // without its secrets
	Connector Connector
	Nature    Nature
	// MovedAt is no earlier than when the settings last named another account at the
	// channel (merchant.Setting.Whose); zero for never.
	MovedAt time.Time
}

// NewOpened is an account with a connector.
func NewOpened(account merchant.ChannelAccount, connector Connector) Opened {
	return Opened{Account: account, Connector: connector, Nature: natureOf(connector)}
}

func natureOf(connector Connector) Nature {
	return Nature{Pace: connector.Pace(), Limits: connector.Limits(), Capabilities: connector.Capabilities()}
}

// Number makes a refund's number. A connector that panics makes none.
func (o Opened) Number(refundID string, try int) (number string) {
	defer func() {
		if recover() != nil {
			number = ""
		}
	}()
	return o.Connector.Number(refundID, try)
}

// OpenError says that an account can't be used before it, or this program,
// changes: KindInvalid of its setting, KindNotFound for an account that is not
// there or a channel that has no driver here.
type OpenError struct {
	Account string
	Version int64 // 0 where there is no such account
	Err     error
}

func (e *OpenError) Error() string {
	return "channel account " + e.Account + " can't be opened: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// Connector returns an account's connector, opened at the account's version of
// now. An *OpenError stays the same until the account changes; any other error
// says that the account could not be read now.
func (c *Connectors) Connector(ctx context.Context, accountID string) (Opened, error) {
	account, err := c.accounts(ctx, accountID)
	switch {
	case refund.As(err) != nil && refund.As(err).Kind == refund.KindNotFound:
		return Opened{}, &OpenError{Account: accountID, Err: err}
	case err != nil:
		return Opened{}, err
	}
	one := c.opened(account)
	if one.err != nil {
		return Opened{}, &OpenError{Account: accountID, Version: account.Version, Err: one.err}
	}
	account.Secrets, account.Previous = nil, nil
	opened := Opened{Account: account, Connector: one.connector, Nature: one.nature, MovedAt: one.moved}
	if account.UpdatedAt.Before(one.moved) {
		opened.MovedAt = account.UpdatedAt // an earlier version verifies for a while
	}
	return opened, nil
}

// Account returns an account as its driver reads it, for what comes from the
// channel, and the state that the account is in.
func (c *Connectors) Account(ctx context.Context, accountID string) (Account, merchant.AccountState, error) {
	account, err := c.accounts(ctx, accountID)
	if err != nil {
		return Account{}, "", err
	}
	return c.read(account), account.State, nil
}

// Driver returns the driver of a kind of channel.
func (c *Connectors) Driver(channel string) (Driver, bool) {
	driver, ok := c.drivers[channel]
	return driver, ok
}

// Names are those of all drivers, sorted.
func (c *Connectors) Names() []string { return slices.Sorted(maps.Keys(c.drivers)) }

// TryOpen opens an account that may not be stored yet, to find out whether its
// settings can work. It keeps nothing.
func (c *Connectors) TryOpen(account merchant.ChannelAccount) (Connector, error) {
	one := &keptConnector{}
	c.openNow(one, account)
	return one.connector, one.err
}

// ReadBill begins to read the file of a day's bill of an account. ErrUnsupported:
// its channel's files can't be read.
func (c *Connectors) ReadBill(account merchant.ChannelAccount, day BillDay, file io.Reader) (Bill, error) {
	reader, ok := c.drivers[account.Channel].(BillReader)
	if !ok {
		return nil, ErrUnsupported
	}
	return reader.ReadBill(c.read(account), day, file)
}

func (c *Connectors) opened(account merchant.ChannelAccount) *keptConnector {
	one := c.kept(account)
	one.open.Do(func() { c.openNow(one, account) })
	return one
}

func (c *Connectors) kept(account merchant.ChannelAccount) *keptConnector {
	want := versions{account.Version, len(account.LivePrevious(c.now()))}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uses++
	one := c.open[account.ID]
	// A caller that was held up may have read an older version than is open.
	if one == nil || one.version != want && one.version.version <= want.version {
		c.makeRoom()
		one = &keptConnector{version: want}
		c.open[account.ID] = one
	}
	one.used = c.uses
	return one
}

// makeRoom forgets the half of the connectors that was not used for the longest
// time. Calls that are under way keep theirs. The lock is held.
func (c *Connectors) makeRoom() {
	if len(c.open) < maxIdleAccounts {
		return
	}
	for id, one := range c.open {
		if c.uses-one.used > maxIdleAccounts/2 {
			delete(c.open, id)
		}
	}
}

// openNow opens an account. A driver that panics fails for this account alone.
func (c *Connectors) openNow(one *keptConnector, account merchant.ChannelAccount) {
	driver, ok := c.drivers[account.Channel]
	if !ok {
		one.err = noDriver(account)
		return
	}
	defer func() {
		if problem := recover(); problem != nil {
			// The panic's value may hold a secret: only the place is kept.
			one.connector = nil
			one.err = &refund.Error{
				Kind: refund.KindInternal, Param: "channel_account", Detail: "the channel's driver failed to read the account's settings",
				Cause: fmt.Errorf("open %s: panic at %s", account, debug.Stack()),
			}
		}
	}()
	one.moved = movedAt(driver.Settings(), account)
	connector, err := driver.Open(c.read(account))
	switch {
	case err != nil:
		one.err = err
	case connector == nil:
		one.err = refund.Errorf(refund.KindInternal, "channel_account", "the driver of %s opened nothing", account.Channel)
	default:
		one.nature = natureOf(connector)
		one.connector = connector
	}
}

// movedAt is when the last earlier version retired whose settings say that it was
// another account at the channel, zero for none.
func movedAt(settings []merchant.Setting, account merchant.ChannelAccount) (at time.Time) {
	if len(account.Previous) == 0 {
		return at
	}
	own := withDefaults(settings, account.Settings)
	for _, v := range account.Previous {
		before := withDefaults(settings, v.Settings)
		other := slices.ContainsFunc(settings, func(s merchant.Setting) bool { return s.Whose && own[s.Name] != before[s.Name] })
		if other && v.RetiresAt.After(at) {
			at = v.RetiresAt
		}
	}
	return at
}

// read is an account as its driver reads it: absent settings have their
// defaults.
func (c *Connectors) read(account merchant.ChannelAccount) Account {
	out := Account{
		ID: account.ID, MerchantID: account.MerchantID, Channel: account.Channel, Mode: account.Mode, Version: account.Version,
		Secrets: account.Secrets, NotifyURL: c.notifyURL(account.Channel, account.ID),
	}
	var settings []merchant.Setting
	if driver, ok := c.drivers[account.Channel]; ok {
		settings = driver.Settings()
	}
	out.Settings = withDefaults(settings, account.Settings)
	for _, v := range account.LivePrevious(c.now()) {
		out.Previous = append(out.Previous, Credentials{Version: v.Version, Settings: withDefaults(settings, v.Settings), Secrets: v.Secrets})
	}
	return out
}

func withDefaults(settings []merchant.Setting, values map[string]string) map[string]string {
	out := make(map[string]string, len(settings))
	for _, s := range settings {
		if s.Default != "" && !s.Secret {
			out[s.Name] = s.Default
		}
	}
	for name, value := range values {
		out[name] = value
	}
	return out
}

func noDriver(account merchant.ChannelAccount) error {
	return refund.Errorf(refund.KindNotFound, "channel_account", "channel account %s is of %q, which this program has no driver for", account.ID, account.Channel)
}
