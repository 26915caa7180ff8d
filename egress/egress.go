// Package egress is the one HTTP client for addresses that others chose, such
// as webhooks. It calls public addresses, and of the others only those that
// the operator allows: a merchant must not reach, through us, what stands
// behind our firewall.
package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"code.dny.dev/ssrf"
)

// ErrAddress says that an address may not be called; the text around it is
// safe to show to whoever chose the address.
var ErrAddress = errors.New("the address may not be called")

const (
	// connectTimeout bounds connection and handshake: a host that takes longer
	// would not answer in time either.
	connectTimeout = 5 * time.Second
	// lookupTimeout bounds the look for a host's addresses in Lookup.
	lookupTimeout = 5 * time.Second
	// idlePerHost is how many connections to a host are kept for the next
	// call, idleInAll to all hosts, idleTimeout for how long.
	idlePerHost = 16
	idleInAll   = 256
	idleTimeout = 60 * time.Second
	// maxHeaderBytes bounds an answer's header, of which nobody reads much.
	maxHeaderBytes = 16 << 10
	// longestURL is as much as clients and servers commonly take.
	longestURL = 2048
)

// Client returns a client that connects to public addresses and to those within
// allow, whatever a name resolves to at that moment. It follows no redirects,
// uses no proxy of the environment, and ends a call after timeout, its answer's
// body included.
func Client(allow []netip.Prefix, timeout time.Duration) *http.Client {
	return client(guardOf(allow), timeout)
}

// PlainClient is Client for addresses that CheckPlain takes: it connects to no
// address but those within allow, public ones included.
func PlainClient(allow []netip.Prefix, timeout time.Duration) *http.Client {
	return client(guard{allow: allow}, timeout)
}

func client(g guard, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, Control: g.control}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                  nil, // one of the environment would be dialled instead of the address
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  timeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
			MaxIdleConns:           idleInAll,
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        idleTimeout,
			DisableCompression:     true, // a small answer must stay small
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Check reports whether an address may be given to be called: http or https, a
// host, no user name, and no IP address in it but one that is public or within
// allow. It looks no name up, so that what is answered to a request never
// depends on a name server: the client checks what a name resolves to, at each
// connection. Errors wrap ErrAddress.
func Check(address string, allow []netip.Prefix) error {
	return check(address, guardOf(allow))
}

// CheckPlain is Check for addresses that may be called by plain http only within
// allow, a public one too. A name is taken where allow has any network.
func CheckPlain(address string, allow []netip.Prefix) error {
	return check(address, guard{allow: allow})
}

func check(address string, g guard) error {
	host, err := hostOf(address)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return g.check(ip)
	}
	switch name := strings.ToLower(strings.TrimSuffix(host, ".")); {
	case isNumber(name[strings.LastIndexByte(name, '.')+1:]):
		// Some resolvers read 127.1 and 0x7f000001 as addresses.
		return fmt.Errorf("%w: %s is neither a name nor an IP address", ErrAddress, host)
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		// RFC 6761: these names are this machine's own, whatever a name server says.
		if g.check(netip.IPv6Loopback()) == nil {
			return nil
		}
		return g.check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	case g.public == nil && len(g.allow) == 0:
		return fmt.Errorf("%w: %s is called by https only (hint: --egress-allow lists the networks that may be called by http)", ErrAddress, host)
	}
	return nil
}

// Lookup returns what is wrong with an address now, as a warning to whoever gives
// it: the name is not found, or resolves to what Check would refuse.
func Lookup(ctx context.Context, address string, allow []netip.Prefix) error {
	if err := Check(address, allow); err != nil {
		return err
	}
	host, err := hostOf(address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(found) == 0 {
		return fmt.Errorf("no addresses are found for %s now", host)
	}
	g := guardOf(allow)
	for _, ip := range found {
		if err := g.check(ip); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
	}
	return nil
}

// isNumber reports whether a host's last label makes it an IPv4 address in one
// of its odd forms: no top level domain is a number.
func isNumber(label string) bool {
	if label == "" {
		return true
	}
	_, err := strconv.ParseUint(label, 0, 64)
	return err == nil || strings.Trim(label, "0123456789") == ""
}

// hostOf reads an address's form and gives its host.
func hostOf(address string) (string, error) {
	fail := func(text string) (string, error) { return "", fmt.Errorf("%w: %s", ErrAddress, text) }
	if len(address) > longestURL {
		return fail("it is longer than " + strconv.Itoa(longestURL) + " characters")
	}
	u, err := url.Parse(address)
	switch {
	case strings.ContainsFunc(address, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		// Within a path it would be called as %20, at another address than meant.
		return fail("it has a blank or a control character")
	case err != nil:
		return fail("it is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return fail("it begins with neither http:// nor https://")
	case u.Opaque != "" || u.Hostname() == "":
		return fail("it has no host")
	case u.User != nil:
		return fail("it has a user name")
	case u.Fragment != "":
		return fail("it has a fragment")
	}
	if text := u.Port(); text != "" {
		if port, err := strconv.ParseUint(text, 10, 16); err != nil || port == 0 {
			return fail("its port is not from 1 to 65535")
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return fail("its port is empty")
	}
	return u.Hostname(), nil
}

// guard knows which addresses may be called.
type guard struct {
	allow  []netip.Prefix
	public *ssrf.Guardian // nil: public addresses may not be called either
}

func guardOf(allow []netip.Prefix) guard {
	return guard{allow: allow, public: ssrf.New(ssrf.WithAnyPort())}
}

// check refuses an address that is neither public nor allowed. An IPv4 address
// that is written as IPv6 (::ffff:10.0.0.1) is the same address.
func (g guard) check(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	for _, prefix := range g.allow {
		if prefix.Contains(ip) {
			return nil
		}
	}
	if g.public == nil {
		return fmt.Errorf("%w: %s is called by https only (hint: --egress-allow lists those that may be called by http)", ErrAddress, ip)
	}
	if g.public.SafeAddr(ip) != nil {
		return fmt.Errorf("%w: %s is not public (hint: --egress-allow lists those that may be called all the same)", ErrAddress, ip)
	}
	return nil
}

// control sees each connection's real address, after every look-up and before
// the first byte.
func (g guard) control(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return fmt.Errorf("%w: %s is no TCP", ErrAddress, network)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s cannot be read", ErrAddress, address)
	}
	return g.check(at.Addr())
}
