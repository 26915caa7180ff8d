package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

// Each ending of the sandbox from the request to the refund's end, on both
// engines, and verify at the end.
func TestEachSandboxOutcomeComesToItsEnd(t *testing.T) {
	type step struct {
		// path and body are posted before the state is waited for; %s is the
		// refund's id.
		path, body string
		state      string
	}
	tests := []struct {
		name  string
		cents int64
		steps []step
	}{
		{"an ordinary amount succeeds", 0, []step{{"", "", "succeeded"}}},
		{"51 is refused for good", 51, []step{{"", "", "failed"}}},
		{"52 is abnormal until it is rerouted", 52, []step{{"", "", "abnormal"}, {"/sandbox/refunds/%s/reroute", "{}", "succeeded"}}},
		{"53 loses the answer after the money moved", 53, []step{{"", "", "succeeded"}}},
		{"54 loses the first submit before anything happened", 54, []step{{"", "", "succeeded"}}},
		{"55 is short of funds until some are added", 55, []step{{"", "", "held"}, {"/sandbox/funds", `{"amount": 100000, "currency": "CNY"}`, "succeeded"}}},
		{"57 has notices twice and out of order", 57, []step{{"", "", "succeeded"}}},
		{"58 is settled by hand", 58, []step{{"", "", "pending"}, {"/sandbox/refunds/%s/settle", "{}", "succeeded"}}},
		{"58 is settled by hand as failed", 158, []step{{"", "", "pending"}, {"/sandbox/refunds/%s/settle", `{"state": "failed"}`, "failed"}}},
		{"58 succeeds when the clock has moved an hour", 258, []step{{"", "", "pending"}, {"/sandbox/clock", `{"advance_seconds": 3600}`, "succeeded"}}},
		{"59 is throttled three times", 59, []step{{"", "", "succeeded"}}},
		{"60 has a notice with a wrong amount", 60, []step{{"", "", "succeeded"}}},
		{"61 is left out of the bill", 61, []step{{"", "", "succeeded"}}},
		// Last, because its day moves the clock for all others.
		{"56 is returned by the bank a day later", 56, []step{{"", "", "succeeded"}, {"/sandbox/clock", `{"advance_seconds": 86400}`, "failed"}}},
	}
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			database := engine.open(t)
			p := Start(t, database, t.TempDir())
			for n, test := range tests {
				t.Run(test.name, func(t *testing.T) {
					charge := registerCharge(t, p.URL, fmt.Sprintf("outcome-%d", n), 1_000_000)
					r := refundOf(t, p.URL, charge, 10_000+test.cents, fmt.Sprintf("N%d", n))
					for _, step := range test.steps {
						if step.path != "" {
							post(t, p.URL, step.path, step.body, r.ID)
						}
						Until(t, "the refund is "+step.state, func() bool { return stateOf(t, p.URL, r.ID) == step.state })
					}
				})
			}
			p.Stop(t)
			Verify(t, database)
		})
	}
}

// engines are the databases on which a test runs.
var engines = []struct {
	name string
	open func(testing.TB) string
}{
	{"SQLite", storetest.SQLite},
	{"PostgreSQL", storetest.Postgres},
}

// post does a sandbox call; a refund's id goes where the path has %s.
func post(t testing.TB, base, path, body, id string) {
	t.Helper()
	address := base + "/refundry/v1" + path
	if path != "/sandbox/funds" && path != "/sandbox/clock" {
		address = fmt.Sprintf(base+"/refundry/v1"+path, id)
	}
	if status, text := Call(t, http.MethodPost, address, body); status >= 300 {
		t.Fatalf("POST %s: %d %s", path, status, text)
	}
}
