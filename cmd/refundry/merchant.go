package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// merchantCommand is refundry merchant.
type merchantCommand struct {
	Add  merchantAdd  `cmd:"" help:"Make a merchant with an identity and keys in each dialect; the keys are shown once."`
	List merchantList `cmd:"" help:"List all merchants."`
	Get  merchantGet  `cmd:"" help:"Show a merchant with its identities, keys and channel accounts."`
}

type merchantAdd struct {
	databaseFlags
	dataFlags
	jsonFlag
	Name string   `arg:"" help:"What you call the merchant."`
	Mode string   `help:"test or live: a business with both has two merchants." enum:"test,live" default:"test"`
	With []string `help:"Dialects it is to be known in: pingpp, wallet, wechatpay, payin. The native API is always among them." default:"pingpp" placeholder:"DIALECT,..."`
}

// mostName bounds a merchant's name, in bytes: it stands in tables.
const mostName = 100

func (c *merchantAdd) Run(e *environment) error {
	if c.Name == "" || len(c.Name) > mostName || harmless(c.Name) != c.Name {
		return usageError{fmt.Sprintf("a merchant's name is 1 to %d bytes of text", mostName)}
	}
	dialects, err := service.Dialects().Only(c.With...)
	if err != nil {
		return usageError{err.Error()}
	}
	fresh, err := merchant.NewFresh(c.Name, merchant.Mode(c.Mode), dialects, nil, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return usageError{err.Error()}
	}
	if many := severalKeys(fresh, dialects); len(many) > 0 && !c.JSON {
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
	if err := s.AddMerchant(e, fresh); err != nil {
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
	rows := make([][]string, 0, len(fresh.Keys))
	for _, key := range fresh.Keys {
		rows = append(rows, []string{key.Key.Dialect, key.Key.Identity, key.Secret})
	}
	return e.printTable([]string{"DIALECT", "IDENTITY", "KEY"}, rows)
}

// severalKeys are the dialects of which a client needs more than one key; no
// table could show those.
func severalKeys(f merchant.Fresh, dialects merchant.Dialects) []string {
	var many []string
	for _, name := range dialects.Names() {
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
	object := func(m merchant.Merchant) merchantRow { return merchantRow(m) }
	return printList(e, c.JSON, all, object, []string{"ID", "NAME", "MODE", "CREATED"}, func(m merchant.Merchant) []string {
		return []string{m.ID, m.Name, string(m.Mode), when(m.CreatedAt)}
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
	Identities []identityRow `json:"identities"`
	Keys       []keyRow      `json:"keys"`
	Accounts   []accountRow  `json:"channel_accounts"`
}

type identityRow struct {
	Dialect   string            `json:"dialect"`
	Name      string            `json:"name"`
	Sub       string            `json:"sub,omitempty"`
	Public    map[string]string `json:"public,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
}

type accountRow struct {
	ID        string    `json:"id"`
	Connector string    `json:"connector"`
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
	for _, i := range detail.Identities {
		rows = append(rows, []string{i.Dialect, strings.TrimSpace(i.Name + " " + i.Sub)})
	}
	for _, k := range detail.Keys {
		rows = append(rows, []string{k.Dialect + " key", k.Hint + "  (" + k.ID + ", may " + strings.Join(k.Scopes, " ") + ")"})
	}
	for _, a := range detail.Accounts {
		rows = append(rows, []string{"channel account", a.ID + "  (" + a.Connector + ")"})
	}
	return e.printTable([]string{"WHAT", "VALUE"}, rows)
}

func readMerchant(e *environment, s *store.Store, name string) (merchantDetail, error) {
	m, err := merchantFlags{Merchant: name}.find(e, s)
	if err != nil {
		return merchantDetail{}, err
	}
	detail := merchantDetail{merchantRow: merchantRow(m), Identities: []identityRow{}, Keys: []keyRow{}, Accounts: []accountRow{}}
	identities, err := s.Identities(e, m.ID)
	if err != nil {
		return merchantDetail{}, err
	}
	for _, i := range identities {
		i = i.Showing(time.Now())
		detail.Identities = append(detail.Identities, identityRow{i.Dialect, i.Name, i.Sub, i.Public, i.CreatedAt})
	}
	keys, err := s.Keys(e, m.ID)
	if err != nil {
		return merchantDetail{}, err
	}
	for _, k := range keys {
		detail.Keys = append(detail.Keys, keyRowOf(k))
	}
	accounts, err := s.ChannelAccounts(e, m.ID)
	if err != nil {
		return merchantDetail{}, err
	}
	for _, a := range accounts {
		detail.Accounts = append(detail.Accounts, accountRow{a.ID, a.Channel, a.CreatedAt})
	}
	return detail, nil
}
