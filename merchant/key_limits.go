package merchant

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/money"
)

const (
	// MaxAllowIPs bounds the networks of a key: every request compares them.
	MaxAllowIPs = 64
	// MaxCeilings bounds the currencies of a key.
	MaxCeilings = 32
)

// KeyLimits are what an API key is bound to besides its scopes, stored as one
// JSON text. The zero value is no limit.
type KeyLimits struct {
	// AllowIPs are the networks that the key may be used from; none is any.
	AllowIPs []netip.Prefix `json:"allow_ips,omitempty"`
	// Ceilings bound what the key may ask for, one per currency.
	Ceilings []money.Ceiling `json:"ceilings,omitempty"`
	// Since is when the ceilings were set.
	Since time.Time `json:"since,omitzero"`
}

// IsZero reports whether the key has no limits.
func (l KeyLimits) IsZero() bool { return len(l.AllowIPs) == 0 && len(l.Ceilings) == 0 }

// Allows reports whether the key may be used from an address. An address that is
// not known is in no network.
func (l KeyLimits) Allows(ip netip.Addr) bool {
	if len(l.AllowIPs) == 0 {
		return true
	}
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(l.AllowIPs, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// LimitError is what is wrong with a key's limits: the member at fault, allow_ips
// or ceilings, and a text that does not name it.
type LimitError struct{ Member, Text string }

func (e *LimitError) Error() string { return e.Member + " " + e.Text }

func limitError(member, format string, args ...any) error {
	return &LimitError{member, fmt.Sprintf(format, args...)}
}

// Check refuses limits that can't be meant.
func (l KeyLimits) Check() error {
	if len(l.AllowIPs) > MaxAllowIPs {
		return limitError("allow_ips", "takes at most %d networks", MaxAllowIPs)
	}
	for _, p := range l.AllowIPs {
		if !p.IsValid() || p.Masked() != p || p.Addr().Is4In6() {
			return limitError("allow_ips", "has %s, which is no network (hint: %s)", p, p.Masked())
		}
	}
	if len(l.Ceilings) > MaxCeilings {
		return limitError("ceilings", "takes at most %d currencies", MaxCeilings)
	}
	seen := make(map[money.Currency]bool)
	for _, c := range l.Ceilings {
		switch {
		case !c.Currency.Valid():
			return limitError("ceilings", "has the currency %q, which is none of ISO 4217", string(c.Currency))
		case seen[c.Currency]:
			return limitError("ceilings", "has %s twice", c.Currency)
		case c.PerRefund < 0 || c.PerDay < 0 || c.PerRefund == 0 && c.PerDay == 0:
			return limitError("ceilings", "for %s: max_refund and max_day are above 0, and at least one is there", c.Currency)
		case c.PerDay > 0 && c.PerRefund > c.PerDay:
			return limitError("ceilings", "for %s: max_refund is above max_day", c.Currency)
		}
		seen[c.Currency] = true
	}
	return nil
}

// Beyond returns the member in which the limits allow something that others forbid,
// "" for none.
func (l KeyLimits) Beyond(others KeyLimits) string {
	inside := func(p netip.Prefix) bool {
		return slices.ContainsFunc(others.AllowIPs, func(o netip.Prefix) bool { return o.Bits() <= p.Bits() && o.Contains(p.Addr()) })
	}
	outside := func(p netip.Prefix) bool { return !inside(p) }
	if len(others.AllowIPs) > 0 && (len(l.AllowIPs) == 0 || slices.ContainsFunc(l.AllowIPs, outside)) {
		return "allow_ips"
	}
	for _, o := range others.Ceilings {
		at := slices.IndexFunc(l.Ceilings, func(c money.Ceiling) bool { return c.Currency == o.Currency })
		if at < 0 || above(l.Ceilings[at].PerRefund, o.PerRefund) || above(l.Ceilings[at].PerDay, o.PerDay) {
			return "ceilings"
		}
	}
	return ""
}

// above reports whether a bound is wider than another; 0 is no bound.
func above(a, b money.Minor) bool { return b > 0 && (a == 0 || a > b) }

// errNetwork is what a text that is neither an address nor a network is refused
// with.
var errNetwork = errors.New("is neither an IP address nor a network such as 192.0.2.0/24")

// ParseNetwork reads a network in CIDR, or an address, which is a network of one.
// A network with bits behind its prefix is refused, as it may be an error.
func ParseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, errNetwork
		}
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil, p.Addr().Is4In6():
		return netip.Prefix{}, errNetwork
	case p.Masked() != p:
		return netip.Prefix{}, fmt.Errorf("has bits behind its prefix (hint: %s)", p.Masked())
	}
	return p, nil
}
