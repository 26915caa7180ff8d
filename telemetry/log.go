package telemetry

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
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

// caller is who makes a request. It is noted by whoever finds that out, below
// the one who logs the request.
type caller struct {
	mu            sync.Mutex
	merchant, key string
}

type callerKey struct{}

// WithCaller makes a request's context one in which its caller can be noted.
func WithCaller(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, &caller{})
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

// callerHandler adds the caller to each line.
type callerHandler struct{ slog.Handler }

func (h callerHandler) Handle(ctx context.Context, r slog.Record) error {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		c.mu.Lock()
		merchant, key := c.merchant, c.key
		c.mu.Unlock()
		if merchant != "" {
			r.AddAttrs(slog.String("merchant_id", merchant))
		}
		if key != "" {
			r.AddAttrs(slog.String("key_id", key))
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h callerHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return callerHandler{h.Handler.WithAttrs(attrs)}
}

func (h callerHandler) WithGroup(name string) slog.Handler {
	return callerHandler{h.Handler.WithGroup(name)}
}
