package wallet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

var errAway = errors.New("the database is away")

// people is a directory of one merchant in test mode.
type people struct {
	dialect.Directory
	away   bool
	public map[string]string
	secret string
}

func (p people) Caller(context.Context, string, string) (merchant.Caller, error) {
	if p.away {
		return merchant.Caller{}, errAway
	}
	return merchant.Caller{
		Merchant: merchant.Merchant{ID: "mer_1", Mode: merchant.Test},
		Key:      merchant.Key{Dialect: merchant.Wallet, Identity: demoWallet, Scopes: merchant.Scopes()},
	}, nil
}

func (p people) Identity(_ context.Context, _, name string) (merchant.Merchant, merchant.Identity, error) {
	if name != demoWallet {
		return merchant.Merchant{}, merchant.Identity{}, refund.Errorf(refund.KindUnauthenticated, "", "unknown")
	}
	secrets := map[string]string{merchant.PlatformSecretKey: p.secret}
	return merchant.Merchant{}, merchant.Identity{Dialect: merchant.Wallet, Name: demoWallet, Public: p.public, Secrets: secrets}, nil
}

// oneCharge is a reader that has the demo charge alone.
type oneCharge struct{ dialect.Reader }

func (oneCharge) ChargeByAlias(_ context.Context, _, _, name string) (refund.Charge, error) {
	if name != demoCharge {
		return refund.Charge{}, refund.Errorf(refund.KindChargeNotFound, "", "unknown")
	}
	return refund.Charge{ID: "ch_1", Currency: "CNY", Amount: 100, Aliases: []refund.Alias{{Dialect: merchant.Wallet, Identity: demoWallet, Name: demoCharge}}}, nil
}

func (oneCharge) Refund(context.Context, string, string) (refund.Refund, error) {
	return refund.Refund{}, refund.Errorf(refund.KindRefundNotFound, "", "unknown")
}

// outcome is an intake that always ends so.
type outcome func() (intake.Result, error)

func (o outcome) Accept(context.Context, refund.Unit, time.Duration) (intake.Result, error) {
	return o()
}

func failing(err error) outcome { return func() (intake.Result, error) { return intake.Result{}, err } }

// serve runs the dialect alone and gives its address.
func serve(t testing.TB, s wallet.Services) string {
	t.Helper()
	if s.Reader == nil {
		s.Reader = oneCharge{}
	}
	s.Log = slog.New(slog.DiscardHandler)
	mux := http.NewServeMux()
	wallet.New(s).Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestHowEachEndOfARequestIsTold(t *testing.T) {
	const internal = `{"code":-1,"message":"internal error","data":null}`
	const unknown = `{"code":100027,"message":"it is not known whether the refund was accepted: look it up, or repeat it with the same number or key","data":null}`
	refused := func(kind refund.Kind) outcome { return failing(refund.Errorf(kind, "", "detail")) }
	for name, test := range map[string]struct {
		end    outcome
		status int
		want   string
	}{
		"a database that is away":  {refused(refund.KindUnavailable), 503, `{"code":-1,"message":"the server can't work now and accepted nothing, try again","data":null}`},
		"busy":                     {refused(refund.KindBusy), 403, `{"code":-1,"message":"the server is busy and accepted nothing, try again","data":null}`},
		"a row that is broken":     {refused(refund.KindCorrupt), 500, `{"code":-1,"message":"internal error: detail","data":null}`},
		"an error":                 {failing(errAway), 500, internal},
		"a kind that nobody knows": {refused("new"), 500, internal},
		"no account":               {refused(refund.KindNoAccount), 402, `{"code":10008,"message":"no channel account takes the charge: it can't be refunded here","data":null}`},
		"a time window":            {refused(refund.KindWindowOver), 402, `{"code":100028,"message":"the time for refunds of the charge is over","data":null}`},
		"too many":                 {refused(refund.KindTooManyRefunds), 402, `{"code":100028,"message":"the charge has as many refunds as its channel allows","data":null}`},
		"in full or not":           {refused(refund.KindFullOnly), 402, `{"code":100028,"message":"the channel refunds this charge in full or not at all","data":null}`},
		"above a limit":            {refused(refund.KindLimitExceeded), 402, `{"code":100028,"message":"amount is above the limit for one refund","data":null}`},
		"too soon":                 {refused(refund.KindTooSoon), 402, `{"code":10007,"message":"the charge was refunded too recently, try again later","data":null}`},
		"a state":                  {refused(refund.KindStateConflict), 402, `{"code":10009,"message":"detail","data":null}`},
		// No 4xx: the refund may be on disk.
		"an unknown outcome": {refused(refund.KindUnknownOutcome), 504, unknown},
		"a panic":            {func() (intake.Result, error) { panic("fault") }, 504, unknown},
		"a panic behind it":  {func() (intake.Result, error) { return intake.Result{}, nil }, 504, unknown}, // no refund to show
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, wallet.Services{Directory: people{}, Acceptor: test.end})
			r := dialecttest.Request(t, "POST", url+"/wallet/"+demoWallet+"/refund", asking(demoCharge, 1), "X-API-KEY", "k")
			if got := send(t, r, test.status); got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("a directory that is away is no missing key", func(t *testing.T) {
		url := serve(t, wallet.Services{Directory: people{away: true}})
		if got := send(t, dialecttest.Request(t, "GET", url+"/wallet/"+demoWallet, "", "X-API-KEY", "k"), 500); got != internal {
			t.Errorf("got %s", got)
		}
	})
}

// What is on disk is never denied, also where nothing can be said: an answer
// that can't be sealed closes the connection.
func TestAnAnswerThatCannotBeSealed(t *testing.T) {
	url := serve(t, wallet.Services{
		Directory: sealing(), Random: io.LimitReader(bytes.NewReader(nil), 0),
		Acceptor: outcome(func() (intake.Result, error) { return intake.Result{Refunds: []refund.Refund{{ID: "re_1"}}}, nil }),
	})
	r := dialecttest.Request(t, "POST", url+"/wallet/"+demoWallet+"/refund", seal(t, asking(demoCharge, 1), merchantSide(t)), "X-API-KEY", "k")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		_ = response.Body.Close()
		t.Errorf("answered %d", response.StatusCode)
	}
}

// numbered is a secret key for tests.
func numbered(from byte) *[wire.KeySize]byte {
	var key [wire.KeySize]byte
	for n := range key {
		key[n] = from + byte(n)
	}
	return &key
}

func merchantSide(t testing.TB) wire.Keys {
	return wire.Keys{Secret: numbered(1), Peer: public(t, numbered(100))}
}

func public(t testing.TB, secret *[wire.KeySize]byte) *[wire.KeySize]byte {
	t.Helper()
	key, err := wire.PublicKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sealing is a directory whose wallet has keys.
func sealing() people {
	key, _ := wire.PublicKey(numbered(1))
	return people{public: map[string]string{merchant.MerchantPublicKey: wire.FormatKey(key)}, secret: wire.FormatKey(numbered(100))}
}

func TestAWalletWithoutKeysOpensNoEnvelope(t *testing.T) {
	for name, directory := range map[string]people{
		"no keys": {}, "keys that are none": {public: map[string]string{merchant.MerchantPublicKey: "x"}, secret: "y"},
		"only the platform's": {secret: wire.FormatKey(numbered(100))},
	} {
		url := serve(t, wallet.Services{Directory: directory})
		r := dialecttest.Request(t, "POST", url+"/wallet/"+demoWallet+"/refund", seal(t, asking(demoCharge, 1), merchantSide(t)), "X-API-KEY", "k")
		if got := send(t, r, 401); got != `{"code":401,"message":"the envelope can't be opened","data":null}` {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestPlainRequestsComeOverTLSOrFromTheSameMachine(t *testing.T) {
	d := wallet.New(wallet.Services{Directory: people{}, Reader: oneCharge{}, Log: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	d.Register(mux)
	for name, test := range map[string]struct {
		remote string
		tls    bool
		want   int
	}{
		"the same machine":           {"127.0.0.1:1234", false, 404},
		"the same machine, by IPv6":  {"[::1]:1234", false, 404},
		"another machine":            {"192.0.2.1:1234", false, 401},
		"another machine over TLS":   {"192.0.2.1:1234", true, 404},
		"nobody knows which machine": {"", false, 401},
	} {
		scheme := "http"
		if test.tls {
			scheme = "https" // httptest makes it a request that came over TLS
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", scheme+"://example.com/wallet/"+demoWallet+"/obj/none", http.NoBody)
		r.Header.Set("X-API-KEY", "k")
		r.Header.Set("X-Forwarded-Proto", "https") // anyone can write this
		r.RemoteAddr = test.remote
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != test.want || test.want == 401 && !strings.Contains(w.Body.String(), "over TLS only") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
