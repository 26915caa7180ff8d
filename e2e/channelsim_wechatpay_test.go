package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/channelsim/wechatpay"
	"github.com/refundry/refundry/money"
)

// The clients refund, query, verify and decrypt against the channel simulator as they
// do against our own dialect, so that the simulator is no mirror of our connector.
func TestTheWeChatPayClientsAgainstTheChannelSimulator(t *testing.T) {
	s := newSimulated(t)
	runAgainst(t, s.url, s.folder, node(t, "wechatpay-axios-plugin", "wechatpay-node-v3"), "wechatpay/client.mjs")
	s.moved(t, 7)
}

func TestTheOfficialGoClientOfWeChatPayAgainstTheChannelSimulator(t *testing.T) {
	s := newSimulated(t)
	runAgainst(t, s.url, s.folder, weChatPayGo(t))
	s.moved(t, 7)
}

// simulated is the simulator behind the address of a service: the clients' programs
// call /v3/..., and register their orders with the native API.
type simulated struct {
	*channelsim.Simulator
	url, folder string
	account     map[string]string
}

// The order and the sub-merchant of the demo's service provider.
const partnerOrder, partnerSub = "1217752501201407033233368018", "1900000109"

func newSimulated(t *testing.T) *simulated {
	t.Helper()
	s := &simulated{folder: t.TempDir()}
	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String()
	var err error
	if s.Simulator, err = channelsim.New(channelsim.Options{URL: s.url, Data: s.folder}, wechatpay.New()); err != nil {
		t.Fatal(err)
	}
	if s.account, err = channelsim.ReadAccount(filepath.Join(s.folder, channelsim.AccountFile), wechatpay.Name); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = s
	server.Start()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		s.Run(t.Context())
	}()
	t.Cleanup(func() { server.Close(); <-sent })
	s.writeFolder(t)
	_, err = s.AddPayment(channelsim.Payment{
		Channel: wechatpay.Name, Number: partnerOrder, Amount: 1000, Currency: "CNY", Attributes: map[string]string{"sub_mchid": partnerSub},
		Coupons: []channelsim.Coupon{{ID: "1", Scope: "GLOBAL", Type: "CASH", Amount: 100}, {ID: "2", Scope: "GLOBAL", Type: "NOCASH", Amount: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// writeFolder writes what the clients' programs read of a service's demo folder.
func (s *simulated) writeFolder(t *testing.T) {
	t.Helper()
	document, err := json.Marshal(map[string]any{
		"native": map[string]string{"key": "unused"},
		"wechatpay": map[string]string{
			"mchid": s.account["mchid"], "sp_mchid": s.account["mchid"], "sub_mchid": partnerSub, "apiv3_key": s.account["apiv3_key"],
			"merchant_serial": s.account["merchant_serial"], "platform_serial": s.account["platform_serial"], "platform_public_key_id": s.account["platform_public_key_id"],
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"demo.json": string(document), "merchant_key.pem": s.account["merchant_private_key"], "merchant_cert.pem": s.account["merchant_certificate"],
		"platform_cert.pem": s.account["platform_certificate"], "platform_pub.pem": s.account["platform_public_key"],
	} {
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// ServeHTTP puts the simulator's prefix before the path that the client signed, and
// translates what the clients' programs ask of a service besides.
func (s *simulated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/refundry/v1/charges" {
		s.order(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.URL.Path, r.RequestURI = "/"+wechatpay.Name+r.URL.Path, "/"+wechatpay.Name+r.RequestURI
	s.Simulator.ServeHTTP(w, r)
	// An amount of 152 fen is one that the sandbox finds abnormal.
	var refund struct {
		Number string                       `json:"out_refund_no"`
		Amount struct{ Refund money.Minor } `json:"amount"`
	}
	if json.Unmarshal(body, &refund) == nil && refund.Amount.Refund == 152 {
		s.Simulator.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/sim/refunds/"+refund.Number, strings.NewReader(`{"state":"abnormal"}`)))
	}
}

// order makes a payment of what the native API would register as a charge.
func (s *simulated) order(w http.ResponseWriter, r *http.Request) {
	var in struct {
		OrderNo    string              `json:"order_no"`
		Amount     money.Minor         `json:"amount"`
		Fee        int                 `json:"fee"`
		PaidAt     time.Time           `json:"paid_at"`
		Coupons    []channelsim.Coupon `json:"coupons"`
		Identities map[string]struct {
			SubMchID string `json:"sub_mchid"`
		} `json:"identities"`
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	if err == nil {
		_, err = s.AddPayment(channelsim.Payment{
			Channel: wechatpay.Name, Number: in.OrderNo, Amount: in.Amount, Currency: "CNY", PaidAt: in.PaidAt, Coupons: in.Coupons,
			Attributes: map[string]string{"sub_mchid": in.Identities[wechatpay.Name].SubMchID, "fee": strconv.Itoa(in.Fee)},
		})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// moved looks into the books: so many refunds at least, each moved once.
func (s *simulated) moved(t *testing.T, least int) {
	t.Helper()
	// Refunds that no client waited for end a little later.
	s.Advance(time.Minute)
	entries := s.Books(wechatpay.Name)
	for _, entry := range entries {
		if entry.Moves != 1 || entry.State != channelsim.Succeeded {
			t.Errorf("%+v", entry)
		}
	}
	if len(entries) < least {
		t.Error(fmt.Sprint(len(entries), " refunds"))
	}
}
