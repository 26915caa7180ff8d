package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// behindProxy lets requests that come from a trusted proxy count as those of
// the caller whom it names: his address, and whether he came by TLS and to
// which host. Of all others what they say of themselves counts for nothing.
func behindProxy(next http.Handler, trusted []netip.Prefix) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !within(peer.Addr(), trusted) {
			next.ServeHTTP(w, r)
			return
		}
		// The request itself is changed: the mux notes its route in it.
		f := forwardedOf(r.Header)
		if caller := f.caller(peer.Addr(), trusted); caller != peer.Addr() {
			r.RemoteAddr = netip.AddrPortFrom(caller, 0).String()
		}
		if f.host != "" {
			r.Host = f.host
		}
		switch {
		case strings.EqualFold(f.proto, "http"):
			r.TLS = nil
		case strings.EqualFold(f.proto, "https") && r.TLS == nil:
			r.TLS = &tls.ConnectionState{} // that of the proxy is not known
		}
		next.ServeHTTP(w, r)
	})
}

func within(ip netip.Addr, prefixes []netip.Prefix) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// forwarded is what proxies say of a request, in Forwarded (RFC 7239) or in
// the X-Forwarded headers.
type forwarded struct {
	callers     []string // the caller and the proxies between, nearest last
	proto, host string   // as the last proxy says
}

func forwardedOf(h http.Header) forwarded {
	if all := h.Values("Forwarded"); len(all) > 0 {
		return readForwarded(strings.Join(all, ","))
	}
	var f forwarded
	for caller := range strings.SplitSeq(strings.Join(h.Values("X-Forwarded-For"), ","), ",") {
		if caller = strings.TrimSpace(caller); caller != "" {
			f.callers = append(f.callers, caller)
		}
	}
	f.proto, f.host = last(h, "X-Forwarded-Proto"), last(h, "X-Forwarded-Host")
	return f
}

func last(h http.Header, name string) string {
	all := strings.Split(strings.Join(h.Values(name), ","), ",")
	return strings.TrimSpace(all[len(all)-1])
}

// readForwarded reads the elements of Forwarded. What is malformed says
// nothing; no value that is of use holds a comma or semicolon.
func readForwarded(text string) forwarded {
	var f forwarded
	for element := range strings.SplitSeq(text, ",") {
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "for":
				f.callers = append(f.callers, value)
			case "proto":
				f.proto = value
			case "host":
				f.host = value
			}
		}
	}
	return f
}

// caller is the nearest address that is no trusted proxy: whatever stands
// before it, its owner may have made up.
func (f forwarded) caller(peer netip.Addr, trusted []netip.Prefix) netip.Addr {
	for _, text := range slices.Backward(f.callers) {
		if !within(peer, trusted) {
			return peer
		}
		ip, ok := readAddress(text)
		if !ok {
			return peer
		}
		peer = ip
	}
	return peer
}

// readAddress reads an address with or without port, in brackets or not.
func readAddress(text string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}
