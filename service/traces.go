package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/telemetry"
)

// acceptor is the intake; what it accepted left events, which the webhooks'
// fan-out numbers at once instead of at its next look.
type acceptor struct {
	*intake.Intake
	metrics *telemetry.Metrics
	tracer  *telemetry.Tracer
	wake    func()
}

// Accept implements dialect.Acceptor.
func (a acceptor) Accept(ctx context.Context, unit refund.Unit, wait time.Duration) (intake.Result, error) {
	ctx, span := a.tracer.Start(ctx, "commit refunds", slog.String("refundry.merchant_id", unit.MerchantID), slog.String("refundry.dialect", unit.By.Dialect))
	if span != nil {
		// What becomes of the refunds later, in whichever process, is found by it.
		unit.By.Trace = span.Parent()
		ctx = context.WithValue(ctx, commitSpan{}, span)
	}
	result, err := a.Intake.Accept(ctx, unit, wait)
	if err == nil {
		refund.Committed(ctx)
	} else if refund.As(err) != nil && (unit.ByName == nil || !dialect.ReadFirst(err)) {
		a.metrics.Refused(unit.By.Dialect, string(refund.KindOf(err)))
	}
	if err == nil && !result.Repeated {
		a.metrics.Accepted(unit.By.Dialect, len(result.Refunds))
		a.wake()
	}
	return result, err
}

// commitSpan is the key of the span that ends with a unit's commit.
type commitSpan struct{}

// committed ends the spans of commits; nil where nothing is traced.
func (s *Service) committed() func(context.Context, []refund.Refund, error) {
	if s.opts.Tracer == nil {
		return nil
	}
	return func(ctx context.Context, refunds []refund.Refund, err error) {
		span, _ := ctx.Value(commitSpan{}).(*telemetry.Span)
		problem := ""
		if err != nil && !errors.Is(err, dialect.ErrReadFirst) { // that is asked for once more
			problem = string(refund.KindOf(err))
		}
		first := ""
		if len(refunds) > 0 {
			first = refunds[0].ID
		}
		span.End(problem, slog.String("refundry.refund_id", first), slog.Int("refundry.refunds", len(refunds)))
	}
}

// traceCall begins the span of a call to a channel.
func (s *Service) traceCall(ctx context.Context, r refund.Refund, channel string, step refund.Step) (context.Context, func(refund.OutcomeKind)) {
	ctx, span := s.opts.Tracer.Follow(ctx, r.By.Trace, "channel "+string(step),
		slog.String("refundry.channel", channel), slog.String("refundry.channel_account", r.ChannelAccount), slog.String("refundry.step", string(step)),
		slog.String("refundry.merchant_id", r.MerchantID), slog.String("refundry.refund_id", r.ID))
	return ctx, func(kind refund.OutcomeKind) {
		problem := ""
		if kind == refund.OutcomeUnknown {
			problem = string(kind)
		}
		span.End(problem, slog.String("refundry.outcome", string(kind)))
	}
}

// traceDelivery begins the span of one try of a webhook, in the trace of the refund
// that it is about. That costs one read more for each try, which is why there is
// none while nothing is traced.
func (s *Service) traceDelivery(ctx context.Context, d merchant.Delivery) (context.Context, func(merchant.DeliveryAttempt)) {
	event, _, err := s.Store.Subject(ctx, d)
	if err != nil {
		return ctx, func(merchant.DeliveryAttempt) {} // it is sent all the same
	}
	ctx, span := s.opts.Tracer.Follow(ctx, event.Refund.By.Trace, "webhook",
		slog.String("refundry.dialect", d.Dialect), slog.String("refundry.merchant_id", d.MerchantID), slog.String("refundry.refund_id", event.Refund.ID),
		slog.String("refundry.event_id", d.EventID), slog.String("refundry.event_type", event.Type), slog.String("refundry.delivery_id", d.ID), slog.String("server.address", d.Host))
	return ctx, func(a merchant.DeliveryAttempt) {
		problem := ""
		switch {
		case a.Dead:
			problem = "dead"
		case !a.Delivered:
			problem = "retry"
		}
		span.End(problem, slog.Int("http.response.status_code", a.Status), slog.Int64("refundry.try", d.Attempts+1))
	}
}
