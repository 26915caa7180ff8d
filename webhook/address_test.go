package webhook_test

import (
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

// asking is a dialect that tells by GET, and only the addresses that come with
// the charge; the answer must name the charge.
type asking struct{ plain }

func (asking) Addresses(e webhook.Event) []merchant.Endpoint {
	return []merchant.Endpoint{{Dialect: "asking", URL: "https://shop.example/notice?a=b"}}
}

func (asking) ByGET() bool { return true }

func (asking) Render(_ webhook.Known, p merchant.Endpoint, e webhook.Event) (webhook.Message, error) {
	return webhook.Message{URL: p.URL + "&charge=" + e.Charge.ID}, nil
}

func (asking) Succeeded(d merchant.Delivery, status int, body []byte) bool {
	return status == http.StatusOK && string(body) == "answer" && d.URL == "https://shop.example/notice?a=b&charge=ch_1"
}

func TestADialectMayTellByGETWhereTheChargeSays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		var told []string
		network := roundTrip(func(r *http.Request) (*http.Response, error) {
			told = append(told, r.Method+" "+r.URL.String())
			if r.Method == http.MethodGet && r.Body != nil {
				body, _ := io.ReadAll(r.Body)
				t.Errorf("a GET with the body %q", body)
			}
			return answer(r, http.StatusOK)
		})
		s := webhook.New(w.Store, map[string]webhook.Renderer{"asking": asking{plain{schedule: schedule}}}, &http.Client{Transport: network},
			webhook.Options{Now: w.now, Log: slog.New(slog.DiscardHandler)})
		if n := fanOut(t, s); n != 1 {
			t.Fatalf("%d events", n)
		}
		if n := send(t, s); n != 1 {
			t.Fatalf("%d tries", n)
		}
		if len(told) != 1 || told[0] != "GET https://shop.example/notice?a=b&charge=ch_1" {
			t.Errorf("told %q", told)
		}
		if r := w.record(t); r.State != merchant.Delivered || r.Delivery.EndpointID != "" {
			t.Errorf("record %+v", r)
		}
	})
}

// plainly is a dialect whose addresses by plain http are called only where the
// operator allows it.
type plainly struct {
	plain
	url string
}

func (p plainly) Addresses(webhook.Event) []merchant.Endpoint {
	return []merchant.Endpoint{{Dialect: "plainly", URL: p.url}}
}

func (plainly) PlainGuarded() bool { return true }

func TestAnAddressByPlainHTTPIsCalledByTheClientThatMay(t *testing.T) {
	for url, want := range map[string]string{"http://shop.example/": "plain", "HTTP://shop.example/": "plain", "https://shop.example/": "any"} {
		w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
		w.refund(t)
		var by []string
		client := func(name string) *http.Client {
			return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				by = append(by, name)
				return answer(r, http.StatusOK)
			})}
		}
		s := webhook.New(w.Store, map[string]webhook.Renderer{"plainly": plainly{plain{schedule: schedule}, url}}, client("any"),
			webhook.Options{Now: w.now, Log: slog.New(slog.DiscardHandler), Plain: client("plain")})
		fanOut(t, s)
		send(t, s)
		if len(by) != 1 || by[0] != want {
			t.Errorf("%s was called by %v", url, by)
		}
	}
}
