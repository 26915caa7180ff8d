package service

import (
	"context"
	"errors"
	"log/slog"

	"github.com/refundry/refundry/refund"
)

// quietHandler is the log of the parts that ask the database. What fails because it
// can't be used is said once, by the store; the same from every loop and request
// would bury it, and is for debugging. An unknown outcome is always said.
type quietHandler struct{ slog.Handler }

func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	outage := false
	r.Attrs(func(a slog.Attr) bool {
		err, is := a.Value.Any().(error)
		outage = is && errors.Is(err, refund.ErrUnavailable) && refund.KindOf(err) != refund.KindUnknownOutcome
		return !outage
	})
	if outage {
		r.Level = slog.LevelDebug
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs)}
}

func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name)}
}
