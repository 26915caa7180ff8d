package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
)

// identityCommand is refundry identity.
type identityCommand struct {
	Add      identityAdd      `cmd:"" help:"Have a merchant be known in one more dialect, or under one more name in it; new keys are shown once."`
	Set      identitySet      `cmd:"" help:"Change settings and secrets of an identity."`
	List     identityList     `cmd:"" help:"List what a merchant is known as."`
	Dialects identityDialects `cmd:"" help:"Print each dialect with the settings of its identities."`
}

// identityFlags are settings and secrets of identities that exist already.
type identityFlags struct {
	Set    map[string]string `help:"A setting that exists already, such as pingpp.app=app_... or wechatpay.mchid=...; identity dialects lists them. @FILE reads the value from a file. Repeatable." placeholder:"DIALECT.NAME=VALUE"`
	Secret map[string]string `help:"A secret that exists already, such as wechatpay.apiv3_key, which is read from a file, or from standard input with @-. Repeatable." placeholder:"DIALECT.NAME=@FILE"`
}

// given are the settings and secrets by dialect.
func (f identityFlags) given(e *environment) (map[string]merchant.Given, error) {
	settings, secrets, err := settingFlags(f).read(e)
	if err != nil {
		return nil, err
	}
	out := make(map[string]merchant.Given)
	for _, values := range []map[string]string{settings, secrets} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			dialect, setting, dotted := strings.Cut(name, ".")
			known, ok := service.Dialects().Find(dialect)
			if !dotted || !ok {
				return nil, usageError{fmt.Sprintf("%s: write a setting with its dialect before it, such as pingpp.app", name)}
			}
			if err := give(out, known, setting, values[name]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// of are the settings and secrets of one dialect, before whose names it may stand.
func (f identityFlags) of(e *environment, known merchant.Dialect) (merchant.Given, error) {
	settings, secrets, err := settingFlags(f).read(e)
	if err != nil {
		return merchant.Given{}, err
	}
	out := make(map[string]merchant.Given)
	for _, values := range []map[string]string{settings, secrets} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if err := give(out, known, name, values[name]); err != nil {
				return merchant.Given{}, err
			}
		}
	}
	return out[known.Name], nil
}

// give adds a value to what is given of a dialect. Whether it is a secret is for
// the dialect to say.
func give(out map[string]merchant.Given, known merchant.Dialect, name, value string) error {
	s, ok := known.Setting(name)
	if err := known.CheckMoved(name, value); err != nil {
		return usageError{known.Name + "." + err.Error()}
	}
	if moved, was := known.FindMoved(name); was {
		s, ok = merchant.Setting{Name: moved.Name, Secret: moved.Secret}, true
	}
	if !ok {
		return usageError{fmt.Sprintf("%s.%s: no such setting (hint: refundry identity dialects)", known.Name, name)}
	}
	given := out[known.Name]
	to := &given.Settings
	if s.Secret {
		to = &given.Secrets
	}
	if *to == nil {
		*to = make(map[string]string)
	}
	(*to)[s.Name] = value
	out[known.Name] = given
	return nil
}

// identityRow is an identity in JSON; of secrets there are none.
type identityRow struct {
	Dialect   string            `json:"dialect"`
	Name      string            `json:"name"`
	Sub       string            `json:"sub,omitempty"`
	Public    map[string]string `json:"public,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
}

func identityRowOf(i merchant.Identity) identityRow {
	i = i.Showing(time.Now())
	return identityRow{i.Dialect, i.Name, i.Sub, i.Public, i.CreatedAt}
}

type identityAdd struct {
	accountFlags
	identityFlags
	Dialect string `arg:"" help:"The dialect: ${identity_dialects}."`
}

func (c *identityAdd) Run(e *environment) error {
	known, ok := service.Dialects().Find(c.Dialect)
	if !ok || known.Make == nil {
		return usageError{fmt.Sprintf("dialect %q has no identities", c.Dialect)}
	}
	given, err := c.of(e, known)
	if err != nil {
		return err
	}
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	fresh, err := d.AddIdentity(e, d.by, d.merchant.ID, admin.NewIdentity{Dialect: c.Dialect, Given: given})
	if err != nil {
		return asUsage(err)
	}
	if !c.JSON && len(severalKeys(fresh, []string{c.Dialect})) == 0 {
		e.say("merchant %s is known as %s in dialect %s; its key is shown this once:", d.merchant.Name, fresh.Identities[0].Name, c.Dialect)
		return e.printKeys(fresh)
	}
	e.say("merchant %s is known in dialect %s; its keys are shown this once:", d.merchant.Name, c.Dialect)
	_, err = e.out.Write(fresh.Document())
	return err
}

type identitySet struct {
	accountFlags
	identityFlags
	Dialect string `arg:"" help:"The dialect."`
	Name    string `arg:"" help:"What the merchant is known as there."`
}

func (c *identitySet) Run(e *environment) error {
	known, ok := service.Dialects().Find(c.Dialect)
	switch {
	case !ok || known.Make == nil:
		return usageError{fmt.Sprintf("dialect %q has no identities", c.Dialect)}
	case len(c.Set)+len(c.Secret) == 0:
		return usageError{"say what to change: --set or --secret"}
	}
	set, err := c.of(e, known)
	if err != nil {
		return err
	}
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	i, err := d.SetIdentity(e, d.by, d.merchant.ID, admin.IdentitySet{Dialect: c.Dialect, Name: c.Name, Set: set})
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(identityRowOf(i))
	}
	e.say("the %s identity %s is changed", c.Dialect, c.Name)
	return nil
}

type identityList struct {
	accountFlags
}

func (c *identityList) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	all, err := d.store.Identities(e, d.merchant.ID)
	if err != nil {
		return err
	}
	for _, i := range all {
		e.sayDamaged("identity", i.Dialect+" "+i.Name, i.Unreadable)
	}
	return printList(e, c.JSON, all, identityRowOf, []string{"DIALECT", "NAME", "SUB", "CREATED"}, func(i merchant.Identity) []string {
		return []string{i.Dialect, i.Name, i.Sub, when(i.CreatedAt)}
	})
}

type identityDialects struct{ jsonFlag }

// settingRow describes a setting in JSON.
type settingRow struct {
	Dialect string `json:"dialect"`
	Name    string `json:"name"`
	Secret  bool   `json:"secret"`
	// Fixed settings are given when the identity is made, and stay.
	Fixed   bool   `json:"fixed"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
}

func (c *identityDialects) Run(e *environment) error {
	var all []settingRow
	for _, d := range service.Dialects() {
		for _, s := range d.Settings {
			all = append(all, settingRow{d.Name, s.Name, s.Secret, s.Fixed, s.Default, s.Meaning})
		}
	}
	object := func(s settingRow) settingRow { return s }
	return printList(e, c.JSON, all, object, []string{"SETTING", "KIND", "DEFAULT", "MEANING"}, func(s settingRow) []string {
		kind := "setting"
		if s.Secret {
			kind = "secret"
		}
		if s.Fixed {
			kind += ", fixed"
		}
		return []string{s.Dialect + "." + s.Name, kind, s.Default, s.Meaning}
	})
}
