package egress_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/egress"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func TestAnAddressThatMayNotBeCalledIsRefusedWhenItIsConfigured(t *testing.T) {
	for name, address := range map[string]string{
		"loopback":                         "http://127.0.0.1/hook",
		"loopback by name":                 "http://localhost:8080/",
		"IPv6 loopback":                    "http://[::1]/",
		"loopback as IPv6":                 "http://[::ffff:127.0.0.1]/",
		"private 10/8":                     "https://10.1.2.3/",
		"private 172.16/12":                "https://172.16.0.1/",
		"private 192.168/16":               "https://192.168.1.1/",
		"link local, cloud metadata":       "http://169.254.169.254/latest/meta-data",
		"IPv6 unique local":                "http://[fd00::1]/",
		"IPv6 link local with a zone":      "http://[fe80::1%25eth0]/",
		"carrier's network":                "http://100.64.0.1/",
		"all zeros":                        "http://0.0.0.0/",
		"broadcast":                        "http://255.255.255.255/",
		"translated private address":       "http://[64:ff9b::a00:1]/",
		"no scheme":                        "shop.example/hook",
		"a blank at its end":               "https://1.1.1.1/x ",
		"a carriage return at its end":     "https://1.1.1.1/x\r",
		"a no-break space":                 "https://1.1.1.1/x\u00a0",
		"another scheme":                   "ftp://1.1.1.1/",
		"a file":                           "file:///etc/passwd",
		"no host":                          "http:///hook",
		"opaque":                           "http:1.1.1.1",
		"user name":                        "https://user:password@1.1.1.1/",
		"fragment":                         "https://1.1.1.1/#here",
		"port 0":                           "https://1.1.1.1:0/",
		"port too large":                   "https://1.1.1.1:65536/",
		"empty port":                       "https://1.1.1.1:/",
		"blank in it":                      "https://1.1.1.1/a b\n",
		"loopback by a name below it":      "http://hooks.localhost/",
		"loopback with the root's dot":     "http://localhost./",
		"IPv4 address in base 16":          "http://0x7f000001/",
		"short form of an IPv4 address":    "http://127.1/",
		"IPv4 address as a number":         "http://2130706433/",
		"too long":                         "https://1.1.1.1/" + strings.Repeat("a", 2048),
		"IPv4 address with leading zeroes": "http://0177.0.0.1/",
	} {
		if err := egress.Check(address, nil); !errors.Is(err, egress.ErrAddress) {
			t.Errorf("%s: %s is %v", name, address, err)
		}
	}
}

func TestAPublicOrAllowedAddressIsTaken(t *testing.T) {
	for address, allow := range map[string][]netip.Prefix{
		"https://1.1.1.1/hook?merchant=1":   nil,
		"https://1.1.1.1:8443/":             nil,
		"https://[2606:4700:4700::1111]/":   nil,
		"http://127.0.0.1:9999/":            loopback,
		"http://localhost:9999/":            loopback,
		"http://[::ffff:127.0.0.1]/":        loopback,
		"http://10.1.2.3/":                  {netip.MustParsePrefix("10.1.0.0/16")},
		"http://[fd00::1]/":                 {netip.MustParsePrefix("fd00::/8")},
		"HTTPS://1.1.1.1/upper-case-scheme": nil,
		// Names are looked up when they are called.
		"https://shop.invalid/": nil,
		"https://shop.invalid.": nil,
	} {
		if err := egress.Check(address, allow); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestTheClientDoesNotConnectToWhatIsNotAllowed(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	for _, address := range []string{server.URL, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port} {
		response, err := egress.Client(nil, time.Second).Get(address)
		if err == nil {
			_ = response.Body.Close()
		}
		if !errors.Is(err, egress.ErrAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if called {
		t.Error("the server was reached")
	}
	response, err := egress.Client(loopback, time.Second).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if !called {
		t.Error("an allowed server was not reached")
	}
}

func TestTheClientFollowsNoRedirectAndNoProxy(t *testing.T) {
	client := egress.Client(loopback, time.Second)
	// Go leaves loopback out of its proxies, so a call could not tell.
	if client.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy of the environment is used")
	}
	followed := false
	mux := http.NewServeMux()
	mux.HandleFunc("/from", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/to", http.StatusTemporaryRedirect) })
	mux.HandleFunc("/to", func(http.ResponseWriter, *http.Request) { followed = true })
	server := httptest.NewServer(mux)
	defer server.Close()
	response, err := client.Post(server.URL+"/from", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusTemporaryRedirect || followed {
		t.Errorf("status %d, followed %v", response.StatusCode, followed)
	}
}

func TestTheClientEndsACallThatTakesTooLong(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	response, err := egress.Client(loopback, 50*time.Millisecond).Get(server.URL)
	if err == nil {
		_ = response.Body.Close()
		t.Fatal("it was waited for")
	}
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("ended with %v", err)
	}
}

func TestByPlainHTTPOnlyWhatTheOperatorAllowsMayBeCalled(t *testing.T) {
	for address, may := range map[string]bool{
		"http://1.1.1.1/":   false,
		"http://127.0.0.1/": true,
		"http://10.0.0.1/":  false,
		"http:///":          false,
	} {
		if err := egress.CheckPlain(address, loopback); (err == nil) != may {
			t.Errorf("%s: %v", address, err)
		}
	}
	// A name may stand for what is allowed, unless nothing is.
	if err := egress.CheckPlain("http://shop.invalid/", loopback); err != nil {
		t.Error(err)
	}
	if err := egress.CheckPlain("http://shop.invalid/", nil); !errors.Is(err, egress.ErrAddress) {
		t.Errorf("with no network allowed: %v", err)
	}
}

// What a name resolves to is seen when it is connected to.
func TestThePlainClientConnectsToNothingButWhatIsAllowed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	response, err := egress.PlainClient(loopback, time.Second).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	elsewhere := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, address := range []string{server.URL, "http://1.1.1.1/"} {
		response, err := egress.PlainClient(elsewhere, time.Second).Get(address)
		if err == nil {
			_ = response.Body.Close()
		}
		if !errors.Is(err, egress.ErrAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Lookup warns and decides nothing.
func TestLookupSaysWhatIsWrongWithANameNow(t *testing.T) {
	if err := egress.Lookup(t.Context(), "https://shop.invalid/", nil); err == nil {
		t.Error("a name that is not found gives no warning")
	}
	if err := egress.Lookup(t.Context(), "http://localhost/", loopback); err != nil {
		t.Error(err)
	}
}
