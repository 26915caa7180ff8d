package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
)

// keyCommand is refundry key.
type keyCommand struct {
	Add    keyAdd    `cmd:"" help:"Make an API key; it is shown once."`
	List   keyList   `cmd:"" help:"List a merchant's keys, or the service's own."`
	Set    keySet    `cmd:"" help:"Change what a key may do, from where, how much and until when."`
	Expire keyExpire `cmd:"" help:"End a key's life now."`
	Rotate keyRotate `cmd:"" help:"Replace the keys of the service itself, in overlapping lives."`
	Export keyExport `cmd:"" help:"Print the public half of a key of the service itself."`
}

// keyRow is a key in JSON; its text is not stored.
type keyRow struct {
	ID        string          `json:"id"`
	Dialect   string          `json:"dialect"`
	Identity  string          `json:"identity"`
	Scopes    []string        `json:"scopes"`
	Hint      string          `json:"hint"`
	Plain     string          `json:"plain,omitempty"`
	ClientID  string          `json:"client_id,omitempty"` // of a Payin client
	MadeBy    string          `json:"made_by,omitempty"`   // absent of keys of before
	CreatedAt time.Time       `json:"created_at"`
	ExpiresAt *time.Time      `json:"expires_at"`
	AllowIPs  []netip.Prefix  `json:"allow_ips,omitempty"`
	Ceilings  []money.Ceiling `json:"ceilings,omitempty"`
}

func keyRowOf(k merchant.Key) keyRow {
	row := keyRow{ID: k.ID, Dialect: k.Dialect, Identity: k.Identity, Scopes: []string{}, Hint: k.Hint, Plain: k.Plain, ClientID: k.Public[merchant.ClientID], MadeBy: k.MadeBy.First().String(), CreatedAt: k.CreatedAt, AllowIPs: k.Limits.AllowIPs, Ceilings: k.Limits.Ceilings}
	for _, scope := range k.Scopes {
		row.Scopes = append(row.Scopes, string(scope))
	}
	if !k.ExpiresAt.IsZero() {
		row.ExpiresAt = &k.ExpiresAt
	}
	return row
}

type keyAdd struct {
	accountFlags
	limitFlags
	Dialect  string   `help:"Dialect the key is for: ${key_dialects}." default:"native" enum:"${key_dialects}"`
	Scopes   []string `help:"What a native key may do: charges:write, refunds:write, read, endpoints:write, sandbox:write, merchants:write, refunds:resolve, refunds:approve, policies:write, users:write; default all that its mode has but the last four, which are given by name alone." placeholder:"SCOPE,..."`
	Identity string   `help:"Whose key it is; default the merchant's only identity in the dialect." placeholder:"NAME"`
	Plain    onOff    `help:"Whether a wallet key may send requests that are not sealed: --plain is on, --plain=off is off; default as its wallet has it."`
}

func (c *keyAdd) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	in := admin.NewKey{Dialect: c.Dialect, Identity: c.Identity}
	if c.Plain != "" {
		in.Settings = map[string]string{"plain": string(c.Plain)}
	}
	for _, name := range c.Scopes {
		in.Scopes = append(in.Scopes, merchant.Scope(name))
	}
	expires, err := c.expiry(time.Now())
	if err != nil {
		return err
	}
	if expires != nil {
		in.ExpiresAt = *expires
	}
	networks, err := c.networks()
	if err != nil {
		return err
	}
	if networks != nil {
		in.Limits.AllowIPs = *networks
	}
	ceilings, err := c.ceilings(nil)
	if err != nil {
		return err
	}
	if ceilings != nil {
		in.Limits.Ceilings = *ceilings
	}
	fresh, err := d.AddKey(e, d.by, d.merchant.ID, in)
	if err != nil {
		return asUsage(err)
	}
	clientSecret := fresh.Key.Secrets[merchant.ClientSecret]
	if c.JSON {
		return e.printJSON(struct {
			keyRow
			Key    string `json:"key"`
			Secret string `json:"secret,omitempty"` // a Payin client's
		}{keyRowOf(fresh.Key), fresh.Secret, clientSecret})
	}
	e.say("key %s was made; it is shown this once:", fresh.Key.ID)
	if _, err = fmt.Fprintln(e.out, fresh.Secret); err == nil && clientSecret != "" {
		e.say("and the secret that signs the client's requests:")
		_, err = fmt.Fprintln(e.out, clientSecret)
	}
	return err
}

type keyList struct {
	databaseFlags
	dataFlags
	merchantFlags
	jsonFlag
	Platform bool `help:"List the keys of the service itself instead, with their public halves in JSON."`
}

func (c *keyList) Run(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if c.Platform {
		return c.listPlatform(e, s)
	}
	m, err := c.find(e, s)
	if err != nil {
		return err
	}
	keys, err := s.Keys(e, m.ID)
	if err != nil {
		return err
	}
	for _, k := range keys {
		e.sayDamaged("key", k.ID, k.Unreadable)
	}
	header := []string{"ID", "DIALECT", "IDENTITY", "HINT", "SCOPES", "CREATED", "EXPIRES", "LIMITS"}
	return printList(e, c.JSON, keys, keyRowOf, header, func(k merchant.Key) []string {
		return []string{k.ID, k.Dialect, k.Identity, k.Hint, strings.Join(keyRowOf(k).Scopes, " "), when(k.CreatedAt), when(k.ExpiresAt), limitsText(k.Limits)}
	})
}

type keyExpire struct {
	databaseFlags
	dataFlags
	merchantFlags
	ID string `arg:"" help:"The key's id, as key list shows it."`
}

func (c *keyExpire) Run(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if strings.HasPrefix(c.ID, platformKeyMark) {
		return c.expirePlatform(e, s)
	}
	m, err := c.find(e, s)
	if err != nil {
		return err
	}
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	if _, err := desk.ExpireKey(e, by, m.ID, c.ID); err != nil {
		return err
	}
	e.say("key %s has expired", c.ID)
	return nil
}

// onOff is a flag that is on alone (--plain) or with a value (--plain=off,
// --plain off); "" if it was not given.
type onOff string

// IsBool has kong take the flag without a value.
func (*onOff) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (o *onOff) Decode(ctx *kong.DecodeContext) error {
	*o = "on"
	token := ctx.Scan.Peek()
	text, _ := token.Value.(string)
	if known := text == "on" || text == "off"; token.Type != kong.FlagValueToken && !known {
		return nil // what follows is another argument
	} else if !known {
		return fmt.Errorf("must be on or off, not %q", text)
	}
	ctx.Scan.Pop()
	*o = onOff(text)
	return nil
}
