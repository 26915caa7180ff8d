package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	// makeAtOnce bounds the deliveries of one step.
	makeAtOnce = 32
	// firstMakePause and maxMakePause bound the pause before a delivery is
	// made again. It is as long as the delivery is old: what fails for a
	// moment costs a second, and what a person must mend is made a quarter of
	// an hour later at the latest.
	firstMakePause = time.Second
	maxMakePause   = 15 * time.Minute
	// maxUnmadeAge is when a delivery that can't be made is dead: about as
	// long as the longest schedule goes on with one that nobody takes.
	maxUnmadeAge = 72 * time.Hour
)

var (
	// errWithdrawn says that an address is not to be notified after all.
	errWithdrawn = errors.New("the address is not subscribed to the event")
	// errGone says that the delivery can never be made.
	errGone = errors.New("it has no subject any more")
)

// StepMake makes deliveries that could not be made before. It returns how many
// it looked at.
func (s *Sender) StepMake(ctx context.Context) (int, error) {
	unmade, err := s.store.Unmade(ctx, s.now(), makeAtOnce)
	if err != nil || len(unmade) == 0 {
		return 0, err
	}
	facts := s.newFacts()
	var makings []Making
	for _, d := range unmade {
		if m, ok := s.make(ctx, facts, d); ok {
			makings = append(makings, m)
		}
	}
	if err := s.store.SaveMakings(ctx, makings); err != nil {
		return 0, err
	}
	for _, m := range makings {
		s.report(m)
	}
	return len(makings), nil
}

// make makes one, or says what becomes of it; ok is false if it is left as it
// is for the next step.
func (s *Sender) make(ctx context.Context, facts *facts, d merchant.Delivery) (m Making, ok bool) {
	now := s.now()
	m = Making{Delivery: d, Before: d.MakeAt, At: now}
	err := s.remake(ctx, facts, &m.Delivery)
	m.Delivery.MakeAt = time.Time{}
	switch {
	case err == nil:
		m.Delivery.Problem, m.Delivery.DueAt = "", now
		return m, true
	case errors.Is(err, errWithdrawn):
		m.Withdrawn = true
		return m, true
	case errors.Is(err, errLater):
		return m, false
	}
	m.Delivery.Problem = bounded(err.Error())
	age := now.Sub(d.CreatedAt)
	if !errors.Is(err, errGone) && age < maxUnmadeAge {
		m.Delivery.MakeAt = now.Add(min(max(age, firstMakePause), maxMakePause))
	}
	return m, true
}

// remake renders a delivery as the fan-out would have.
func (s *Sender) remake(ctx context.Context, facts *facts, d *merchant.Delivery) error {
	if _, known := s.renderers[d.Dialect]; !known {
		return errors.New("this program does not know the dialect")
	}
	event, endpoint, err := s.store.Subject(ctx, *d)
	switch {
	case refund.KindOf(err) == refund.KindNotFound:
		return fmt.Errorf("%w: %w", errGone, err)
	case err != nil:
		return err
	}
	if d.EndpointID == "" {
		addresses := s.addresses(event)
		at := slices.IndexFunc(addresses, func(e merchant.Endpoint) bool { return e.Dialect == d.Dialect && e.URL == d.URL })
		if at < 0 {
			return errWithdrawn
		}
		endpoint = addresses[at]
	}
	fact := facts.of(ctx, d.MerchantID, d.Dialect)
	if fact.err == nil && !s.subscribed(fact.known, endpoint, event) {
		return errWithdrawn
	}
	return s.render(ctx, facts, d, endpoint, event)
}

// report logs what came of a delivery that an operator may have seen waiting.
func (s *Sender) report(m Making) {
	d := m.Delivery
	switch {
	case m.Withdrawn:
		s.opts.Log.Info("webhooks: a delivery that could not be made is withdrawn; its address is not subscribed", "merchant_id", d.MerchantID, "delivery_id", d.ID, "event_id", d.EventID)
	case d.Problem == "":
		s.opts.Log.Info("webhooks: a delivery that could not be made was made", "merchant_id", d.MerchantID, "delivery_id", d.ID, "event_id", d.EventID)
	case d.MakeAt.IsZero():
		s.opts.Log.Warn("webhooks: a delivery is dead: it could not be made", "merchant_id", d.MerchantID, "delivery_id", d.ID, "event_id", d.EventID,
			"dialect", d.Dialect, "error", d.Problem)
		if s.opts.Observe != nil {
			s.opts.Observe(merchant.DeliveryAttempt{Delivery: d, At: m.At, Error: d.Problem, Dead: true})
		}
	}
}
