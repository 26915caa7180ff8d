package service

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

// postgresBatches is how many batches of the intake are under way at once on
// PostgreSQL, which commits several as fast as one. SQLite has one writer.
const postgresBatches = 4

func (s *Service) intakeWorkers() int {
	if s.Store.SQLite() {
		return 1
	}
	return postgresBatches
}

func (s *Service) engineOptions(drivers map[string]channel.Driver) engine.Options {
	metrics := s.opts.Metrics
	options := engine.Options{
		Now: s.clock.now, Log: s.opts.Log, Workers: s.opts.Simulated.Calls, Queue: s.opts.Simulated.Queue,
		Alert:   func(refund.Alert) { metrics.Alert() },
		Jitter:  func(wait time.Duration) time.Duration { return rand.N(max(1, wait/10)) },
		Observe: func(c engine.Call) { metrics.Call(channelLabel(c.Channel), string(c.Step), string(c.Outcome), c.Took) },
		// What was recorded left events.
		Recorded: func() {
			if s.webhooks != nil { // commands have none
				s.webhooks.Wake()
			}
		},
	}
	if s.opts.Tracer != nil {
		options.Trace = s.traceCall
	}
	if !s.Store.SQLite() { // where this process is the only one
		options.Turns = s.Store
	}
	if s.opts.Simulated.Stepped {
		options.Jitter = nil // its randomness is not the simulation's
	}
	for _, name := range slices.Sorted(maps.Keys(drivers)) {
		if notifier, ok := drivers[name].(channel.Notifier); ok {
			options.Notifiers = append(options.Notifiers, notifier)
		}
	}
	return options
}

func (s *Service) webhookOptions() webhook.Options {
	plain := egress.PlainClient(s.opts.EgressAllow, deliveryTimeout)
	options := webhook.Options{Now: s.clock.now, Log: s.opts.Log, Plain: plain, Workers: s.opts.Simulated.Sends, Observe: func(a merchant.DeliveryAttempt) {
		result := "retry"
		switch {
		case a.Delivered:
			result = "delivered"
		case a.Dead:
			result = "dead"
		}
		s.opts.Metrics.Delivery(a.Delivery.Dialect, result, a.Duration)
	}}
	if s.opts.Tracer != nil {
		options.Trace, options.Inject = s.traceDelivery, s.opts.Tracer.Inject
	}
	return options
}

func (s *Service) nativeServices() native.Services {
	return native.Services{
		Admin: s.admin, Directory: directory{s.Store}, Dialects: s.dialects(), Reader: s.Store, Registrar: s.Store, Acceptor: s.acceptor, Payments: payments{s},
		Searcher: s.Store, Audit: s.Store, Alerts: s.Store, Notices: s.Store, Traces: s.Store, Queues: s.Store, Disputes: s.Store, Overviews: overviews{s},
		Sandbox: s.sandbox, Resetter: s, Endpoints: s.Store, Deliveries: s.Store, Merchants: s.Store, Writes: s.Store, Rules: s.Store.RuleBook,
		Wake: s.wake, Now: s.clock.now, Log: s.opts.Log,
	}
}

// egressCheck reports whether an address that a merchant chose may be called.
func (s *Service) egressCheck(url string) error {
	return egress.Check(url, s.opts.EgressAllow)
}

// notifyCheck is egressCheck for addresses that come with a refund request:
// plain http only where the operator allows it (docs/rules/wechatpay.md,
// W2.1-17).
func (s *Service) notifyCheck(url string) error {
	if strings.HasPrefix(strings.ToLower(url), "http:") {
		return egress.CheckPlain(url, s.opts.EgressAllow)
	}
	return s.egressCheck(url)
}

// observeQueues shows how long the queues are.
func (s *Service) observeQueues() {
	depth := func(which int) func() float64 {
		return func() float64 {
			queued, calling, unrecorded := s.engine.Depth()
			return float64([]int{queued, calling, unrecorded}[which])
		}
	}
	s.opts.Metrics.Gauge("intake_oldest_seconds", "How long the oldest request has waited for its commit.", func() float64 { return s.intake.Oldest().Seconds() })
	s.opts.Metrics.Gauge("intake_waiting", "Units of refund requests that wait for a commit.", func() float64 { return float64(s.intake.Waiting()) })
	s.opts.Metrics.Gauge("engine_queued", "Refunds in memory that wait for their call to a channel.", depth(0))
	s.opts.Metrics.Gauge("engine_calling", "Calls to channels that are under way.", depth(1))
	s.opts.Metrics.Gauge("engine_unrecorded", "Outcomes that wait to be recorded.", depth(2))
	waits := func(which func(engine.Waits) time.Duration) func() float64 {
		return func() float64 { return which(s.engine.Waits()).Seconds() }
	}
	s.opts.Metrics.Gauge("engine_oldest_due_seconds", "How long the oldest due refund has waited to be claimed.", waits(func(w engine.Waits) time.Duration { return w.Due }))
	s.opts.Metrics.Gauge("engine_oldest_queued_seconds", "How long the oldest claimed refund has waited for its call.", waits(func(w engine.Waits) time.Duration { return w.Queued }))
	s.opts.Metrics.Gauge("engine_oldest_call_seconds", "How long the oldest call to a channel has been under way.", waits(func(w engine.Waits) time.Duration { return w.Calling }))
	s.opts.Metrics.Gauge("engine_oldest_unrecorded_seconds", "How long the oldest outcome has waited to be recorded.", waits(func(w engine.Waits) time.Duration { return w.Unrecorded }))
	s.opts.Metrics.Counter("engine_set_apart_total", "Refunds that could not be claimed or recorded and were left alone for a while.", func() float64 { return float64(s.engine.SetAside()) })
	lanes := func(which int) func() float64 {
		return func() float64 {
			known, ready := s.engine.Lanes()
			return float64([]int{known, ready}[which])
		}
	}
	s.opts.Metrics.Gauge("engine_lanes", "Channel accounts that the engine has something to remember of.", lanes(0))
	s.opts.Metrics.Gauge("engine_ready_lanes", "Channel accounts with refunds in memory that wait for their call.", lanes(1))
	s.opts.Metrics.Gauge("engine_unanswered_accounts", "Channel accounts that answer no call and are left alone for a while.", func() float64 { return float64(s.engine.Unanswered()) })
}

// notifyURL is where a channel sends the notices of an account; "" while the
// service does not know its public address.
func (s *Service) notifyURL(channel, account string) string {
	if s.opts.PublicURL == "" {
		return ""
	}
	return strings.TrimSuffix(s.opts.PublicURL, "/") + "/notify/" + channel + "/" + account
}
