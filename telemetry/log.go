package telemetry

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// NewLog makes the log. Lines of a request say whose it is, as soon as that is
// known; in JSON a duration is a number of milliseconds, under a name that
// says so (took_ms), since bare nanoseconds mean nothing to whoever reads them.
func NewLog(to io.Writer, level slog.Level, asJSON bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if !asJSON {
		return slog.New(callerHandler{slog.NewTextHandler(to, options)})
	}
	options.ReplaceAttr = milliseconds
	return slog.New(callerHandler{slog.NewJSONHandler(to, options)})
}

func milliseconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindDuration {
		return a
	}
	return slog.Float64(a.Key+"_ms", float64(a.Value.Duration())/float64(time.Millisecond))
}

// caller is who makes a request, and what the request is called. It is noted by
// whoever finds that out, below the one who logs the request.
type caller struct {
	newID func() string

	mu                       sync.Mutex
	merchant, key, id, route string
}

func (c *caller) requestID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id == "" && c.newID != nil {
		c.id = c.newID()
	}
	return c.id
}

type callerKey struct{}

// WithCaller makes a request's context one in which its caller and its id can be
// noted. newID makes the id of a request that nobody gave one.
func WithCaller(ctx context.Context, newID func() string) context.Context {
	return context.WithValue(ctx, callerKey{}, &caller{newID: newID})
}

// NoteRequest notes what a request is called.
func NoteRequest(ctx context.Context, id string) {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.id = id
	}
}

// NoteRoute notes the route of a request, as in the contract of its API. A mux of
// ours knows the beginning of the path alone.
func NoteRoute(ctx context.Context, route string) {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.route = route
	}
}

// RouteOf is the route of the request of ctx; pattern, which the mux matched, where
// nobody noted one.
func RouteOf(ctx context.Context, pattern string) string {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.route != "" {
			return c.route
		}
	}
	return pattern
}

// RequestID is what the request of ctx is called, "" where ctx is of none.
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.requestID()
	}
	return ""
}

// NoteCaller notes the merchant of a request and the id of its key; "" leaves
// what was noted of the merchant's key.
func NoteCaller(ctx context.Context, merchant, key string) {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.merchant != merchant || key != "" {
			c.merchant, c.key = merchant, key
		}
	}
}

// callerHandler adds the caller, the request's id and the trace to each line.
type callerHandler struct{ slog.Handler }

func (h callerHandler) Handle(ctx context.Context, r slog.Record) error {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		if !says(r, attrRequestID) {
			r.AddAttrs(slog.String(attrRequestID, c.requestID()))
		}
		c.mu.Lock()
		merchant, key := c.merchant, c.key
		c.mu.Unlock()
		if merchant != "" && !says(r, attrMerchantID) {
			r.AddAttrs(slog.String(attrMerchantID, merchant))
		}
		if key != "" {
			r.AddAttrs(slog.String("key_id", key))
		}
	}
	if at := trace.SpanContextFromContext(ctx); at.IsValid() {
		r.AddAttrs(slog.String("trace_id", at.TraceID().String()), slog.String("span_id", at.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// Names in log lines that whoever logs may give as well.
const (
	attrRequestID  = "request_id"
	attrMerchantID = "merchant_id"
)

// says reports whether a line has an attribute already.
func says(r slog.Record, name string) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		found = a.Key == name
		return !found
	})
	return found
}

func (h callerHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return callerHandler{h.Handler.WithAttrs(attrs)}
}

func (h callerHandler) WithGroup(name string) slog.Handler {
	return callerHandler{h.Handler.WithGroup(name)}
}
