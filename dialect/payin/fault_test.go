package payin_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/payin"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

var errAway = errors.New("the database is away")

// noDirectory knows nobody, because it can't look.
type noDirectory struct{ dialect.Directory }

func (noDirectory) Caller(context.Context, string, string) (merchant.Caller, error) {
	return merchant.Caller{}, errAway
}

func (noDirectory) Identities(context.Context, string) ([]merchant.Identity, error) {
	return nil, errAway
}

func (noDirectory) Identity(context.Context, string, string) (merchant.Merchant, merchant.Identity, error) {
	return merchant.Merchant{}, merchant.Identity{}, errAway
}

// oneMerchant is the directory of the demo merchant alone.
type oneMerchant struct{ dialect.Directory }

func (oneMerchant) Caller(context.Context, string, string) (merchant.Caller, error) {
	return merchant.Caller{Key: merchant.Key{Dialect: merchant.Payin, Identity: demoMerchant, Scopes: merchant.Scopes()}}, nil
}

func (oneMerchant) Identity(context.Context, string, string) (merchant.Merchant, merchant.Identity, error) {
	return merchant.Merchant{}, merchant.Identity{Name: demoMerchant, Secrets: map[string]string{merchant.ClientSecret: demoSecret}}, nil
}

// oneOrder is a reader that has the demo order alone.
type oneOrder struct{ dialect.Reader }

func (oneOrder) ChargeByAlias(context.Context, string, string, string) (refund.Charge, error) {
	return refund.Charge{ID: "ch_1", Currency: "SAR", Amount: 100, Aliases: []refund.Alias{{Dialect: merchant.Payin, Identity: demoMerchant, Name: demoOrder}}}, nil
}

// outcome is an intake that always ends so.
type outcome func() error

func (o outcome) Accept(context.Context, refund.Unit, time.Duration) (intake.Result, error) {
	return intake.Result{}, o()
}

// serve runs the dialect alone.
func serve(t *testing.T, directory dialect.Directory, end outcome) client {
	t.Helper()
	mux := http.NewServeMux()
	payin.New(payin.Services{Directory: directory, Reader: oneOrder{}, Acceptor: end, Log: slog.New(slog.DiscardHandler)}).Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return client{server.URL, demoKey, demoSecret}
}

func TestFaultsOfOursAreToldInThisForm(t *testing.T) {
	const internal = `{"code":"internalError","message":"internal error","data":[]}`
	for name, test := range map[string]struct {
		end    outcome
		status int
		want   string
	}{
		"a database that is away": {func() error { return refund.Unavailable(errors.New("down")) }, 503, `{"code":"channelUnavailable","message":"the server can't work now and accepted nothing, try again","data":[]}`},
		"busy":                    {func() error { return refund.Errorf(refund.KindBusy, "", "full") }, 503, `{"code":"channelUnavailable","message":"the server is busy and accepted nothing, try again","data":[]}`},
		"a row that is broken":    {func() error { return refund.Errorf(refund.KindCorrupt, "", "sums") }, 500, strings.Replace(internal, "error\"", "error: sums\"", 1)},
		"an error":                {func() error { return errAway }, 500, internal},
		"no account":              {func() error { return refund.Errorf(refund.KindNoAccount, "", "") }, 422, `{"code":"refundNotSupported","message":"no channel account takes this order: it can't be refunded","data":[]}`},
		"a time window":           {func() error { return refund.Errorf(refund.KindWindowOver, "", "") }, 422, `{"code":"refundNotSupported","message":"the time for refunds of this order is over","data":[]}`},
		"in full or not":          {func() error { return refund.Errorf(refund.KindFullOnly, "", "") }, 422, `{"code":"refundNotSupported","message":"the order is refunded in full or not at all","data":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, oneMerchant{}, test.end)
			if got := c.send(t, "POST", "/orders/"+demoOrder+"/refunds", amount(`"1"`), test.status); got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("a directory that is away is no missing key", func(t *testing.T) {
		c := serve(t, noDirectory{}, nil)
		if got := c.send(t, "GET", "/orders/"+demoOrder, "", http.StatusInternalServerError); got != internal {
			t.Errorf("got %s", got)
		}
	})
}

// broken is a directory that panics.
type broken struct{ dialect.Directory }

// A panic before anything was done is an internal error.
func TestAPanicBeforeARefundIsAskedFor(t *testing.T) {
	c := serve(t, broken{}, nil)
	if got := c.send(t, "POST", "/orders/"+demoOrder+"/refunds", amount(`"1"`), 500); got != `{"code":"internalError","message":"internal error","data":[]}` {
		t.Errorf("got %s", got)
	}
}

// A refund whose fate is unknown gets no answer at all: each would be false.
func TestAnUnknownOutcomeClosesTheConnection(t *testing.T) {
	for name, end := range map[string]outcome{
		"said so": func() error { return refund.Errorf(refund.KindUnknownOutcome, "", "unknown") },
		"a panic": func() error { panic("fault") },
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, oneMerchant{}, end)
			response, err := http.DefaultTransport.RoundTrip(c.request(t, "POST", "/orders/"+demoOrder+"/refunds", amount(`"1"`)))
			if err == nil {
				_ = response.Body.Close()
				t.Errorf("answered %d", response.StatusCode)
			}
		})
	}
}
