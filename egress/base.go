package egress

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// everywhere makes the check of an address one of its form alone.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// CheckBase reports whether text has the form of an address that paths are appended
// to: http or https, without a query. Which networks may be called is decided at
// each connection, by the process that calls.
func CheckBase(text string) error {
	if err := Check(text, everywhere); err != nil {
		return err
	}
	if u, err := url.Parse(text); err != nil || u.RawQuery != "" || u.ForceQuery {
		return errors.New("must be an address without a query")
	}
	return nil
}

// Bare takes the address off an error of package http, which may hold what an
// account keeps to itself.
func Bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// Pair is a Client for https and a PlainClient for http.
type Pair struct{ secure, plain *http.Client }

// NewPair makes both clients.
func NewPair(allow []netip.Prefix, timeout time.Duration) Pair {
	return Pair{Client(allow, timeout), PlainClient(allow, timeout)}
}

// For returns the client for an address.
func (p Pair) For(address string) *http.Client {
	if strings.HasPrefix(strings.ToLower(address), "http:") {
		return p.plain
	}
	return p.secure
}
