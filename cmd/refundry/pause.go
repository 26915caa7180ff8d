package main

import (
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
)

// scopeFlags say which channel accounts are meant. None given is wrong usage and
// never everything.
type scopeFlags struct {
	databaseFlags
	jsonFlag
	Merchant string `help:"All accounts of this merchant, by id or name." placeholder:"MERCHANT"`
	Channel  string `help:"All accounts of this kind of channel, such as wechatpay; with --merchant those of the merchant." placeholder:"CHANNEL"`
	All      bool   `help:"The whole installation."`
}

func (c *scopeFlags) check() error {
	switch {
	case c.All && (c.Merchant != "" || c.Channel != ""):
		return usageError{"--all is the whole installation: it goes without --merchant and --channel"}
	case !c.All && c.Merchant == "" && c.Channel == "":
		return usageError{"say what is meant: --merchant, --channel, or --all for the whole installation (hint: account pause is for one account)"}
	}
	return nil
}

// scope opens the database and finds what is meant.
func (c *scopeFlags) scope(e *environment) (*desk, merchant.PauseScope, error) {
	if err := c.check(); err != nil {
		return nil, merchant.PauseScope{}, err
	}
	s, err := c.open(e)
	if err != nil {
		return nil, merchant.PauseScope{}, err
	}
	d := &desk{store: s}
	if c.Merchant != "" {
		d.merchant, err = merchantFlags{Merchant: c.Merchant}.find(e, s)
	}
	if err == nil {
		d.Admin, d.by, err = e.admin(s)
	}
	if err != nil {
		s.Close()
		return nil, merchant.PauseScope{}, err
	}
	return d, merchant.PauseScope{MerchantID: d.merchant.ID, Channel: c.Channel}, nil
}

// pauseCommand is refundry pause.
type pauseCommand struct {
	scopeFlags
	Reason string `help:"Why; it is shown wherever the pause is." placeholder:"TEXT" describes:""`
	List   bool   `help:"Pause nothing, and list the pauses that are in force."`
}

func (c *pauseCommand) Run(e *environment) error {
	if c.List {
		return c.list(e)
	}
	d, scope, err := c.scope(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	p, err := d.Pause(e, d.by, scope, c.Reason)
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(native.PausesJSON([]merchant.Pause{p}))
	}
	e.say("%s is paused since %s: refunds are accepted, and within a few seconds no process sends any", p.PauseScope, when(p.At))
	return nil
}

// list prints the pauses of everybody, or those that concern a merchant.
func (c *pauseCommand) list(e *environment) error {
	if c.All || c.Channel != "" || c.Reason != "" {
		return usageError{"--list lists all pauses, or with --merchant those that concern one merchant"}
	}
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	merchantID := ""
	if c.Merchant != "" {
		m, err := merchantFlags{Merchant: c.Merchant}.find(e, s)
		if err != nil {
			return err
		}
		merchantID = m.ID
	}
	pauses, err := s.Pauses(e, merchantID)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.PausesJSON(pauses))
	}
	rows := make([][]string, len(pauses))
	for n, p := range pauses {
		rows[n] = []string{p.String(), when(p.At), p.By.String(), p.Reason}
	}
	return e.printTable([]string{"PAUSED", "SINCE", "BY", "REASON"}, rows)
}

// resumeCommand is refundry resume.
type resumeCommand struct{ scopeFlags }

func (c *resumeCommand) Run(e *environment) error {
	d, scope, err := c.scope(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	ended, err := d.Resume(e, d.by, scope)
	if err != nil {
		return asUsage(err)
	}
	left, err := d.Pauses(e, scope.MerchantID)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.PausesJSON(left))
	}
	if ended {
		e.say("%s sends again; what waited is sent now", scope)
	} else {
		e.say("%s was not paused", scope)
	}
	for _, p := range left {
		if p.Meets(scope) {
			e.say("%s is still paused, since %s", p.PauseScope, when(p.At))
		}
	}
	return nil
}
