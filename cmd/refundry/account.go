package main

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// accountCommand is refundry account.
type accountCommand struct {
	Add      accountAdd      `cmd:"" help:"Add a channel account: what moves the merchant's money back."`
	List     accountList     `cmd:"" help:"List a merchant's channel accounts."`
	Get      accountGet      `cmd:"" help:"Show a channel account; of secrets the names alone."`
	Set      accountSet      `cmd:"" help:"Change a channel account; the credentials before end at once."`
	Rotate   accountRotate   `cmd:"" help:"Give a channel account new credentials; those before live on for a while."`
	Check    accountCheck    `cmd:"" help:"Make a harmless call to the channel, and say what is wrong; with --since ask it what it has done, and adopt what is not ours."`
	Pause    accountPause    `cmd:"" help:"Stop sending: refunds are accepted and wait."`
	Resume   accountResume   `cmd:"" help:"Send again, what waited at once; a closed account is opened again."`
	Retry    accountRetry    `cmd:"" help:"Have all refunds that wait for funds of the account sent again now: the funds are back."`
	Close    accountClose    `cmd:"" help:"Accept no more refunds; what was accepted is carried to its end."`
	Channels accountChannels `cmd:"" help:"Print each channel with its settings."`
}

// accountFlags are for commands on what a merchant has, some of it sealed.
type accountFlags struct {
	databaseFlags
	dataFlags
	merchantFlags
	jsonFlag
}

// desk is an open database with the operator's use cases and who acts.
type desk struct {
	*admin.Admin
	by       admin.By
	store    *store.Store
	merchant merchant.Merchant
}

// desk opens the database with its keys and finds the merchant that is meant.
func (f accountFlags) desk(e *environment, egressAllow ...netip.Prefix) (*desk, error) {
	s, m, err := openFor(e, f.databaseFlags, f.merchantFlags)
	if err != nil {
		return nil, err
	}
	d := &desk{store: s, merchant: m}
	if err = f.useMasterKey(e, s); err == nil {
		d.Admin, d.by, err = e.admin(s, egressAllow...)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return d, nil
}

// show prints an account.
func (f accountFlags) show(e *environment, a merchant.ChannelAccount) error {
	if f.JSON {
		return e.printJSON(native.AccountJSON(a))
	}
	rows := [][]string{
		{"id", a.ID},
		{"channel", a.Channel},
		{"state", string(a.State)},
		{"takes", strings.Join(admin.Takes(a), ",")},
		{"default", map[bool]string{true: "yes", false: "no"}[a.Default]},
		{"version", fmt.Sprint(a.Version)},
	}
	for _, name := range slices.Sorted(maps.Keys(a.Settings)) {
		rows = append(rows, []string{name, a.Settings[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(a.Secrets)) {
		rows = append(rows, []string{name, "(secret)"})
	}
	for _, v := range a.LivePrevious(time.Now()) {
		rows = append(rows, []string{fmt.Sprintf("version %d", v.Version), "until " + when(v.RetiresAt)})
	}
	for _, p := range a.Pauses {
		rows = append(rows, []string{"paused", p.String() + ", since " + when(p.At)})
	}
	if !a.AskSince.IsZero() {
		rows = append(rows, []string{"to be asked since", when(a.AskSince)})
	}
	return e.printTable([]string{"WHAT", "VALUE"}, append(rows, []string{"created", when(a.CreatedAt)}, []string{"changed", when(a.UpdatedAt)}))
}

// settingFlags are the settings and secrets of an account.
type settingFlags struct {
	Set    map[string]string `help:"A setting; account channels lists them. @FILE reads the value from a file. Repeatable." placeholder:"NAME=VALUE"`
	Secret map[string]string `help:"A secret, which is read from a file, or from standard input with @-. Repeatable." placeholder:"NAME=@FILE"`
}

// read returns the settings and secrets, and reads the files that they name. A
// setting need not be a file, a secret must be: on the command line itself it
// would stay in the shell's history and be seen by others.
func (f settingFlags) read(e *environment) (settings, secrets map[string]string, err error) {
	for _, flag := range []struct {
		name  string
		given map[string]string
	}{{"--set", f.Set}, {"--secret", f.Secret}} {
		if _, nameless := flag.given[""]; nameless {
			return nil, nil, usageError{flag.name + " has nothing before the = (hint: write NAME=VALUE, and look where the name comes from)"}
		}
	}
	settings, secrets = maps.Clone(f.Set), make(map[string]string, len(f.Secret))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		file, is := strings.CutPrefix(settings[name], "@")
		if !is {
			continue
		}
		if settings[name], err = readSecret(e, file); err != nil {
			return nil, nil, fmt.Errorf("read setting %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Secret)) {
		file, is := strings.CutPrefix(f.Secret[name], "@")
		if !is || file == "" {
			return nil, nil, usageError{fmt.Sprintf("--secret %s takes @FILE, or @- for standard input: a secret on the command line would stay in its history", name)}
		}
		text, err := readSecret(e, file)
		if err != nil {
			return nil, nil, fmt.Errorf("read secret %s: %w", name, err)
		}
		secrets[name] = text
	}
	return settings, secrets, nil
}

// readSecret reads a file without the line break at its end.
func readSecret(e *environment, file string) (string, error) {
	in := e.in
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer func() { _ = opened.Close() }()
		in = opened
	}
	text, err := readAtMost(in, admin.MaxSetting)
	return strings.TrimRight(text, "\r\n"), err
}

type accountAdd struct {
	accountFlags
	settingFlags
	Channel string   `help:"What kind of channel: manual, sandbox, ...; account channels lists them." required:"" placeholder:"CHANNEL"`
	Takes   []string `help:"Channels of charges that it moves, such as wx,wx_pub; default whatever no other account takes." placeholder:"NAME,..."`
	Default bool     `help:"It goes before others that take the same."`
	FromSim string   `help:"Take settings and secrets from the sim.json of a channel-sim; --set and --secret replace single ones. For test merchants alone." placeholder:"FILE" type:"path"`
}

func (c *accountAdd) Run(e *environment) error {
	settings, secrets, err := c.read(e)
	if err == nil && c.FromSim != "" {
		settings, secrets, err = c.simulated(settings, secrets)
	}
	if err != nil {
		return err
	}
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	if c.FromSim != "" && d.merchant.Mode != merchant.Test {
		return usageError{"--from-sim is refused for a live merchant: a simulator moves no money (hint: merchant add --mode test)"}
	}
	a, err := d.AddAccount(e, d.by, d.merchant.ID, admin.NewAccount{
		Channel: c.Channel, Takes: c.Takes, Default: c.Default, Settings: settings, Secrets: secrets,
	})
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(native.AccountJSON(a))
	}
	_, err = fmt.Fprintln(e.out, a.ID)
	return err
}

// simulated puts what the command line says over what sim.json has.
func (c *accountAdd) simulated(settings, secrets map[string]string) (map[string]string, map[string]string, error) {
	ownSettings, ownSecrets, err := fromSim(c.FromSim, c.Channel)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(ownSettings, settings)
	maps.Copy(ownSecrets, secrets)
	return ownSettings, ownSecrets, nil
}

type accountList struct{ accountFlags }

func (c *accountList) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	all, err := d.Accounts(e, d.merchant.ID)
	if err != nil {
		return err
	}
	header := []string{"ID", "CHANNEL", "STATE", "TAKES", "VERSION", "CREATED"}
	return printList(e, c.JSON, all, native.AccountJSON, header, func(a merchant.ChannelAccount) []string {
		return []string{a.ID, a.Channel, string(a.State), strings.Join(admin.Takes(a), ","), fmt.Sprint(a.Version), when(a.CreatedAt)}
	})
}

type accountGet struct {
	accountFlags
	ID string `arg:"" help:"The account's id."`
}

func (c *accountGet) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	a, err := d.Account(e, d.merchant.ID, c.ID)
	if err != nil {
		return err
	}
	return c.show(e, a)
}

type accountChannels struct{ jsonFlag }

func (c *accountChannels) Run(e *environment) error {
	channels := service.ChannelKinds()
	if c.JSON {
		return e.printJSON(native.ChannelsJSON(channels))
	}
	var rows [][]string
	for _, channel := range channels {
		if len(channel.Settings) == 0 {
			rows = append(rows, []string{channel.Name, "", "", "", "has no settings"})
		}
		for _, s := range channel.Settings {
			kind := map[bool]string{true: "secret", false: "setting"}[s.Secret]
			needed := map[bool]string{true: "required", false: ""}[s.Required]
			rows = append(rows, []string{channel.Name, s.Name, kind, needed, s.Meaning + defaultText(s)})
		}
	}
	return e.printTable([]string{"CHANNEL", "NAME", "KIND", "NEEDED", "MEANING"}, rows)
}

func defaultText(s merchant.Setting) string {
	if s.Default == "" {
		return ""
	}
	return " (default " + s.Default + ")"
}
