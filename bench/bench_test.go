package bench_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/bench"
	"github.com/refundry/refundry/dialect/dialecttest"
)

func options(target, dialect string) bench.Options {
	opts := bench.Options{Target: target, Dialect: dialect, Concurrency: 4, Duration: 300 * time.Millisecond, Charges: 3}
	opts.Credentials.Native.Key, opts.Credentials.PingPP.Key = "rk_test_demo", "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"
	return opts
}

func TestARunFindsEveryRefundAgain(t *testing.T) {
	s := dialecttest.Start(t)
	for _, dialect := range []string{"pingpp", "native"} {
		for name, rate := range map[string]int{"closed loop": 0, "open loop": 50} {
			t.Run(dialect+", "+name, func(t *testing.T) {
				opts := options(s.URL, dialect)
				opts.Rate = rate
				report, err := bench.Run(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				if report.Accepted == 0 || len(report.Errors) > 0 || report.Count.Refunds != report.Accepted || len(report.Count.Wrong) > 0 {
					t.Errorf("report is %+v", report)
				}
				if report.Meter.CPU <= 0 || report.Meter.Batch < 1 || report.Meter.Memory < 1<<20 {
					t.Errorf("the service's metrics say %+v", report.Meter)
				}
				if rate > 0 && report.Requests != 15 { // 50 a second for 0.3 s
					t.Errorf("%d requests were begun, want 15", report.Requests)
				}
				if report.P50 <= 0 || report.P50 > report.P99 || report.P99 > report.Max {
					t.Errorf("percentiles are %v, %v, %v", report.P50, report.P99, report.Max)
				}
				var text bytes.Buffer
				report.Print(&text)
				if !strings.Contains(text.String(), "not one cent is wrong") {
					t.Errorf("the report reads:\n%s", text.String())
				}
			})
		}
	}
}

// A service that answers for refunds which it has not, and one that does twice
// what was asked once, must not pass the count.
func TestTheCountFindsWhatAServiceLies(t *testing.T) {
	s := dialecttest.Start(t)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	honest := httputil.NewSingleHostReverseProxy(target)
	tests := []struct {
		name string
		lie  func(w http.ResponseWriter, r *http.Request)
	}{
		{"an answer without a refund", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"id": "re_000000000000000000000000"}`)
		}},
		{"another amount than was asked", func(w http.ResponseWriter, r *http.Request) {
			body := "amount=99&description=bench"
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			honest.ServeHTTP(w, r)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var count atomic.Int64
			liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v1/") && count.Add(1) == 3 {
					test.lie(w, r)
					return
				}
				honest.ServeHTTP(w, r)
			}))
			defer liar.Close()
			report, err := bench.Run(t.Context(), options(liar.URL, "pingpp"))
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Count.Wrong) == 0 {
				t.Errorf("nothing was found wrong: %+v", report.Count)
			}
		})
	}
}

func TestAServiceWithoutMetricsIsLoadedAllTheSame(t *testing.T) {
	s := dialecttest.Start(t)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer closed.Close()
	report, err := bench.Run(t.Context(), options(closed.URL, "native"))
	report.Meter.Load = 0 // our own time needs no metrics
	if err != nil || report.Accepted == 0 || report.Meter != (bench.Meter{}) {
		t.Errorf("report is %+v, %v", report, err)
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for name, change := range map[string]func(*bench.Options){
		"no target":           func(o *bench.Options) { o.Target = "" },
		"an unknown dialect":  func(o *bench.Options) { o.Dialect = "klingon" },
		"a negative rate":     func(o *bench.Options) { o.Rate = -1 },
		"too many callers":    func(o *bench.Options) { o.Concurrency = bench.MaxConcurrency + 1 },
		"two hours":           func(o *bench.Options) { o.Duration = 2 * time.Hour },
		"too many charges":    func(o *bench.Options) { o.Charges = bench.MaxCharges + 1 },
		"a rate out of range": func(o *bench.Options) { o.Rate = bench.MaxRate + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			opts := options("http://127.0.0.1:1", "pingpp")
			change(&opts)
			if _, err := bench.Run(context.Background(), opts); err == nil || !strings.HasPrefix(err.Error(), "bench: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}
