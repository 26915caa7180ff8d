package native_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/openapi"
	"github.com/refundry/refundry/openapi/openapitest"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// received is one webhook as a receiver gets it.
type received struct {
	header http.Header
	body   string
}

func TestAWebhookIsVerifiedWithWhatTheEndpointsAnswerSays(t *testing.T) {
	s := dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	hooks := make(chan received, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- received{r.Header, string(body)}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	endpoint := send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(`{"url": %q, "dialect": "native"}`, receiver.URL), http.StatusCreated)
	key := strings.TrimPrefix(text(raw(t, endpoint, "verification"), "public_key"), "whpk_")
	public, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		t.Fatalf("the public key is %q: %v", key, err)
	}
	made := send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 10, "reason": "<&> 退款"}`, paid(t, s, 100)), http.StatusCreated)
	await(t, s, demo, text(made, "id"), refund.Succeeded)

	var hook received
	select {
	case hook = <-hooks:
	case <-time.After(awaitTime):
		t.Fatal("no webhook came")
	}
	id, timestamp := hook.header.Get("Webhook-Id"), hook.header.Get("Webhook-Timestamp")
	signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hook.header.Get("Webhook-Signature"), "v1a,"))
	if err != nil || !ed25519.Verify(public, []byte(id+"."+timestamp+"."+hook.body), signature) {
		t.Errorf("the signature %q does not fit: %v", hook.header.Get("Webhook-Signature"), err)
	}
	if ed25519.Verify(public, []byte(id+"."+timestamp+"."+hook.body+" "), signature) {
		t.Error("the signature fits another body, too")
	}
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if age := time.Since(time.Unix(sent, 0)); err != nil || age < -time.Minute || age > time.Minute {
		t.Errorf("the timestamp is %q", timestamp)
	}
	if hook.header.Get("Content-Type") != "application/json" {
		t.Errorf("the content type is %q", hook.header.Get("Content-Type"))
	}
	// It is the event as GET /events shows it, and what a receiver is promised
	// leaves out refund.created.
	if got := send(t, s, demo, "GET", "/events/"+id, "", http.StatusOK); got != hook.body || text(hook.body, "type") != "refund.succeeded" {
		t.Errorf("was told\n%swhile the event is\n%s", hook.body, got)
	}
	openapitest.Load(t, openapi.Native()).Line(t, "Event", hook.body)
}

func TestAnEndpointIsToldOnlyWhatItSubscribedTo(t *testing.T) {
	s := dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	hooks := make(chan received, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- received{r.Header, string(body)}
	}))
	defer receiver.Close()
	send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(`{"url": %q, "dialect": "native", "events": ["refund.created", "refund.failed"]}`, receiver.URL), http.StatusCreated)
	charge := paid(t, s, 1000)
	for _, amount := range []int{10, 51} { // one succeeds, one fails
		send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": %d}`, charge, amount), http.StatusCreated, "Prefer", "wait=10")
	}
	told := make(map[string]int)
	for range 3 {
		select {
		case hook := <-hooks:
			told[text(hook.body, "type")]++
		case <-time.After(awaitTime):
			t.Fatalf("was told only %v", told)
		}
	}
	if told["refund.created"] != 2 || told["refund.failed"] != 1 {
		t.Errorf("was told %v", told)
	}
}
