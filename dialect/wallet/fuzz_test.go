package wallet_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// FuzzServe sends anything to the front door: whatever it is, the answer is a
// whole wrapper or a refund, and no fault of ours.
func FuzzServe(f *testing.F) {
	envelope := seal(f, asking(demoCharge, 1), merchantSide(f))
	for _, seed := range [][3]string{
		{"POST", "/wallet/wallet_demo/refund", asking(demoCharge, 1)},
		{"POST", "/api/v1/wallet/wallet_demo/refund", envelope},
		{"POST", "/wallet/wallet_demo/refund", strings.Replace(envelope, `"payload":"`, `"payload":"A`, 1)},
		{"POST", "/charges/" + demoCharge + "/refunds", `{"amount":1,"description":"d","extra":{"refund_order":"r"}}`},
		{"GET", "/wallet/wallet_demo/obj/re_%00", ""},
		{"GET", "/wallet/a%2fb/obj/%ff?page=1&count=1", "{}"},
		{"PUT", "/wallet/refund", `{"version":2,"payload":"","nonce":""}`},
		{"GET", "/api/v1", "\x00"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	accept := outcome(func() (intake.Result, error) {
		return intake.Result{Refunds: []refund.Refund{{ID: "re_1", Amount: 1, Currency: "CNY", State: refund.Created}}}, nil
	})
	handler := http.NewServeMux()
	wallet.New(wallet.Services{Directory: sealing(), Reader: oneCharge{}, Acceptor: accept, Log: slog.New(slog.DiscardHandler)}).Register(handler)
	f.Fuzz(func(t *testing.T, method, target, body string) {
		address, err := url.ParseRequestURI(target)
		if err != nil || address.Host != "" || !strings.HasPrefix(address.Path, "/") {
			return
		}
		// Lists and wallets read the database, which is not there.
		if method != http.MethodPost && !strings.Contains(address.Path, "/obj/re_") {
			method = http.MethodPatch
		}
		if strings.HasSuffix(strings.TrimRight(address.Path, "/"), "/charges") {
			return // creates one
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1/", strings.NewReader(body))
		if err != nil {
			return
		}
		r.URL, r.RemoteAddr = address, "127.0.0.1:1"
		r.Header.Set("X-API-KEY", "k")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Header().Get("Request-Id") == "" {
			return // the mux cleans the path, or it belongs to nobody
		}
		answer := w.Body.String()
		if strings.HasPrefix(answer, `{"version":2,`) {
			answer = unseal(t, answer, merchantSide(t))
		}
		var reply map[string]any
		if err := json.Unmarshal([]byte(answer), &reply); err != nil || w.Code >= http.StatusInternalServerError {
			t.Fatalf("%s %s %q: %d %s", method, target, body, w.Code, answer)
		}
		if _, wrapped := reply["code"]; !wrapped && reply["type"] != wire.TypeRefund {
			t.Fatalf("neither a wrapper nor a refund: %s", answer)
		}
	})
}
