package e2e

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/refundry/refundry/e2e/strictclienttest"
	"github.com/refundry/refundry/wire/pemkey"
)

// desk is a running service with what a merchant's programs know of it.
type desk struct {
	*Process
	database string
	// known are the keys and names in the form of demo.json.
	known    map[string]map[string]string
	platform *rsa.PublicKey
	// installation signs Ping++'s answers where the merchant is not the demo
	// merchant, whose platform key is the same.
	installation *rsa.PublicKey
	merchant     *rsa.PrivateKey
}

// orders numbers the orders of all tests.
var orders atomic.Int64

func orderNumber() string { return fmt.Sprintf("E%d%06d", time.Now().Unix(), orders.Add(1)) }

// open starts a service on a database that webhooks on this machine may leave.
func open(t *testing.T, database string) *desk {
	t.Helper()
	d := &desk{Process: Start(t, database, t.TempDir(), "--egress-allow", "127.0.0.0/8"), database: database}
	decode(t, string(d.file(t, "demo.json")), &d.known)
	d.platform, d.merchant = publicKey(t, d.file(t, "platform_pub.pem")), privateKey(t, d.file(t, "merchant_key.pem"))
	return d
}

// end stops the service and lets verify count.
func (d *desk) end(t *testing.T) {
	t.Helper()
	d.Stop(t)
	Verify(t, d.database)
}

// address is host:port.
func (d *desk) address() string { return strings.TrimPrefix(d.URL, "http://") }

func (d *desk) file(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Data, "demo", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func publicKey(t testing.TB, text []byte) *rsa.PublicKey {
	t.Helper()
	key, err := pemkey.ParseRSAPublicKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func privateKey(t testing.TB, text []byte) *rsa.PrivateKey {
	t.Helper()
	key, err := pemkey.ParseRSAPrivateKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pingpp is a client of Ping++ with the demo merchant's key.
func (d *desk) pingpp(t testing.TB, name string) *client.Client {
	t.Helper()
	c := client.New(name, d.address(), d.known["pingpp"]["key"])
	c.Verifying = d.platform
	t.Cleanup(c.Close)
	return c
}

// wechat is a client of WeChat Pay as the direct merchant that holds all keys
// of the platform; verifying names the one it asks for, "" none.
func (d *desk) wechat(t testing.TB, name, verifying string) *client.WeChat {
	t.Helper()
	known := d.known["wechatpay"]
	c := client.NewWeChat(name, d.address())
	c.MchID, c.MerchantSerial, c.Signing = known["mchid"], known["merchant_serial"], d.merchant
	c.Keys = map[string]*rsa.PublicKey{known["platform_serial"]: d.platform, known["platform_public_key_id"]: d.platform}
	c.Verifying, c.APIv3Key = verifying, known["apiv3_key"]
	t.Cleanup(c.Close)
	return c
}

// charge registers a paid charge over the native API and gives what it answers.
func (d *desk) charge(t testing.TB, members map[string]any) map[string]any {
	t.Helper()
	number := orderNumber()
	body := map[string]any{
		"order_no": number, "amount": 1_000_000, "currency": "CNY", "channel": "wx", "paid_at": time.Now().UTC().Format(time.RFC3339),
		"transaction_id": "42" + number, "fee": 600,
	}
	for name, value := range members {
		body[name] = value
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := Call(t, http.MethodPost, d.URL+"/refundry/v1/charges", string(text))
	if status != http.StatusCreated {
		t.Fatalf("register charge: %d %s", status, answer)
	}
	var charge map[string]any
	decode(t, answer, &charge)
	return charge
}

// identity is a charge's name in a dialect, from its native JSON.
func identity(t testing.TB, charge map[string]any, dialect, member string) string {
	t.Helper()
	identities, _ := charge["identities"].(map[string]any)
	one, _ := identities[dialect].(map[string]any)
	name, _ := one[member].(string)
	if name == "" {
		t.Fatalf("the charge has no %s.%s: %v", dialect, member, charge["identities"])
	}
	return name
}

// hook is one request that a receiver got.
type hook struct {
	Header http.Header
	Query  string
	Body   []byte
}

// receiver is a merchant's server for webhooks; it answers 200.
type receiver struct {
	URL string
	mu  sync.Mutex
	got []hook
}

func listen(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, hook{request.Header, request.URL.RawQuery, body})
		// What Payin wants to hear; nobody else reads it.
		_, _ = io.WriteString(w, "COMPLETED::"+request.URL.Query().Get("_orderId"))
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// all are those that came so far.
func (r *receiver) all() []hook {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]hook(nil), r.got...)
}

// await returns the first hook that fits, and fails the test when none comes.
func (r *receiver) await(t testing.TB, what string, fits func(hook) bool) hook {
	t.Helper()
	var found hook
	Until(t, what, func() bool {
		for _, one := range r.all() {
			if fits(one) {
				found = one
				return true
			}
		}
		return false
	})
	return found
}

// endpoint subscribes a receiver to a dialect's webhooks.
func (d *desk) endpoint(t testing.TB, url, dialect string, events ...string) {
	t.Helper()
	// None is an empty list, never null.
	body, err := json.Marshal(map[string]any{"url": url, "dialect": dialect, "events": append([]string{}, events...)})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := Call(t, http.MethodPost, d.URL+"/refundry/v1/endpoints", string(body)); status != http.StatusCreated {
		t.Fatalf("register endpoint: %d %s", status, text)
	}
}
