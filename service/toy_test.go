package service

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
)

// toyShop is a merchant who is known in the toy dialect alone, besides the native
// API.
type toyShop struct {
	url   string
	fresh merchant.Fresh
}

func newToyShop(t *testing.T) toyShop {
	t.Helper()
	s := start(t, Options{
		Database: "sqlite:" + t.TempDir() + "/toy.db", dialects: []registered{toyRegistered},
		EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	dialects, err := s.dialects().Only("toy")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]merchant.Given{}
	for _, set := range []struct {
		name, value string
		secret      bool
	}{{"toy.shop", "corner", false}, {"toy.mood", "bad", false}, {"toy.key", "their-own-key", true}} {
		if err := s.dialects().Give(given, set.name, set.value, set.secret); err != nil {
			t.Fatal(err)
		}
	}
	fresh, err := merchant.NewFresh("toys", merchant.Test, dialects, given, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return toyShop{server.URL, fresh}
}

// send makes a request of the shop and demands a status.
func (shop toyShop) send(t *testing.T, method, path, body string, status int) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, shop.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+shop.fresh.Key(merchant.Native))
	r.Header.Set("X-Toy", "their-own-key")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Fatalf("%s %s answered %d %s, %v", method, path, response.StatusCode, answer, err)
	}
	return string(answer)
}

// A dialect is its own folder and a line in the registry: its identities, keys,
// names, endpoints, signatures and events work without anybody else's knowing it.
func TestADialectNeedsNothingOutsideOfItsFolder(t *testing.T) {
	shop := newToyShop(t)
	if document := string(shop.fresh.Document()); !strings.Contains(document, `"shop": "corner"`) || !strings.Contains(document, `"key": "their-own-key"`) {
		t.Errorf("the client is configured with %s", document)
	}
	if me := shop.send(t, "GET", "/refundry/v1/merchant", "", 200); !strings.Contains(me, `"mood":"bad"`) || !strings.Contains(me, `"toy":0`) {
		t.Errorf("the merchant is %s", me)
	}
	shop.send(t, "PATCH", "/refundry/v1/identities/toy/corner", `{"settings": {"toy.mood": "good"}}`, 200)
	if refused := shop.send(t, "PATCH", "/refundry/v1/identities/toy/corner", `{"settings": {"mood": "so so"}}`, 400); !strings.Contains(refused, "settings.mood must be one of good, bad") {
		t.Errorf("refused with %s", refused)
	}
	if key := shop.send(t, "POST", "/refundry/v1/keys", `{"dialect": "toy"}`, 201); !strings.Contains(key, `"secret":"toy_test`) || !strings.Contains(key, `"identity":"corner"`) {
		t.Errorf("the key is %s", key)
	}

	told := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		told <- r
	}))
	defer receiver.Close()
	shop.send(t, "POST", "/refundry/v1/endpoints", fmt.Sprintf(`{"url": %q, "dialect": "toy", "events": ["refund.failed"]}`, receiver.URL), 400)
	if endpoint := shop.send(t, "POST", "/refundry/v1/endpoints", fmt.Sprintf(`{"url": %q, "dialect": "toy"}`, receiver.URL), 201); !strings.Contains(endpoint, `"public_key":"a public key"`) {
		t.Errorf("the endpoint is %s", endpoint)
	}

	var charge struct {
		Identities map[string]map[string]string `json:"identities"`
	}
	registered := shop.send(t, "POST", "/refundry/v1/charges", `{"order_no": "T1", "amount": 100, "currency": "CNY", "channel": "wx"}`, 201)
	if err := json.Unmarshal([]byte(registered), &charge); err != nil {
		t.Fatal(err)
	}
	sale := charge.Identities["toy"]["sale"]
	if !strings.HasPrefix(sale, "corner-") || charge.Identities["toy"]["shop"] != "corner" {
		t.Fatalf("the charge is named %v", charge.Identities)
	}
	shop.send(t, "POST", "/refundry/v1/charges", `{"order_no": "T2", "amount": 100, "currency": "CNY", "channel": "wx", "identities": {"toy": {"sale": "sale 2"}}}`, 400)
	named := shop.send(t, "POST", "/refundry/v1/charges", `{"order_no": "T2", "amount": 100, "currency": "CNY", "channel": "wx", "identities": {"toy": {"sale": "sale-2"}}}`, 201)
	if !strings.Contains(named, `"sale":"sale-2"`) {
		t.Errorf("registered %s", named)
	}
	if id := shop.send(t, "POST", "/toy/"+sale+"/refunds", "", 200); !strings.HasPrefix(id, "re_") {
		t.Errorf("refunded as %s", id)
	}
	select {
	case body := <-bodies:
		if want := fmt.Sprintf(`{"gave_back":100,"sale":%q}`, sale); body != want {
			t.Errorf("told %s, want %s", body, want)
		}
		if (<-told).Header.Get("X-Toy-Signature") == "" {
			t.Error("it is not signed")
		}
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
}
