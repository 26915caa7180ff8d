package telemetry

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("status %d", answer.Code)
	}
	return answer.Body.String()
}

func TestEverythingCountedIsShownAtAScrape(t *testing.T) {
	m := New(Build{Version: "v1.2.3", Commit: "abc", Go: "go1.26.0"})
	m.Request("POST /v1/charges/{ch}/refunds", "POST", 200, 3*time.Millisecond)
	m.Request("", "BREW", 404, time.Millisecond)
	m.Batch(7)
	m.Accepted("native", 3)
	m.Refused("pingpp", "busy")
	m.Call("alipay", "submit", "done", 300*time.Millisecond)
	m.Expires("api_key", time.Unix(1790000000, 0))
	m.Expires("tls_certificate", time.Unix(1, 0))
	m.Expires("tls_certificate", time.Time{})
	m.Family("open", "Open.", "channel").Set(Sample{3, []string{"manual"}}, Sample{4, []string{"stripe"}})
	m.Family("unseen", "Nobody looked.")
	lost := m.Family("lost", "Nobody knows.", "channel")
	lost.Set(Sample{1, []string{"manual"}})
	lost.Unknown()
	m.Delivery("pingpp", "delivered", time.Millisecond)
	m.Alert()
	m.Gauge("queue", "A queue.", func() float64 { return 5 })
	m.Counter("grown_total", "A number.", func() float64 { return 6 })
	text := scrape(t, m)
	for _, line := range []string{
		`refundry_http_requests_total{method="POST",route="/v1/charges/{ch}/refunds",status="200"} 1`,
		`refundry_http_requests_total{method="other",route="unknown",status="404"} 1`,
		`refundry_http_request_seconds_bucket{method="POST",route="/v1/charges/{ch}/refunds",le="0.005"} 1`,
		`refundry_intake_batch_units_bucket{le="4"} 0`,
		`refundry_intake_batch_units_bucket{le="8"} 1`,
		`refundry_refunds_accepted_total{dialect="native"} 3`,
		`refundry_refunds_refused_total{dialect="pingpp",kind="busy"} 1`,
		`refundry_outcomes_total{channel="alipay",kind="done",step="submit"} 1`,
		`refundry_channel_call_seconds_bucket{channel="alipay",step="submit",le="0.5"} 1`,
		`refundry_channel_call_seconds_bucket{channel="alipay",step="submit",le="0.25"} 0`,
		`refundry_expires_timestamp_seconds{what="api_key"} 1.79e+09`,
		`refundry_open{channel="manual"} 3`,
		`refundry_open{channel="stripe"} 4`,
		`refundry_unseen NaN`,
		`refundry_webhook_attempts_total{dialect="pingpp",result="delivered"} 1`,
		`refundry_alerts_total 1`,
		`refundry_queue 5`,
		`refundry_grown_total 6`,
		`refundry_build_info{commit="abc",go="go1.26.0",version="v1.2.3"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("the scrape lacks %s", line)
		}
	}
	for _, gone := range []string{`what="tls_certificate"`, "refundry_lost{"} {
		if strings.Contains(text, gone) {
			t.Errorf("the scrape still shows %s", gone)
		}
	}
	if names := m.Names(); !slices.Contains(names, "refundry_lost") || !slices.Contains(names, "refundry_channel_call_seconds") || !slices.IsSorted(names) || len(names) != 17 {
		t.Errorf("the names are %v", names)
	}
}

func TestTwoProcessesInOneDoNotShareMetrics(t *testing.T) {
	a, b := New(Build{}), New(Build{})
	a.Alert()
	if text := scrape(t, b); !strings.Contains(text, "refundry_alerts_total 0\n") {
		t.Error("an alert of one is counted by the other")
	}
}
