// Package telemetry holds the metrics of one process. It alone imports
// Prometheus: the other packages call plain functions through their Observe
// hooks and do not know who listens.
package telemetry

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins every metric's name.
const namespace = "refundry"

var (
	// requestSeconds are the bounds of the latency histogram: a commit takes
	// about a millisecond, a wait for the channel's word up to 20 s.
	requestSeconds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40}
	// deliverySeconds are the bounds for webhooks, whose receivers have 10 s.
	deliverySeconds = []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
	// callSeconds are the bounds for calls to channels, which have 30 s.
	callSeconds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30}
	// batchUnits are the bounds for the intake's batches, at most 256.
	batchUnits = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
)

// Build says which program runs.
type Build struct {
	Version string // "v1.2.3", or "devel"
	Commit  string // "" when it is not known
	Go      string // "go1.26.0"
}

// Metrics are the metrics of one process. Several may live in one process, as
// in tests: nothing is registered globally.
type Metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	latency    *prometheus.HistogramVec
	batches    prometheus.Histogram
	accepted   *prometheus.CounterVec
	refused    *prometheus.CounterVec
	outcomes   *prometheus.CounterVec
	calls      *prometheus.HistogramVec
	deliveries *prometheus.CounterVec
	sending    *prometheus.HistogramVec
	alerts     prometheus.Counter
	expiries   *prometheus.GaugeVec

	mu    sync.Mutex
	names []string
}

// New makes a process's metrics.
func New(build Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "http_requests_total",
			Help: "Requests by route, method and status.",
		}, []string{"route", "method", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_seconds", Buckets: requestSeconds,
			Help: "Time from a request's header to the end of its answer, waits for the channel's word included.",
		}, []string{"route", "method"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "intake_batch_units", Buckets: batchUnits,
			Help: "Units of refund requests that went through one commit.",
		}),
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "refunds_accepted_total",
			Help: "Refunds that were accepted, by the dialect that they were asked for in; repeats do not count.",
		}, []string{"dialect"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "refunds_refused_total",
			Help: "Refund requests that were not accepted, by dialect and kind of error; busy and unknown_outcome are the service's own.",
		}, []string{"dialect", "kind"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "outcomes_total",
			Help: "Answers of channels to calls about refunds, by channel, step (submit or query) and kind.",
		}, []string{"channel", "step", "kind"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "channel_call_seconds", Buckets: callSeconds,
			Help: "Time that a call to a channel about a refund took, by channel and step.",
		}, []string{"channel", "step"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "webhook_attempts_total",
			Help: "Tries to deliver a webhook by dialect and result: delivered, retry or dead.",
		}, []string{"dialect", "result"}),
		sending: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "webhook_attempt_seconds", Buckets: deliverySeconds,
			Help: "Time that one try to deliver a webhook took.",
		}, []string{"dialect"}),
		alerts: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "alerts_total",
			Help: "Things that an operator should look at; the log says what (level WARN, msg alert).",
		}),
		expiries: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "expires_timestamp_seconds",
			Help: "When the first of what is in use ends, as a Unix time: tls_certificate, platform_certificate, platform_key, channel_certificate, api_key.",
		}, []string{"what"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": build.Version, "commit": build.Commit, "go": build.Go},
	})
	info.Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.register(
		info, m.requests, m.latency, m.batches, m.accepted, m.refused, m.outcomes, m.calls,
		m.deliveries, m.sending, m.alerts, m.expiries,
	)
	return m
}

// Handler answers GET /metrics in the form that Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Request counts one answered request. pattern is what matched, with or without
// a method in front, so that ids make no new series; "" is one that none did.
func (m *Metrics) Request(pattern, method string, status int, took time.Duration) {
	route := pattern[strings.IndexByte(pattern, ' ')+1:]
	if route == "" {
		route = "unknown"
	}
	method = knownMethod(method)
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route, method).Observe(took.Seconds())
}

// knownMethod keeps callers from making series with methods of their own.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodOptions, http.MethodPatch:
		return method
	}
	return "other"
}

// Batch counts one batch of the intake.
func (m *Metrics) Batch(units int) { m.batches.Observe(float64(units)) }

// Accepted counts refunds that are on disk and were not there before.
func (m *Metrics) Accepted(dialect string, refunds int) {
	m.accepted.WithLabelValues(dialect).Add(float64(refunds))
}

// Refused counts refund requests that were not accepted, by the kind of the error.
func (m *Metrics) Refused(dialect, kind string) { m.refused.WithLabelValues(dialect, kind).Inc() }

// Call counts a call to a channel about a refund: what came of it, and how long it
// took.
func (m *Metrics) Call(channel, step, kind string, took time.Duration) {
	m.outcomes.WithLabelValues(channel, step, kind).Inc()
	m.calls.WithLabelValues(channel, step).Observe(took.Seconds())
}

// Expires shows when the first of what is in use ends; zero is nothing.
func (m *Metrics) Expires(what string, at time.Time) {
	if at.IsZero() {
		m.expiries.DeleteLabelValues(what)
		return
	}
	m.expiries.WithLabelValues(what).Set(float64(at.Unix()))
}

// Delivery counts one try of a webhook; result is delivered, retry or dead.
func (m *Metrics) Delivery(dialect, result string, took time.Duration) {
	m.deliveries.WithLabelValues(dialect, result).Inc()
	m.sending.WithLabelValues(dialect).Observe(took.Seconds())
}

// Alert counts something that an operator should look at.
func (m *Metrics) Alert() { m.alerts.Inc() }

// Gauge shows a number that is asked for at each scrape, such as the length of
// a queue. value must be quick and may be called at any time.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// Counter is Gauge for a number that only grows.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.register(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, value))
}
