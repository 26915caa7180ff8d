package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// merchantCommand is refundry merchant.
type merchantCommand struct {
	Add     merchantAdd     `cmd:"" help:"Make a merchant with an identity and keys in each dialect; the keys are shown once."`
	List    merchantList    `cmd:"" help:"List all merchants."`
	Get     merchantGet     `cmd:"" help:"Show a merchant with its identities, keys and channel accounts."`
	Set     merchantSet     `cmd:"" help:"Change a merchant's settings."`
	Disable merchantDisable `cmd:"" help:"Have a merchant's keys and identities not be known any more; what was accepted goes on."`
	Enable  merchantEnable  `cmd:"" help:"Take disable back."`
}

type merchantAdd struct {
	databaseFlags
	dataFlags
	jsonFlag
	identityFlags
	Name string   `arg:"" help:"What you call the merchant; no other has the name."`
	Mode string   `help:"test or live: a business with both has two merchants." enum:"test,live" default:"test"`
	With []string `help:"Dialects it is to be known in: ${identity_dialects}. The native API is always among them." default:"pingpp" placeholder:"DIALECT,..."`
}

func (c *merchantAdd) Run(e *environment) error {
	given, err := c.given(e)
	if err != nil {
		return err
	}
	in := admin.NewMerchant{Name: c.Name, Mode: merchant.Mode(c.Mode), With: c.With, Given: given}
	fresh, err := admin.MakeMerchant(service.Dialects(), in, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return asUsage(err)
	}
	if many := severalKeys(fresh, c.With); len(many) > 0 && !c.JSON {
		return usageError{fmt.Sprintf("the keys of %s are shown as JSON alone: add --json, and keep what it prints", strings.Join(many, ", "))}
	}
	s, err := c.openOrMake(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	if err := desk.AddMerchant(e, by, fresh); err != nil {
		return err
	}
	for _, warning := range fresh.Warnings() {
		e.say("warning: %s", warning)
	}
	if c.JSON {
		_, err := e.out.Write(fresh.Document())
		return err
	}
	e.say("merchant %s (%s) was made; its keys are shown this once:", fresh.Merchant.ID, c.Mode)
	return e.printKeys(fresh)
}

// printKeys prints the text of each new key.
func (e *environment) printKeys(fresh merchant.Fresh) error {
	rows := make([][]string, 0, len(fresh.Keys))
	for _, key := range fresh.Keys {
		rows = append(rows, []string{key.Key.Dialect, key.Key.Identity, key.Secret})
	}
	return e.printTable([]string{"DIALECT", "IDENTITY", "KEY"}, rows)
}

// merchantFlag names the merchant that a command is about.
type merchantFlag struct {
	databaseFlags
	jsonFlag
	Merchant string `arg:"" help:"Merchant by id or name."`
}

// act runs an operator's action on the merchant, and prints what it is then.
func (c *merchantFlag) act(e *environment, action func(context.Context, *admin.Admin, admin.By, string) (merchant.Merchant, error)) error {
	s, m, err := openFor(e, c.databaseFlags, merchantFlags{Merchant: c.Merchant})
	if err != nil {
		return err
	}
	defer s.Close()
	desk, by, err := e.admin(s)
	if err == nil {
		m, err = action(e, desk, by, m.ID)
	}
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(merchantRowOf(m))
	}
	e.say("merchant %s (%s) is %s", m.ID, m.Name, map[bool]string{true: "disabled", false: "enabled"}[m.Disabled()])
	return nil
}

type merchantDisable struct{ merchantFlag }

func (c *merchantDisable) Run(e *environment) error {
	return c.act(e, func(ctx context.Context, desk *admin.Admin, by admin.By, id string) (merchant.Merchant, error) {
		return desk.DisableMerchant(ctx, by, id)
	})
}

type merchantEnable struct{ merchantFlag }

func (c *merchantEnable) Run(e *environment) error {
	return c.act(e, func(ctx context.Context, desk *admin.Admin, by admin.By, id string) (merchant.Merchant, error) {
		return desk.EnableMerchant(ctx, by, id)
	})
}

type merchantSet struct {
	merchantFlag
	Settings string `arg:"" help:"The settings to change, as the JSON object of PATCH /refundry/v1/merchant/settings; the others stay."`
}

func (c *merchantSet) Run(e *environment) error {
	return c.act(e, func(ctx context.Context, desk *admin.Admin, by admin.By, id string) (m merchant.Merchant, err error) {
		m.ID = id
		m.Settings, err = desk.ChangeSettings(ctx, by, id, func(s *merchant.Settings) error {
			return native.ReadSettings(service.Dialects(), []byte(c.Settings), s)
		})
		return m, err
	})
}

// severalKeys are the dialects of which a client needs more than one key; no
// table could show those.
func severalKeys(f merchant.Fresh, dialects []string) []string {
	var many []string
	for _, name := range dialects {
		identity, _ := f.Identity(name)
		if f.Key(name) == "" || len(identity.Secrets) > 0 {
			many = append(many, name)
		}
	}
	return many
}

// merchantRow is a merchant in JSON.
type merchantRow struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Mode      merchant.Mode     `json:"mode"`
	Settings  merchant.Settings `json:"settings"`
	CreatedAt time.Time         `json:"created_at"`
	// DisabledAt is since when its keys and identities are not known.
	DisabledAt *time.Time `json:"disabled_at"`
}

func merchantRowOf(m merchant.Merchant) merchantRow {
	return merchantRow{m.ID, m.Name, m.Mode, m.Settings, m.CreatedAt, moment(m.DisabledAt)}
}

type merchantList struct {
	databaseFlags
	jsonFlag
}

func (c *merchantList) Run(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Merchants(e)
	if err != nil {
		return err
	}
	for _, m := range all {
		e.sayDamaged("merchant", m.ID, m.Unreadable)
	}
	return printList(e, c.JSON, all, merchantRowOf, []string{"ID", "NAME", "MODE", "CREATED", "DISABLED"}, func(m merchant.Merchant) []string {
		return []string{m.ID, m.Name, string(m.Mode), when(m.CreatedAt), when(m.DisabledAt)}
	})
}

type merchantGet struct {
	databaseFlags
	dataFlags
	jsonFlag
	Merchant string `arg:"" help:"Merchant by id or name."`
}

// merchantDetail is a merchant with everything that is no secret.
type merchantDetail struct {
	merchantRow
	// Pauses are those that concern the merchant; an account's own is its state.
	Pauses     any           `json:"pauses"`
	Identities []identityRow `json:"identities"`
	Keys       []keyRow      `json:"keys"`
	Accounts   []accountRow  `json:"channel_accounts"`

	paused []merchant.Pause
}

type accountRow struct {
	ID        string    `json:"id"`
	Connector string    `json:"connector"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

func (c *merchantGet) Run(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	detail, err := readMerchant(e, s, c.Merchant)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(detail)
	}
	rows := [][]string{
		{"id", detail.ID}, {"name", detail.Name}, {"mode", string(detail.Mode)}, {"created", when(detail.CreatedAt)},
	}
	if detail.DisabledAt != nil {
		rows = append(rows, []string{"disabled", when(*detail.DisabledAt)})
	}
	for _, p := range detail.paused {
		rows = append(rows, []string{"paused", p.String() + ", since " + when(p.At) + " by " + p.By.String() + " " + p.Reason})
	}
	for _, i := range detail.Identities {
		rows = append(rows, []string{i.Dialect, strings.TrimSpace(i.Name + " " + i.Sub)})
	}
	for _, k := range detail.Keys {
		rows = append(rows, []string{k.Dialect + " key", k.Hint + "  (" + k.ID + ", may " + strings.Join(k.Scopes, " ") + ")"})
	}
	for _, a := range detail.Accounts {
		rows = append(rows, []string{"channel account", a.ID + "  (" + a.Connector + ", " + a.State + ")"})
	}
	return e.printTable([]string{"WHAT", "VALUE"}, rows)
}

func readMerchant(e *environment, s *store.Store, name string) (merchantDetail, error) {
	m, err := merchantFlags{Merchant: name}.find(e, s)
	if err != nil {
		return merchantDetail{}, err
	}
	detail := merchantDetail{merchantRow: merchantRowOf(m), Identities: []identityRow{}, Keys: []keyRow{}, Accounts: []accountRow{}}
	if detail.paused, err = s.Pauses(e, m.ID); err != nil {
		return merchantDetail{}, err
	}
	detail.Pauses = native.PausesJSON(detail.paused)
	identities, err := s.Identities(e, m.ID)
	if err != nil {
		return merchantDetail{}, err
	}
	for _, i := range identities {
		e.sayDamaged("identity", i.Dialect+" "+i.Name, i.Unreadable)
		detail.Identities = append(detail.Identities, identityRowOf(i))
	}
	keys, err := s.Keys(e, m.ID)
	if err != nil {
		return merchantDetail{}, err
	}
	for _, k := range keys {
		e.sayDamaged("key", k.ID, k.Unreadable)
		detail.Keys = append(detail.Keys, keyRowOf(k))
	}
	accounts, err := s.ChannelAccounts(e, m.ID)
	if err != nil {
		return merchantDetail{}, err
	}
	for _, a := range accounts {
		e.sayDamaged("channel account", a.ID, a.Unreadable)
		detail.Accounts = append(detail.Accounts, accountRow{a.ID, a.Channel, string(a.State), a.CreatedAt})
	}
	return detail, nil
}
