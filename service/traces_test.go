package service

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/server"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/telemetry"
)

// collected is a span as an OTLP receiver takes it.
type collected struct {
	TraceID    string `json:"traceId"`
	SpanID     string `json:"spanId"`
	ParentID   string `json:"parentSpanId"`
	Name       string `json:"name"`
	Attributes []struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	} `json:"attributes"`
}

func (c collected) attribute(key string) string {
	for _, a := range c.Attributes {
		if a.Key == key {
			for _, value := range a.Value {
				return fmt.Sprint(value)
			}
		}
	}
	return ""
}

// collector is an OTLP receiver in this process.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []collected
	raw   bytes.Buffer
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		text, err := io.ReadAll(body)
		var sent struct {
			ResourceSpans []struct {
				ScopeSpans []struct {
					Spans []collected `json:"spans"`
				} `json:"scopeSpans"`
			} `json:"resourceSpans"`
		}
		if err == nil {
			err = json.Unmarshal(text, &sent)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("the receiver got %s: %v", r.URL, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(text)
		for _, one := range sent.ResourceSpans {
			for _, scope := range one.ScopeSpans {
				for _, span := range scope.Spans { // the case of hex digits is free
					span.TraceID, span.SpanID, span.ParentID = strings.ToLower(span.TraceID), strings.ToLower(span.SpanID), strings.ToLower(span.ParentID)
					c.spans = append(c.spans, span)
				}
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(c.Close)
	return c
}

// traced is a whole service with its listener, whose spans a collector takes.
func traced(t *testing.T, options Options, log *slog.Logger) (url string, end func()) {
	t.Helper()
	options.Log = log
	s := start(t, options)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, s.Handler(), server.Options{
			Listener: listener, Log: log, Tracer: options.Tracer, Observe: s.Metrics().Request, NewID: func() string { return "iar_servers" },
		})
	}()
	return "http://" + listener.Addr().String(), func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		stop(t, s)
		if err := options.Tracer.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestOneTraceFollowsARefundToItsWebhook(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off") // only who asks for it is traced
	receiver := newCollector(t)
	told := make(chan string, 16)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.Header.Get("Traceparent") }))
	defer hook.Close()
	var out lockedBuffer
	log := telemetry.NewLog(&out, slog.LevelInfo, true)
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.Build{Version: "v1"}, receiver.URL, log)
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	url, end := traced(t, Options{
		Database: storetest.SQLite(t), Data: data, Demo: true, Tracer: tracer, EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, log)
	ask := func(path, body, parent string) string {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer rk_test_demo")
		request.Header.Set("Content-Type", "application/json")
		if parent != "" {
			request.Header.Set("Traceparent", parent)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusCreated {
			t.Fatalf("%s answers %d %s, %v", path, answer.StatusCode, text, err)
		}
		return answer.Header.Get("Request-Id")
	}
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	ask("/refundry/v1/endpoints", `{"url": "`+hook.URL+`", "dialect": "native", "events": ["refund.succeeded"]}`, "")
	ask("/refundry/v1/refunds", `{"charge": "ch_L8qn10mLmr1GS8e5OODmHaL4", "amount": 10, "reason": "a secret reason"}`, "")
	requestID := ask("/refundry/v1/refunds", `{"charge": "ch_L8qn10mLmr1GS8e5OODmHaL4", "amount": 20, "reason": "a secret reason"}`, "00-"+trace+"-00f067aa0ba902b7-01")
	parents := []string{<-told, <-told}
	if routed := `refundry_http_requests_total{method="POST",route="/refundry/v1/refunds",status="201"} 2`; !strings.Contains(fetch(t, url+"/metrics"), routed) {
		t.Errorf("the metrics lack %s", routed)
	}
	end()

	slices.Sort(parents) // the first one is of the refund that nobody asked to trace
	tree := make(map[string]collected)
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	for _, span := range receiver.spans {
		if span.TraceID != trace {
			t.Errorf("a span of another trace: %+v", span)
		}
		tree[span.Name] = span
	}
	request, commit, submit, webhook := tree["POST /refundry/v1/refunds"], tree["commit refunds"], tree["channel submit"], tree["webhook"]
	if len(receiver.spans) != len(tree) || request.ParentID != "00f067aa0ba902b7" || commit.ParentID != request.SpanID || submit.ParentID != commit.SpanID || webhook.ParentID != commit.SpanID {
		t.Errorf("the tree is %+v", receiver.spans)
	}
	if parents[0] != "" || parents[1] != "00-"+trace+"-"+webhook.SpanID+"-01" {
		t.Errorf("webhooks came with %q", parents)
	}
	id := commit.attribute("refundry.refund_id")
	if !strings.HasPrefix(id, "re_") || submit.attribute("refundry.refund_id") != id || webhook.attribute("refundry.refund_id") != id ||
		submit.attribute("refundry.outcome") == "" || submit.attribute("refundry.channel") != "sandbox" ||
		request.attribute("refundry.request_id") != requestID || request.attribute("http.response.status_code") != "201" || webhook.attribute("http.response.status_code") != "200" {
		t.Errorf("the attributes are %+v", receiver.spans)
	}
	if text := receiver.raw.String(); strings.Contains(text, "secret") || strings.Contains(text, "rk_test_demo") {
		t.Errorf("a span tells what is secret: %s", text)
	}
	if line := `"request_id":"` + requestID + `"`; !strings.Contains(out.String(), line) || !strings.Contains(out.String(), `"trace_id":"`+trace+`"`) {
		t.Errorf("the log names neither request nor trace: %s", out.String())
	}
	noSecrets(t, data, out.String()+receiver.raw.String())
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// noSecrets: no secret of the demo merchant stands in a text.
func noSecrets(t *testing.T, data, text string) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(data, "demo", "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	var parts map[string]map[string]any
	if err := json.Unmarshal(file, &parts); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for part, values := range parts {
		for name, value := range values {
			if secret := fmt.Sprint(value); isSecret(name) && secret != "" {
				checked++
				if strings.Contains(text, secret) {
					t.Errorf("%s of %s stands in it", name, part)
				}
			}
		}
	}
	if checked < 6 {
		t.Errorf("only %d secrets were looked for", checked)
	}
}

// isSecret goes by the names of demo.json.
func isSecret(name string) bool {
	switch name {
	case "key", "api_key", "merchant_secret_key", "client_key", "secret", "apiv3_key", "password", "second_password":
		return true
	}
	return false
}

func TestNothingIsTracedUnlessAskedFor(t *testing.T) {
	for _, off := range []map[string]string{
		{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"} {
			t.Setenv(name, off[name])
		}
		if tracer, err := telemetry.NewTracer(t.Context(), telemetry.Build{}, "", slog.Default()); err != nil || tracer != nil {
			t.Errorf("%v: %v, %v", off, tracer, err)
		}
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_TRACES_EXPORTER", "")
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.Build{}, "", slog.Default())
	if err != nil || tracer == nil {
		t.Fatalf("by its variable: %v, %v", tracer, err)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
	var none *telemetry.Tracer
	ctx, span := none.Start(t.Context(), "nothing")
	span.End("", slog.Int("n", 1))
	if ctx != t.Context() || span.Parent() != "" || none.Close(t.Context()) != nil || testing.AllocsPerRun(100, func() { none.Start(ctx, "nothing") }) > 0 {
		t.Error("a tracer that is off does something")
	}
}

// lockedBuffer may be written to by many.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
