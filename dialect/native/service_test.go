package native_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// awaitTime is far above what the sandbox takes for anything.
const awaitTime = 3 * time.Minute

// send sends one request, demands a status and gives the body.
func send(t testing.TB, s *dialecttest.Service, key, method, path, body string, status int, header ...string) string {
	t.Helper()
	r := dialecttest.Request(t, method, s.URL+base+path, body, append([]string{"Authorization", "Bearer " + key}, header...)...)
	response, answer := dialecttest.Do(t, r)
	if response.StatusCode != status {
		t.Fatalf("%s %s answered %d, want %d: %s", method, path, response.StatusCode, status, answer)
	}
	return answer
}

// await polls a refund until it is in a state, and gives it.
func await(t testing.TB, s *dialecttest.Service, key, id string, state refund.State) string {
	t.Helper()
	for deadline := time.Now().Add(awaitTime); ; {
		answer := send(t, s, key, "GET", "/refunds/"+id, "", http.StatusOK)
		if text(answer, "state") == string(state) {
			return answer
		}
		if time.Now().After(deadline) {
			t.Fatalf("refund %s is not %s after %s: %s", id, state, awaitTime, answer)
		}
		pause := time.NewTimer(10 * time.Millisecond)
		<-pause.C
	}
}

// rules replace what differs from run to run in golden files.
func rules() []dialecttest.Rule {
	id := func(prefix, name string, not ...string) dialecttest.Rule {
		return dialecttest.Rule{
			Match: regexp.MustCompile(`\b` + prefix + `[0-9A-Za-z]{24}\b`), Name: name, Tail: prefix, Not: not,
		}
	}
	return []dialecttest.Rule{
		id("iar_", "request"),
		id("ch_", "charge", "ch_L8qn10mLmr1GS8e5OODmHaL4", "ch_000000000000000000000000"),
		id("re_", "refund"),
		id("evt_", "event"),
		id("ep_", "endpoint"),
		id("alert_", "alert"),
		id("apr_", "approval"),
		id("pol_", "policy", "pol_000000000000000000000000"),
		{Match: regexp.MustCompile(`"digest":"[0-9a-f]{64}"`), Name: "digest"},
		{Match: regexp.MustCompile(`"channel_refund_number":"[0-9A-Za-z]{24}"`), Name: "number at the channel"},
		id("bulk_", "bulk job", "bulk_000000000000000000000000"),
		id("notice_", "notice", "notice_000000000000000000000000"),
		{Match: regexp.MustCompile(`\bpk_[0-9A-Za-z]{16,24}\b`), Name: "key"},
		{Match: regexp.MustCompile(`-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----`), Name: "certificate"},
		{Match: regexp.MustCompile(`"(merchant|platform)_serial":"[0-9A-F]{40}"`), Name: "serial"},
		{Match: regexp.MustCompile(`PUB_KEY_ID_[0-9]+`), Name: "public key id"},
		{Match: regexp.MustCompile(`"(merchant|platform)_public_key":"[0-9A-Za-z+/]{43}="`), Name: "box key"},
		{Match: regexp.MustCompile(`\bkey_[0-9A-Za-z]{16,24}\b`), Name: "API key"},
		{Match: regexp.MustCompile(`\b[rs]k_(test|live)_[0-9A-Za-z]{24}\b`), Name: "API key's text", Not: []string{"sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"}},
		{Match: regexp.MustCompile(`\busr_[0-9A-Za-z]{16}\b`), Name: "user"},
		{Match: regexp.MustCompile(`"password":"[0-9A-Za-z]{20}"`), Name: "a password that was made"},
		{Match: regexp.MustCompile(`\bmanual_[0-9A-Za-z]{16}\b`), Name: "account", Not: []string{"manual_0000000000000000"}},
		{Match: regexp.MustCompile(`\bwallet_[0-9A-Za-z]{16}\b`), Name: "wallet"},
		{Match: regexp.MustCompile(`\b[rs]k_test_\.\.\.[0-9A-Za-z]{4}\b`), Name: "hint"},
		{Match: regexp.MustCompile(`whsec_[0-9A-Za-z+/]{43}=`), Name: "secret"},
		{Match: regexp.MustCompile(`"duration_ms":[0-9]+`), Name: "duration", Unnumbered: true},
		{Match: regexp.MustCompile(`whpk_[0-9A-Za-z+/]{43}=`), Name: "public key"},
		{Match: regexp.MustCompile(`-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----`), Name: "public key"},
		{Match: regexp.MustCompile(`"hash":"[0-9a-f]{64}"`), Name: "hash"},
		{Match: regexp.MustCompile(`"number":[0-9]+,"at"`), Name: "place in the chain", Unnumbered: true},
		{Match: regexp.MustCompile(`YXVkaXQu[0-9A-Za-z_-]+`), Name: "audit cursor"},
		// Base64 of a time of this decade, and of "feed.".
		{Match: regexp.MustCompile(`\b(MT[c-g]|ZmVlZC)[0-9A-Za-z_-]{2,}`), Name: "cursor"},
		{Match: regexp.MustCompile(`\b[0-9]{28}\b`), Name: "channel's number", Not: []string{"4200000000202607010000000001"}},
		{Match: regexp.MustCompile(`M948164T[0-9]{22}`), Name: "Payin order", Not: []string{"M948164T2023072607034709567189"}},
		{Match: regexp.MustCompile(`"(delivery|again)":"[0-9A-Za-z]{24}"`), Name: "replayed", Unnumbered: true},
		{Match: regexp.MustCompile(`"id":"[0-9A-Za-z]{24}"`), Name: "row"},
		{Match: regexp.MustCompile(`http://127\.0\.0\.1:[0-9]{4,5}`), Name: "receiver"},
		{Match: regexp.MustCompile(`deliveries/[0-9A-Za-z]{24}\b`), Name: "row"},
		{Match: regexp.MustCompile(`"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z"`), Name: "time", Unnumbered: true},
		{Match: regexp.MustCompile(`,[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z`), Name: "cell's time", Unnumbered: true},
	}
}

func moneyOf(minor int) money.Minor { return money.Minor(minor) }

// sendUntil sends a request again while the state does not allow it: the
// channel is being called.
func sendUntil(t testing.TB, s *dialecttest.Service, method, path, body string, status int) string {
	t.Helper()
	for deadline := time.Now().Add(awaitTime); ; {
		r := dialecttest.Request(t, method, s.URL+base+path, body, "Authorization", "Bearer "+demo)
		response, answer := dialecttest.Do(t, r)
		if response.StatusCode == status {
			return answer
		}
		if response.StatusCode != http.StatusConflict || time.Now().After(deadline) {
			t.Fatalf("%s %s answered %d, want %d: %s", method, path, response.StatusCode, status, answer)
		}
		pause := time.NewTimer(10 * time.Millisecond)
		<-pause.C
	}
}

// sendUntilHas asks for something until the answer has a text in it: events
// come to the feed a moment after what they tell of.
func sendUntilHas(t testing.TB, s *dialecttest.Service, path, want string) string {
	t.Helper()
	for deadline := time.Now().Add(awaitTime); ; {
		answer := send(t, s, demo, "GET", path, "", http.StatusOK)
		if strings.Contains(answer, want) {
			return answer
		}
		if time.Now().After(deadline) {
			t.Fatalf("GET %s does not come to have %s: %s", path, want, answer)
		}
		pause := time.NewTimer(10 * time.Millisecond)
		<-pause.C
	}
}
