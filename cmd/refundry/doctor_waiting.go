package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// longPending is how long a refund may be at its channel until somebody should
// ask: banks take days, and none takes weeks.
const longPending = 14 * 24 * time.Hour

// accounts asks each account that moves real money whether it could.
func (c *doctorCommand) accounts(e *environment, s *store.Store, x *examination) {
	desk, _, err := e.admin(s)
	if err != nil {
		x.add("accounts", problem, "", "%v", err)
		return
	}
	c.pauses(e, s, x)
	merchants, err := s.Merchants(e)
	if err != nil {
		x.add("accounts", problem, "", "%v", err)
		return
	}
	for _, m := range merchants {
		accounts, err := s.ChannelAccounts(e, m.ID)
		if err != nil {
			x.add("accounts", problem, "", "%v", err)
			continue
		}
		usable := false
		for _, account := range accounts {
			usable = usable || account.State != merchant.AccountClosed
			switch {
			case account.State == merchant.AccountClosed:
				continue
			case account.Channel == merchant.ChannelSandbox && account.State == merchant.AccountActive:
				continue
			case !account.AskSince.IsZero():
				check := x.command(fmt.Sprintf("account check %s --merchant %s --since restore", account.ID, m.ID))
				x.add("accounts", warning, check+", and then "+x.command(fmt.Sprintf("account resume %s --merchant %s", account.ID, m.ID)),
					"%s of merchant %s is paused since a restore: its channel may have made refunds since %s that are lost here", account.ID, m.ID, when(account.AskSince))
			case account.State == merchant.AccountPaused:
				x.add("accounts", warning, x.command(fmt.Sprintf("account resume %s --merchant %s", account.ID, m.ID)), "%s of merchant %s is paused: refunds are accepted, and none is sent", account.ID, m.ID)
			}
			found, err := desk.CheckAccount(e, m.ID, account.ID)
			for _, check := range found {
				if err == nil {
					err = check.Err
				}
			}
			if err != nil {
				x.add("accounts", problem, x.command(fmt.Sprintf("account check %s --merchant %s", account.ID, m.ID)), "%s of merchant %s: %v", account.ID, m.ID, err)
				continue
			}
			x.add("accounts", fine, "", "%s of merchant %s (%s)", account.ID, m.ID, account.Channel)
		}
		if m.Mode == merchant.Live && !usable {
			x.add("accounts", problem, x.command("account add --channel manual --merchant "+m.ID)+", or another of refundry account channels", "the live merchant %s has no channel account: its refunds are refused", m.ID)
		}
	}
}

// pauses tells of pauses that are wider than one account's.
func (c *doctorCommand) pauses(e *environment, s *store.Store, x *examination) {
	all, err := s.Pauses(e, "")
	if err != nil {
		x.add("pauses", problem, "", "%v", err)
		return
	}
	for _, p := range all {
		flags := ""
		if p.MerchantID != "" {
			flags += " --merchant " + p.MerchantID
		}
		if p.Channel != "" {
			flags += " --channel " + p.Channel
		}
		if flags == "" {
			flags = " --all"
		}
		x.add("pauses", warning, x.command("resume"+flags), "%s is paused since %s by %s: refunds are accepted, and none is sent (%s)", p.PauseScope, when(p.At), p.By, harmless(p.Reason))
	}
}

// conditions tells what waits for an operator.
func (c *doctorCommand) conditions(e *environment, s *store.Store, x *examination, owned bool) {
	now := time.Now()
	all, err := s.Conditions(e, now)
	if err != nil {
		x.add("refunds", problem, "", "%v", err)
		return
	}
	before := len(x.found)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		waiting(x, all[id], id, now, owned)
	}
	if len(x.found) == before {
		x.add("refunds", fine, "", "none is stuck, and no webhook was given up")
	}
}

func waiting(x *examination, m store.Condition, id string, now time.Time, owned bool) {
	of := " --merchant " + id
	if m.Overdue > 0 {
		advice := "start it: " + x.command("serve")
		if owned {
			advice = "see the log of serve"
		}
		x.add("refunds", problem, advice, "merchant %s: %d refunds have been due for minutes and nobody looks at them", id, m.Overdue)
	}
	if since := now.Sub(m.Pending); !m.Pending.IsZero() && since > longPending {
		x.add("refunds", warning, x.command("refund list --state pending"+of)+", and ask the channel about the oldest", "merchant %s: a refund has been at its channel for %d days", id, int(since.Hours()/24))
	}
	if n := m.Open[refund.Abnormal]; n > 0 {
		x.add("refunds", warning, x.command("refund list --state abnormal"+of)+", and then refund reroute or refund resolve", "merchant %s: the payer's account could not take %d refunds", id, n)
	}
	if m.Approvals > 0 {
		x.add("approvals", warning, x.command("approval list --state waiting"+of)+", and then refund approve or refund refuse by somebody else than who asked",
			"merchant %s: %d wait for a second person, the oldest since %s", id, m.Approvals, when(m.OldestApproval))
	}
	if n := m.Open[refund.Held]; n > 0 {
		x.add("refunds", warning, x.command("refund list --state held"+of)+"; a shortage ends when funds are added, and an approval by a second person", "merchant %s: %d refunds are held", id, n)
	}
	if m.OpenAlerts > 0 {
		x.add("alerts", warning, x.command("alert list"+of), "merchant %s: nobody has looked at %d alerts", id, m.OpenAlerts)
	}
	if m.DeadDeliveries > 0 {
		x.add("webhooks", warning, x.command("delivery list --state dead"+of)+", and then delivery replay, or have the receiver read the events that it missed", "merchant %s: %d deliveries were given up", id, m.DeadDeliveries)
	}
}
