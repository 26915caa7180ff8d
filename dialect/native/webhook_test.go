package native_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
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
	secret := text(endpoint, "secret")
	made := send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 10, "reason": "<&> 退款"}`, paid(t, s, 100)), http.StatusCreated)
	await(t, s, demo, text(made, "id"), refund.Succeeded)

	hook := take(t, hooks)
	if got := signedBy(t, hook, secret); got != "s" {
		t.Errorf("the signature %q does not fit", hook.header.Get("Webhook-Signature"))
	}
	if got := signedBy(t, received{hook.header, hook.body + " "}, secret); got != "?" {
		t.Error("the signature fits another body, too")
	}
	id, timestamp := hook.header.Get("Webhook-Id"), hook.header.Get("Webhook-Timestamp")
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

// take waits for the next webhook.
func take(t testing.TB, hooks <-chan received) received {
	t.Helper()
	select {
	case hook := <-hooks:
		return hook
	case <-time.After(awaitTime):
		t.Fatal("no webhook came")
		return received{}
	}
}

// signedBy says by which of the secrets each signature of a webhook is, as a
// receiver of Standard Webhooks finds out: their ordinals' letters from s on,
// "?" for none.
func signedBy(t testing.TB, hook received, secrets ...string) string {
	t.Helper()
	var by strings.Builder
	for signature := range strings.SplitSeq(hook.header.Get("Webhook-Signature"), " ") {
		found := "?"
		for n, secret := range secrets {
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
			if err != nil || len(key) != sha256.Size {
				t.Fatalf("the secret is %q: %v", secret, err)
			}
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(hook.header.Get("Webhook-Id") + "." + hook.header.Get("Webhook-Timestamp") + "." + hook.body))
			if signature == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
				found = string(rune('s' + n))
			}
		}
		by.WriteString(found)
	}
	return by.String()
}

func TestBothSecretsSignWhileAnEndpointIsRotated(t *testing.T) {
	s := dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	hooks := make(chan received, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- received{r.Header, string(body)}
	}))
	defer receiver.Close()
	endpoint := send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(`{"url": %q, "dialect": "native"}`, receiver.URL), http.StatusCreated)
	id, first := text(endpoint, "id"), text(endpoint, "secret")
	charge := paid(t, s, 1000)
	tell := func() received {
		send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 10}`, charge), http.StatusCreated)
		return take(t, hooks)
	}
	rotate := func(body string) string {
		return text(send(t, s, demo, "POST", "/endpoints/"+id+"/rotate", body, http.StatusOK), "secret")
	}
	second := rotate("")
	hook := tell()
	if by := signedBy(t, hook, first, second); by != "ts" {
		t.Errorf("while both are in use, signed by %q", by)
	}
	third := rotate(`{"overlap_seconds": 0}`)
	if by := signedBy(t, tell(), first, second, third); by != "u" {
		t.Errorf("with the old ones over, signed by %q", by)
	}
	shown := send(t, s, demo, "GET", "/endpoints/"+id, "", http.StatusOK)
	if strings.Contains(shown, "whsec_") || strings.Count(shown, `"expires_at"`) != 1 {
		t.Errorf("is shown as %s", shown)
	}

	// What was delivered is sent again with the same bytes, and by the secret
	// that is in use now.
	old := send(t, s, demo, "GET", "/deliveries?event="+hook.header.Get("Webhook-Id")+"&endpoint="+id+"&limit=1", "", http.StatusOK)
	delivery := regexp.MustCompile(`"id":"([0-9A-Za-z]{24})"`).FindStringSubmatch(old)[1]
	again := sendUntil(t, s, "POST", "/deliveries/"+delivery+"/replay", "", http.StatusCreated)
	if text(again, "id") == delivery {
		t.Errorf("the replay is the same delivery: %s", again)
	}
	replayed := take(t, hooks)
	if replayed.body != hook.body || replayed.header.Get("Webhook-Id") != hook.header.Get("Webhook-Id") || signedBy(t, replayed, third) != "s" {
		t.Errorf("was sent %v %s", replayed.header, replayed.body)
	}

	send(t, s, demo, "DELETE", "/endpoints/"+id, "", http.StatusOK)
	for _, call := range []string{"/endpoints/" + id + "/rotate", "/deliveries/" + delivery + "/replay"} {
		send(t, s, demo, "POST", call, "", http.StatusConflict)
	}
	send(t, s, demo, "DELETE", "/endpoints/"+id, "", http.StatusOK)
	for _, absent := range []string{"none", strings.Repeat("0", 24)} {
		send(t, s, demo, "POST", "/deliveries/"+absent+"/replay", "", http.StatusNotFound)
		send(t, s, demo, "DELETE", "/endpoints/"+absent, "", http.StatusNotFound)
	}
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
		told[text(take(t, hooks).body, "type")]++
	}
	if told["refund.created"] != 2 || told["refund.failed"] != 1 {
		t.Errorf("was told %v", told)
	}
}
