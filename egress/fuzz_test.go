package egress

import (
	"net/netip"
	"slices"
	"testing"
)

// inside are what no webhook may reach: this machine, its networks, metadata
// services, and addresses that stand for no single host. It is a list of our
// own beside the library's.
var inside = func() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
		"::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}()

func isInside(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(inside, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// FuzzGuard holds for any address: none from inside is called, however it is
// written, but those that the operator allows.
func FuzzGuard(f *testing.F) {
	for _, text := range []string{"127.0.0.1", "10.1.2.3", "8.8.8.8", "::1", "::ffff:169.254.169.254", "fe80::1%eth0", "2001:4860:4860::8888", "64:ff9b::7f00:1", "2002:7f00:1::", "0.0.0.0"} {
		f.Add(netip.MustParseAddr(text).AsSlice(), true)
	}
	allowed := netip.MustParsePrefix("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, raw []byte, allow bool) {
		ip, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		var list []netip.Prefix
		if allow {
			list = append(list, allowed)
		}
		err := guardOf(list).check(ip)
		listed := allow && allowed.Contains(ip.Unmap())
		if err == nil && isInside(ip) && !listed {
			t.Errorf("%s may be called", ip)
		}
		if listed && err != nil {
			t.Errorf("%s is allowed, and is refused: %v", ip, err)
		}
		// IPv4 inside of IPv6: NAT64 and 6to4 lead to the same machines.
		if b := ip.As16(); !ip.Is4() && err == nil {
			for name, at := range map[string]int{"64:ff9b::/96": 12, "2002::/16": 2} {
				if netip.MustParsePrefix(name).Contains(ip) && isInside(netip.AddrFrom4([4]byte(b[at:at+4]))) {
					t.Errorf("%s may be called, and leads inside", ip)
				}
			}
		}
	})
}
