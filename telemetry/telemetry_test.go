package telemetry

import (
	"net/http/httptest"
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
	m.Outcome("submit", "done")
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
		`refundry_outcomes_total{kind="done",source="submit"} 1`,
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
}

func TestTwoProcessesInOneDoNotShareMetrics(t *testing.T) {
	a, b := New(Build{}), New(Build{})
	a.Alert()
	if text := scrape(t, b); !strings.Contains(text, "refundry_alerts_total 0\n") {
		t.Error("an alert of one is counted by the other")
	}
}
