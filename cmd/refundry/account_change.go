package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
)

type accountSet struct {
	accountFlags
	settingFlags
	ID        string   `arg:"" help:"The account's id."`
	Takes     []string `help:"Channels of charges that it moves; * for whatever no other account takes." placeholder:"NAME,..."`
	Default   bool     `help:"It goes before others that take the same." xor:"default"`
	NoDefault bool     `help:"It goes before no other." xor:"default"`
}

func (c *accountSet) Run(e *environment) error {
	settings, secrets, err := c.read(e)
	if err != nil {
		return err
	}
	if len(settings)+len(secrets)+len(c.Takes) == 0 && !c.Default && !c.NoDefault {
		return usageError{"say what to change: --set, --secret, --takes, --default or --no-default"}
	}
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	change := admin.AccountChange{Takes: c.Takes, Settings: settings, Secrets: secrets}
	if c.Default || c.NoDefault {
		change.Default = &c.Default
	}
	a, err := d.SetAccount(e, d.by, d.merchant.ID, c.ID, change)
	if err != nil {
		return asUsage(err)
	}
	return c.show(e, a)
}

type accountRotate struct {
	accountFlags
	settingFlags
	ID      string        `arg:"" help:"The account's id."`
	Overlap time.Duration `help:"How long what the channel sends is verified by the credentials before, too." default:"48h" placeholder:"TIME"`
}

func (c *accountRotate) Run(e *environment) error {
	settings, secrets, err := c.read(e)
	if err != nil {
		return err
	}
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	a, err := d.RotateAccount(e, d.by, d.merchant.ID, c.ID, settings, secrets, c.Overlap)
	if err != nil {
		return asUsage(err)
	}
	return c.show(e, a)
}

type accountPause struct {
	accountFlags
	ID string `arg:"" help:"The account's id."`
}

func (c *accountPause) Run(e *environment) error {
	return c.move(e, c.ID, (*admin.Admin).PauseAccount)
}

type accountResume struct {
	accountFlags
	ID        string `arg:"" help:"The account's id."`
	Unchecked bool   `help:"Resume it although nobody asked the channel what it did since a restore (account check --since): you have compared by hand."`
}

func (c *accountResume) Run(e *environment) error {
	if c.Unchecked {
		return c.move(e, c.ID, (*admin.Admin).ResumeUnchecked)
	}
	return c.move(e, c.ID, (*admin.Admin).ResumeAccount)
}

type accountClose struct {
	accountFlags
	ID string `arg:"" help:"The account's id."`
}

func (c *accountClose) Run(e *environment) error {
	return c.move(e, c.ID, (*admin.Admin).CloseAccount)
}

// moving is one of the use cases that set an account's state.
type moving func(a *admin.Admin, ctx context.Context, by admin.By, merchantID, id string) (merchant.ChannelAccount, error)

func (f accountFlags) move(e *environment, id string, to moving) error {
	d, err := f.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	a, err := to(d.Admin, e, d.by, d.merchant.ID, id)
	if err != nil {
		return err
	}
	if f.JSON {
		return f.show(e, a)
	}
	e.say("channel account %s is %s", a.ID, a.State)
	return nil
}

// readAtMost reads a text of at most so many bytes.
func readAtMost(in io.Reader, most int64) (string, error) {
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return string(text), err
}

// accountRetry is refundry account retry.
type accountRetry struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The account's id."`
}

func (c *accountRetry) Run(e *environment) error {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	retried, err := desk.RetryAccount(e, by, m.ID, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.RetriedJSON(c.ID, retried))
	}
	e.say("%d refunds that waited for funds are sent again", retried)
	return nil
}
