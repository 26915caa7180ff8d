package pingpp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/wire/pemkey"
)

// received is one webhook as a receiver gets it.
type received struct {
	method string
	header http.Header
	body   string
}

// hooked starts a service whose demo merchant tells an address of events.
func hooked(t *testing.T, events string) (*dialecttest.Service, <-chan received) {
	t.Helper()
	s := dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	hooks := make(chan received, 64)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- received{r.Method, r.Header, string(body)}
	}))
	t.Cleanup(receiver.Close)
	send(t, dialecttest.Request(t, "POST", s.URL+"/refundry/v1/endpoints", fmt.Sprintf(`{"url":%q,"dialect":"pingpp","events":%s}`, receiver.URL, events),
		"Authorization", "Bearer rk_test_demo", "Content-Type", "application/json"), 201)
	return s, hooks
}

func await(t *testing.T, hooks <-chan received) received {
	t.Helper()
	const patience = 3 * time.Minute // far above what a delivery takes
	select {
	case hook := <-hooks:
		return hook
	case <-time.After(patience):
		t.Fatal("no webhook came")
	}
	return received{}
}

func TestAWebhookArrivesCompactAndSigned(t *testing.T) {
	s, hooks := hooked(t, `[]`)
	charge := s.Charge(t, merchant.DemoID, 1000, nil)
	made := decoded(t, post(t, s, demoKey, "/v1/charges/"+charge.ID+"/refunds", `{"description":"退款 & <b>","amount":100}`, 200))
	hook := await(t, hooks)
	if hook.method != http.MethodPost || hook.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s with %v", hook.method, hook.header)
	}
	key, err := s.Store.PlatformKey(t.Context(), merchant.PingPP)
	if err != nil {
		t.Fatal(err)
	}
	public, err := pemkey.ParseRSAPublicKey(key.PublicPEM)
	if err != nil {
		t.Fatal(err)
	}
	if err := pemkey.VerifySHA256(public, []byte(hook.body), hook.header.Get("X-Pingplusplus-Signature")); err != nil {
		t.Error(err)
	}
	if strings.ContainsAny(hook.body, "\n\t") || !strings.Contains(hook.body, `"description":"退款 & <b>"`) || !strings.HasPrefix(hook.body, `{"id":"evt_`) {
		t.Errorf("body %s", hook.body)
	}
	event := decoded(t, hook.body)
	if diff := cmp.Diff(map[string]any{"object": made}, event["data"]); diff != "" {
		t.Errorf("the object is not the answer's: %s", diff)
	}
	if retrieved := decoded(t, get(t, s, demoKey, "/v1/events/"+fmt.Sprint(event["id"]), 200)); retrieved["type"] != "refund.succeeded" || retrieved["request"] != event["request"] {
		t.Errorf("retrieved %v", retrieved)
	}
}

func TestABatchThatEndedIsToldOnce(t *testing.T) {
	s, hooks := hooked(t, `["batch_refund.succeeded"]`)
	tests := []struct {
		name    string
		amounts []money.Minor // 151 is refused by the sandbox, 158 stays with it
		want    string
	}{
		{"all succeeded", []money.Minor{100, 200, 300, 400, 500}, "succeeded"},
		{"some succeeded", []money.Minor{151, 100, 251}, "partially_succeeded"},
		{"none succeeded", []money.Minor{151, 251}, ""},
		{"one is open", []money.Minor{100, 158}, ""},
	}
	var events []string // newest first
	for n, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var members []string
			for _, amount := range test.amounts {
				members = append(members, quoted(s.Charge(t, merchant.DemoID, amount, nil).ID))
			}
			made := decoded(t, post(t, s, demoKey, "/v1/batch_refunds", batchOf(demoApp, fmt.Sprintf("T%02d", n), members...), 200))
			if test.want == "" {
				return // the next case's webhook would come behind one of this
			}
			hook := await(t, hooks)
			event := decoded(t, hook.body)
			object := event["data"].(map[string]any)["object"].(map[string]any)
			if event["type"] != "batch_refund.succeeded" || object["object"] != "batch_refund" || object["id"] != made["id"] || object["status"] != test.want ||
				event["object"] != "event" || event["livemode"] != false || event["request"] == nil || object["time_succeeded"] == nil || object["refund_url"] != "" {
				t.Errorf("told %s", hook.body)
			}
			id := fmt.Sprint(event["id"])
			retrieved := decoded(t, eventually(t, s, demoKey, "/v1/events/"+id, `"pending_webhooks": 0`))
			if diff := cmp.Diff(event["data"], retrieved["data"]); diff != "" {
				t.Errorf("retrieved another object: %s", diff)
			}
			events = append([]string{id}, events...)
		})
	}
	t.Run("no other batch is told", func(t *testing.T) {
		// 8 refunds succeed; their events are behind all that could have been told before.
		deadline := time.Now().Add(3 * time.Minute)
		for len(ids(t, get(t, s, demoKey, "/v1/events?type=refund.succeeded&limit=100", 200))) < 7 && time.Now().Before(deadline) {
			timer := time.NewTimer(20 * time.Millisecond)
			<-timer.C
		}
		s.Unchanged(t, func() {}) // until nothing is at work
		if got := ids(t, get(t, s, demoKey, "/v1/events?type=batch_refund.succeeded", 200)); !slices.Equal(got, events) || len(hooks) > 0 {
			t.Errorf("told of %v, want %v; %d more came", got, events, len(hooks))
		}
	})
	t.Run("the list of all events has them in their places", func(t *testing.T) {
		all := ids(t, get(t, s, demoKey, "/v1/events?limit=100", 200))
		for _, id := range events {
			if !slices.Contains(all, id) {
				t.Fatalf("%s is not in %v", id, all)
			}
		}
		var forward []string
		for query := "?limit=3"; ; query = "?limit=3&starting_after=" + forward[len(forward)-1] {
			body := get(t, s, demoKey, "/v1/events"+query, 200)
			forward = append(forward, ids(t, body)...)
			if decoded(t, body)["has_more"] == false || len(forward) > len(all) {
				break
			}
		}
		var backward []string
		for query := "?limit=3&ending_before=" + all[len(all)-1]; ; query = "?limit=3&ending_before=" + backward[0] {
			body := get(t, s, demoKey, "/v1/events"+query, 200)
			backward = append(ids(t, body), backward...)
			if decoded(t, body)["has_more"] == false || len(backward) > len(all) {
				break
			}
		}
		if !slices.Equal(forward, all) || !slices.Equal(backward, all[:len(all)-1]) {
			t.Errorf("forward %v, backward %v, at once %v", forward, backward, all)
		}
	})
	t.Run("the demo's reset keeps the rows in order", func(t *testing.T) {
		post(t, s, demoKey, "/v1/batch_refunds", batchOf(demoApp, "RESET", quoted(demoCharge)), 200)
		await(t, hooks)
		s.Unchanged(t, func() {})
		send(t, dialecttest.Request(t, "POST", s.URL+"/refundry/v1/sandbox/reset", "", "Authorization", "Bearer rk_test_demo"), 200)
		if got := ids(t, get(t, s, demoKey, "/v1/events?type=batch_refund.succeeded", 200)); !slices.Equal(got, events) {
			t.Errorf("after it %v, want %v", got, events)
		}
	})
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

func TestTheTestCasesOfMetadata(t *testing.T) {
	s, hooks := hooked(t, `["refund.succeeded","refund.failed","batch_refund.succeeded"]`)
	charge := s.Charge(t, merchant.DemoID, 10_000, nil)
	refunded := func(amount int, metadata string) string {
		body := fmt.Sprintf(`{"description":"d","amount":%d,"metadata":%s}`, amount, metadata)
		return fmt.Sprint(decoded(t, post(t, s, demoKey, "/v1/charges/"+charge.ID+"/refunds", body, 200))["id"])
	}
	// deliveries are those of the newest event, with how long each was put off.
	deliveries := func(t *testing.T) []time.Duration {
		t.Helper()
		s.Unchanged(t, func() {})
		id := ids(t, get(t, s, demoKey, "/v1/events?limit=1", 200))[0]
		records, _, err := s.Store.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: merchant.DemoID, EventID: id}, refund.Page{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var waits []time.Duration
		for _, r := range records {
			wait := time.Duration(0)
			if r.State == merchant.DeliveryWaiting {
				wait = r.Delivery.DueAt.Sub(r.Delivery.CreatedAt)
			}
			waits = append(waits, wait)
		}
		return waits
	}
	late := []time.Duration{5 * time.Minute}
	tests := []struct {
		name     string
		amount   int
		metadata string
		want     []time.Duration
	}{
		{"none", 100, `{"a":"b"}`, []time.Duration{0}},
		{"001 tells a success twice", 100, `{"pingpp_tc":"001","a":"b"}`, []time.Duration{0, 0}},
		{"001 tells a failure once", 151, `{"pingpp_tc":"001"}`, []time.Duration{0}},
		{"002 tells a success late", 100, `{"pingpp_tc":"002"}`, late},
		{"an unknown case", 100, `{"pingpp_tc":"003"}`, []time.Duration{0}},
		{"a number is none", 100, `{"pingpp_tc":1}`, []time.Duration{0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			id := refunded(test.amount, test.metadata)
			if got := deliveries(t); !slices.Equal(got, test.want) {
				t.Errorf("put off by %v, want %v", got, test.want)
			}
			var bodies []string
			for range test.want {
				if test.want[0] == 0 {
					bodies = append(bodies, await(t, hooks).body)
				}
			}
			for _, body := range bodies {
				if body != bodies[0] || !strings.Contains(body, id) || !strings.Contains(body, fmt.Sprintf(`"pending_webhooks":%d,`, len(bodies))) {
					t.Errorf("told %s", body)
				}
			}
		})
	}
	t.Run("a batch has its own", func(t *testing.T) {
		body := strings.Replace(batchOf(demoApp, "TC001", quoted(s.Charge(t, merchant.DemoID, 100, nil).ID)), `{"a":"b"}`, `{"pingpp_tc":"001"}`, 1)
		post(t, s, demoKey, "/v1/batch_refunds", body, 200)
		if got := deliveries(t); !slices.Equal(got, []time.Duration{0, 0}) {
			t.Errorf("put off by %v", got)
		}
	})
}
