package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
)

// limitFlags bind a key. The words that take a limit away are for key set.
type limitFlags struct {
	Expires   string   `help:"When the key's life ends: a time such as 2027-01-31T00:00:00Z, or so long from now, such as 90d or 12h; 'never' for never." placeholder:"TIME"`
	AllowIP   []string `name:"allow-ip" help:"Network or address that the key may be used from; may be given several times; 'any' for all. Behind a proxy the caller's address counts that --trusted-proxy lets it name." placeholder:"CIDR"`
	MaxRefund []string `help:"Most that one refund may be, such as 100.00 (CNY) or KWD=10.000; may be given once per currency; 'none' for no ceiling." placeholder:"AMOUNT"`
	MaxDay    []string `help:"Most that the refunds of one UTC day may be together, whatever becomes of them, in the same form." placeholder:"AMOUNT"`
}

// expiry reads --expires; nil where it is not given, and the zero time for never.
func (f limitFlags) expiry(now time.Time) (*time.Time, error) {
	var at time.Time
	switch text := f.Expires; {
	case text == "":
		return nil, nil
	case text == "never":
		return &at, nil
	case strings.HasSuffix(text, "d"):
		days, err := strconv.ParseUint(strings.TrimSuffix(text, "d"), 10, 16)
		if err != nil || days == 0 {
			return nil, usageError{fmt.Sprintf("--expires %s is no number of days", text)}
		}
		at = now.Add(time.Duration(days) * 24 * time.Hour)
	default:
		span, err := time.ParseDuration(text)
		if err == nil && span > 0 {
			at = now.Add(span)
			break
		}
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, usageError{fmt.Sprintf("--expires %s is neither a time such as 2027-01-31T00:00:00Z nor a span such as 90d (hint: a time needs its zone)", text)}
		}
	}
	at = at.UTC().Truncate(time.Microsecond)
	return &at, nil
}

// networks reads --allow-ip; nil where it is not given.
func (f limitFlags) networks() (*[]netip.Prefix, error) {
	if len(f.AllowIP) == 0 {
		return nil, nil
	}
	networks := []netip.Prefix{}
	if slices.Equal(f.AllowIP, []string{"any"}) {
		return &networks, nil
	}
	for _, text := range f.AllowIP {
		network, err := merchant.ParseNetwork(text)
		if err != nil {
			return nil, usageError{fmt.Sprintf("--allow-ip: %s %v", text, err)}
		}
		networks = append(networks, network)
	}
	return &networks, nil
}

// ceilings puts the flags' amounts in the place of what a key has; nil where
// neither is given.
func (f limitFlags) ceilings(has []money.Ceiling) (*[]money.Ceiling, error) {
	if len(f.MaxRefund) == 0 && len(f.MaxDay) == 0 {
		return nil, nil
	}
	out := slices.Clone(has)
	err := replaceBounds(&out, "--max-refund", f.MaxRefund, func(c *money.Ceiling) *money.Minor { return &c.PerRefund })
	if err == nil {
		err = replaceBounds(&out, "--max-day", f.MaxDay, func(c *money.Ceiling) *money.Minor { return &c.PerDay })
	}
	if err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(c money.Ceiling) bool { return c.PerRefund == 0 && c.PerDay == 0 })
	return &out, nil
}

// replaceBounds puts amounts that a flag names in the place of the bounds of one
// kind.
func replaceBounds(ceilings *[]money.Ceiling, flag string, given []string, bound func(*money.Ceiling) *money.Minor) error {
	if len(given) == 0 {
		return nil
	}
	for n := range *ceilings {
		*bound(&(*ceilings)[n]) = 0
	}
	if slices.Equal(given, []string{"none"}) {
		return nil
	}
	for _, text := range given {
		amount, err := boundAmount(flag, text)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(*ceilings, func(c money.Ceiling) bool { return c.Currency == amount.Currency })
		if at < 0 {
			at = len(*ceilings)
			*ceilings = append(*ceilings, money.Ceiling{Currency: amount.Currency})
		}
		to := bound(&(*ceilings)[at])
		if *to != 0 {
			return usageError{fmt.Sprintf("%s names %s twice", flag, amount.Currency)}
		}
		*to = amount.Minor
	}
	return nil
}

// boundAmount reads 100.00, which is CNY, or KWD=10.000.
func boundAmount(flag, text string) (money.Amount, error) {
	name, number, named := strings.Cut(text, "=")
	if !named {
		name, number = "CNY", text
	}
	currency := money.Currency(name)
	if !currency.Valid() {
		return money.Amount{}, usageError{fmt.Sprintf("%s: %q is no currency of ISO 4217 (hint: %s KWD=10.000)", flag, name, flag)}
	}
	minor, err := money.Parse(number, currency)
	switch written := money.Format(minor, currency); {
	case err != nil:
		return money.Amount{}, usageError{fmt.Sprintf("%s: %v (hint: %s has %d decimals)", flag, err, currency, currency.Exponent())}
	case minor <= 0:
		return money.Amount{}, usageError{fmt.Sprintf("%s must be above 0 (hint: 'none' for no ceiling)", flag)}
	case written != number:
		return money.Amount{}, usageError{fmt.Sprintf("%s %s is not written with the %d decimals of %s (hint: %s)", flag, number, currency.Exponent(), currency, written)}
	}
	return money.Amount{Minor: minor, Currency: currency}, nil
}

// keySet changes a key.
type keySet struct {
	accountFlags
	limitFlags
	ID     string   `arg:"" help:"The key's id, as key list shows it."`
	Scopes []string `help:"All that the key may do afterwards." placeholder:"SCOPE,..."`
}

func (c *keySet) Run(e *environment) error {
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	keys, err := d.store.Keys(e, d.merchant.ID)
	if err != nil {
		return err
	}
	var has []money.Ceiling
	if at := slices.IndexFunc(keys, func(k merchant.Key) bool { return k.ID == c.ID }); at >= 0 {
		has = keys[at].Limits.Ceilings
	}
	var set admin.KeyEdit
	for _, name := range c.Scopes {
		set.Scopes = append(set.Scopes, merchant.Scope(name))
	}
	if set.ExpiresAt, err = c.expiry(time.Now()); err != nil {
		return err
	}
	if set.AllowIPs, err = c.networks(); err != nil {
		return err
	}
	if set.Ceilings, err = c.ceilings(has); err != nil {
		return err
	}
	if set.Scopes == nil && set.ExpiresAt == nil && set.AllowIPs == nil && set.Ceilings == nil {
		return usageError{"key set changes nothing without a flag (hint: --expires, --allow-ip, --max-refund, --max-day, --scopes)"}
	}
	key, err := d.SetKey(e, d.by, d.merchant.ID, c.ID, set)
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return e.printJSON(keyRowOf(key))
	}
	e.say("key %s is changed; running services go by it within seconds", key.ID)
	return nil
}

// limitsText is a key's limits in tables.
func limitsText(l merchant.KeyLimits) string {
	var parts []string
	for _, network := range l.AllowIPs {
		parts = append(parts, network.String())
	}
	for _, c := range l.Ceilings {
		if c.PerRefund > 0 {
			parts = append(parts, amountText(c.PerRefund, c.Currency)+" a refund")
		}
		if c.PerDay > 0 {
			parts = append(parts, amountText(c.PerDay, c.Currency)+" a day")
		}
	}
	return strings.Join(parts, "; ")
}
