package service

import (
	"context"
	"net/http"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

// Stores is the database as the parts that run see it.
type Stores struct {
	Intake  intake.Store
	Engine  engine.Store
	Webhook webhook.Store
}

// Simulated are what a simulation puts in the place of the world. The zero value
// is the world itself.
type Simulated struct {
	// Stores returns what the parts shall see of the database: the same with
	// faults; nil changes nothing.
	Stores func(Stores) Stores
	// Receivers is the network that webhooks go to; nil is this machine's.
	Receivers http.RoundTripper
	// Calls, Queue and Sends are how many calls to channels are under way, how many
	// refunds the engine holds and how many webhooks are under way; 0 is as many as
	// in production. A small service is full sooner.
	Calls, Queue, Sends int
	// Stepped leaves the loops out: what they do is done step by step (Steps), and
	// Abandon ends it.
	Stepped bool
}

func (s *Service) stores() Stores {
	all := Stores{s.Store, s.Store, s.Store}
	if s.opts.Simulated.Stores != nil {
		all = s.opts.Simulated.Stores(all)
	}
	return all
}

// receivers is the client that calls webhooks' receivers.
func (s *Service) receivers() *http.Client {
	if s.opts.Simulated.Receivers != nil {
		return &http.Client{Transport: s.opts.Simulated.Receivers}
	}
	return egress.Client(s.opts.EgressAllow, deliveryTimeout)
}

// Busy reports whether anything is under way that will change the database by
// itself: requests, calls to channels, webhooks.
func (s *Service) Busy() bool {
	return s.intake.Waiting() > 0 || s.bulk.Busy() || s.engine.Busy() || s.webhooks.Busy()
}

// NextDue is when something in the database is due next, which may be over; zero is
// never.
func (s *Service) NextDue(ctx context.Context) (time.Time, error) { return s.Store.NextDue(ctx) }

// ClockMoved has every loop look at the clock again.
func (s *Service) ClockMoved() {
	s.engine.ClockMoved()
	s.webhooks.Wake()
	s.bulk.Wake()
}

// The following are for who drives a service without loops.

// Admin are the operator's use cases, by the service's clock.
func (s *Service) Admin() *admin.Admin { return s.admin }

// Accept takes a unit to the intake, as a dialect does; it returns when a step has
// committed it.
func (s *Service) Accept(ctx context.Context, unit refund.Unit) (intake.Result, error) {
	return s.acceptor.Accept(ctx, unit, 0)
}

// Sandbox is the channel of test mode.
func (s *Service) Sandbox() *sandbox.Sandbox { return s.sandbox }
