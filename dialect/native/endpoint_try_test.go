package native_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/wire/pemkey"
)

// A test event goes to its endpoint alone, at once and once, with the signatures
// of the endpoint's secrets.
func TestATestEventIsSignedAndGoesToItsEndpointAlone(t *testing.T) {
	type got struct {
		header http.Header
		body   string
	}
	taken, other := make(chan got, 8), make(chan got, 8)
	receiver := func(to chan got, status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			to <- got{r.Header, string(body)}
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	s := dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	add := func(url, dialect string) string {
		return send(t, s, demo, "POST", "/endpoints", `{"url": "`+url+`", "dialect": "`+dialect+`"}`, http.StatusCreated)
	}
	made := add(receiver(taken, http.StatusNoContent), "native")
	refusing := add(receiver(other, http.StatusTeapot), "native")
	pingpp := add("http://127.0.0.1:9/", "pingpp")
	secret := text(made, "secret")

	answer := send(t, s, demo, "POST", "/endpoints/"+text(made, "id")+"/test", "", http.StatusOK)
	if !strings.Contains(answer, `"delivered":true`) || !strings.Contains(answer, `"status":204`) {
		t.Errorf("answered %s", answer)
	}
	one := <-taken
	if !strings.Contains(one.body, `"type":"endpoint.test"`) {
		t.Errorf("sent %s", one.body)
	}
	key, err := pemkey.ParseWebhookSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (pemkey.WebhookKeys{Secrets: [][]byte{key}}).Verify(one.header, []byte(one.body), time.Now()); err != nil {
		t.Errorf("its signature: %v", err)
	}
	answer = send(t, s, demo, "POST", "/endpoints/"+text(refusing, "id")+"/test", "", http.StatusOK)
	if !strings.Contains(answer, `"delivered":false`) || !strings.Contains(answer, `"status":418`) {
		t.Errorf("a refusal is answered %s", answer)
	}
	if len(taken) != 0 || len(other) != 1 {
		t.Errorf("%d and %d more were sent", len(taken), len(other))
	}
	send(t, s, demo, "POST", "/endpoints/"+text(pingpp, "id")+"/test", "", http.StatusConflict)
	send(t, s, demo, "POST", "/endpoints/ep_none/test", "", http.StatusNotFound)
	send(t, s, demo, "DELETE", "/endpoints/"+text(made, "id"), "", http.StatusOK)
	send(t, s, demo, "POST", "/endpoints/"+text(made, "id")+"/test", "", http.StatusConflict)
	if records := send(t, s, demo, "GET", "/audit?action=endpoint.test", "", http.StatusOK); strings.Count(records, `"endpoint.test"`) != 2 {
		t.Errorf("recorded %s", records)
	}
}
