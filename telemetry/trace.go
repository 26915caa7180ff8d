package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traceErrorInterval is how often the log says that spans could not be exported.
const traceErrorInterval = time.Minute

// Tracer makes the spans of one process and exports them by OTLP over HTTP. A nil
// Tracer makes none, and costs nothing.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// TracesWanted reports whether a Tracer is asked for: by endpoint, a base address
// such as http://collector:4318, or by OpenTelemetry's own variables.
func TracesWanted(endpoint string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return endpoint != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// NewTracer makes a Tracer, nil where none is wanted. endpoint goes before
// OTEL_EXPORTER_OTLP_ENDPOINT; everything else (headers, sampler, service name,
// limits, batching) is as OpenTelemetry's variables say. It connects to nothing yet.
func NewTracer(ctx context.Context, build Build, endpoint string, log *slog.Logger) (*Tracer, error) {
	if !TracesWanted(endpoint) {
		return nil, nil
	}
	var options []otlptracehttp.Option
	if endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(strings.TrimSuffix(endpoint, "/"), "/v1/traces")+"/v1/traces"))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "refundry"), attribute.String("service.version", build.Version)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("describe this process for traces (hint: OTEL_RESOURCE_ATTRIBUTES is name=value,...): %w", err)
	}
	var told atomic.Int64
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		now, last := time.Now().UnixNano(), told.Load()
		if now-last > int64(traceErrorInterval) && told.CompareAndSwap(last, now) {
			log.Warn("traces could not be exported; nothing else is affected", "error", err)
		}
	}))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &Tracer{provider, provider.Tracer("github.com/refundry/refundry")}, nil
}

// Close exports what is left, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("export the last traces: %w", err)
	}
	return nil
}

// Span is one piece of work of a trace. A nil Span is none.
type Span struct{ span trace.Span }

// Set adds attributes. None may hold a secret, a body or what a person is called.
func (s *Span) Set(attributes ...slog.Attr) {
	if s == nil {
		return
	}
	s.span.SetAttributes(attributesOf(attributes)...)
}

// End ends the span, with attributes; problem says in a word why it failed, "" if
// it did not. Only the first End counts.
func (s *Span) End(problem string, attributes ...slog.Attr) {
	if s == nil {
		return
	}
	s.Set(attributes...)
	if problem != "" {
		s.span.SetStatus(codes.Error, problem)
	}
	s.span.End()
}

// Parent is the span as a traceparent (W3C Trace Context), by which what follows
// from it later, in whichever process, joins its trace; "" where it is not sampled.
func (s *Span) Parent() string {
	if s == nil {
		return ""
	}
	if c := s.span.SpanContext(); !c.IsValid() || !c.IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpan(context.Background(), s.span), carrier)
	return carrier.Get(traceparent)
}

// Headers of W3C Trace Context.
const traceparent = "traceparent"

// Request begins the span of a request, in the trace that its caller names in
// traceparent if any.
func (t *Tracer) Request(r *http.Request) (*http.Request, *Span) {
	if t == nil {
		return r, nil
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.request.method", knownMethod(r.Method))))
	return r.WithContext(ctx), &Span{span}
}

// Answered ends the span of a request, by the route that it matched, with or without
// a method before it.
func (s *Span) Answered(method, pattern string, status int, requestID string) {
	if s == nil {
		return
	}
	if route := pattern[strings.IndexByte(pattern, ' ')+1:]; route != "" {
		s.span.SetName(knownMethod(method) + " " + route)
		s.span.SetAttributes(attribute.String("http.route", route))
	}
	problem := ""
	if status == 0 || status >= http.StatusInternalServerError {
		problem = http.StatusText(status)
	}
	s.End(problem, slog.Int("http.response.status_code", status), slog.String("refundry.request_id", requestID))
}

// Start begins a span within that of ctx; none where ctx has none.
func (t *Tracer) Start(ctx context.Context, name string, attributes ...slog.Attr) (context.Context, *Span) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithAttributes(attributesOf(attributes)...))
	return ctx, &Span{span}
}

// Follow begins the span of a call to another system, in the trace of what it
// follows from: parent is that span's Parent. None where parent is "".
func (t *Tracer) Follow(ctx context.Context, parent, name string, attributes ...slog.Attr) (context.Context, *Span) {
	if t == nil || parent == "" {
		return ctx, nil
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: parent})
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributesOf(attributes)...))
	return ctx, &Span{span}
}

// Inject adds the trace of ctx to the headers of a request to somebody else.
func (t *Tracer) Inject(ctx context.Context, header http.Header) {
	if t != nil {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
	}
}

func attributesOf(all []slog.Attr) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(all))
	for _, a := range all {
		switch a.Value.Kind() {
		case slog.KindInt64:
			out = append(out, attribute.Int64(a.Key, a.Value.Int64()))
		case slog.KindBool:
			out = append(out, attribute.Bool(a.Key, a.Value.Bool()))
		default:
			if text := a.Value.String(); text != "" {
				out = append(out, attribute.String(a.Key, text))
			}
		}
	}
	return out
}
