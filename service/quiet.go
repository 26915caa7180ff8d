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
type quietHandler struct {
	slog.Handler
	outage func() bool // there is one now
}

func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	of := false
	r.Attrs(func(a slog.Attr) bool {
		err, is := a.Value.Any().(error)
		of = is && h.ofOutage(err)
		return !of
	})
	if of {
		r.Level = slog.LevelDebug
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// ofOutage reports whether an error is of an outage: said so, or of something
// that got no answer in its time while there is one.
func (h quietHandler) ofOutage(err error) bool {
	switch {
	case refund.KindOf(err) == refund.KindUnknownOutcome:
		return false
	case errors.Is(err, refund.ErrUnavailable):
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) && h.outage()
}

func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs), h.outage}
}

func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name), h.outage}
}

// outage reports whether the database can't be used now.
func (s *Service) outage() bool { return s.Store != nil && s.Store.Down() != nil }
