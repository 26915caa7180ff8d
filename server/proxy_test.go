package server

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestOnlyATrustedProxysWordCounts(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	const peer, caller = "10.0.0.1:1000", "203.0.113.7:0"
	for name, test := range map[string]struct {
		remote  string
		headers map[string]string
		want    string // of the caller
		host    string
		secure  bool
	}{
		"nothing is said":                 {peer, nil, peer, "example.com", false},
		"an X-Forwarded-For":              {peer, map[string]string{"X-Forwarded-For": "203.0.113.7"}, caller, "example.com", false},
		"one with a port":                 {peer, map[string]string{"X-Forwarded-For": "203.0.113.7:555"}, caller, "example.com", false},
		"what the caller put before":      {peer, map[string]string{"X-Forwarded-For": "192.0.2.1, 203.0.113.7"}, caller, "example.com", false},
		"two proxies":                     {peer, map[string]string{"X-Forwarded-For": "192.0.2.1, 203.0.113.7, 10.2.2.2"}, caller, "example.com", false},
		"what is no address":              {peer, map[string]string{"X-Forwarded-For": "203.0.113.7, unknown"}, peer, "example.com", false},
		"scheme and host":                 {peer, map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pay.example"}, peer, "pay.example", true},
		"Forwarded":                       {peer, map[string]string{"Forwarded": `for=192.0.2.1, for=203.0.113.7;proto=https;host="pay.example"`}, caller, "pay.example", true},
		"Forwarded with IPv6":             {"[fd00::1]:1000", map[string]string{"Forwarded": `For="[2001:db8::1]:4711"`}, "[2001:db8::1]:0", "example.com", false},
		"Forwarded goes before":           {peer, map[string]string{"Forwarded": "for=203.0.113.7", "X-Forwarded-For": "192.0.2.9"}, caller, "example.com", false},
		"an IPv4 address written as v6":   {"[::ffff:10.0.0.1]:1000", map[string]string{"X-Forwarded-For": "203.0.113.7"}, caller, "example.com", false},
		"who is not trusted":              {"192.0.2.5:1000", map[string]string{"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}, "192.0.2.5:1000", "example.com", false},
		"who is not trusted, by RFC 7239": {"192.0.2.5:1000", map[string]string{"Forwarded": "for=203.0.113.7;proto=https"}, "192.0.2.5:1000", "example.com", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
		r.RemoteAddr = test.remote
		for header, value := range test.headers {
			r.Header.Set(header, value)
		}
		behindProxy(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.RemoteAddr != test.want || r.Host != test.host || (r.TLS != nil) != test.secure {
				t.Errorf("%s: the caller is %s, the host %s, TLS %t", name, r.RemoteAddr, r.Host, r.TLS != nil)
			}
		}), trusted).ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestAProxyThatSaysPlainHTTPIsBelievedOverItsOwnTLS(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
	r.RemoteAddr, r.TLS = "10.0.0.1:1", &tls.ConnectionState{}
	r.Header.Set("X-Forwarded-Proto", "http")
	behindProxy(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			t.Error("the caller came by plain HTTP")
		}
	}), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}).ServeHTTP(httptest.NewRecorder(), r)
}
