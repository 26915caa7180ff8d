package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
)

// mostRenderTries is how often a merchant's fan-out may fail in a row because
// an event could not be rendered, once a second or faster, before that event's
// delivery is written as dead: one bad event must not stop a feed for ever.
const mostRenderTries = 20

// StepFanOut gives new events their feed numbers and writes their deliveries,
// one transaction per merchant. It gives how many events it took. When one
// merchant's fails the others' are done all the same.
func (s *Sender) StepFanOut(ctx context.Context) (int, error) {
	merchants, err := s.store.MerchantsWithNewEvents(ctx, fanOutMerchants)
	if err != nil {
		return 0, err
	}
	total := 0
	var problems error
	for _, merchantID := range merchants {
		for range fanOutRounds {
			taken, err := s.fanOut(ctx, merchantID)
			total += taken
			if err != nil {
				problems = errors.Join(problems, fmt.Errorf("fan out events of merchant %s: %w", merchantID, err))
			}
			if taken < fanOutEvents {
				break
			}
		}
	}
	return total, problems
}

func (s *Sender) fanOut(ctx context.Context, merchantID string) (int, error) {
	var p planning
	taken, err := s.store.FanOut(ctx, merchantID, fanOutEvents, func(events []Event, endpoints []merchant.Endpoint) ([]merchant.Delivery, error) {
		p = planning{sender: s, now: s.now(), fits: s.queue.roomAt(), giveUp: s.failures[merchantID] >= mostRenderTries}
		return p.plan(ctx, events, endpoints)
	})
	if p.failed {
		s.failures[merchantID]++
	}
	if err != nil {
		// If only the commit's result is unknown, what was claimed here comes
		// back from the database when its lease has run out.
		return 0, err
	}
	delete(s.failures, merchantID)
	s.queue.put(p.claimed)
	if p.left {
		s.behind.Store(true)
	}
	return taken, nil
}

// planning makes one transaction's deliveries.
type planning struct {
	sender  *Sender
	now     time.Time
	fits    func(host string) bool
	giveUp  bool // what can't be rendered is dead
	claimed []merchant.Delivery
	left    bool // some found no room in memory
	failed  bool
}

func (p *planning) plan(ctx context.Context, events []Event, endpoints []merchant.Endpoint) ([]merchant.Delivery, error) {
	var deliveries []merchant.Delivery
	for _, event := range events {
		var told []telling
		for _, endpoint := range append(p.sender.addresses(event), endpoints...) {
			renderer, ok := p.sender.renderers[endpoint.Dialect]
			if !ok || !renderer.Subscribed(endpoint, event) {
				continue
			}
			for _, wait := range waits(renderer, event) {
				told = append(told, telling{endpoint, wait})
			}
		}
		event.Pending = len(told)
		for _, one := range told {
			d, err := p.delivery(ctx, event, one)
			if err != nil {
				return nil, err
			}
			deliveries = append(deliveries, d)
		}
	}
	return deliveries, nil
}

// telling is one delivery of an event: to whom, and how long it is put off.
type telling struct {
	endpoint merchant.Endpoint
	wait     time.Duration
}

// waits are those of an event's deliveries to an address.
func waits(renderer Renderer, event Event) []time.Duration {
	if repeater, repeats := renderer.(Repeater); repeats {
		if waits := repeater.Waits(event); waits != nil {
			return waits
		}
	}
	return []time.Duration{0}
}

// delivery makes one, claimed for this process if it is due and there is room
// for it.
func (p *planning) delivery(ctx context.Context, event Event, one telling) (merchant.Delivery, error) {
	endpoint := one.endpoint
	renderer := p.sender.renderers[endpoint.Dialect]
	d := merchant.Delivery{
		MerchantID: event.MerchantID, ID: p.sender.opts.NewID(p.now), CreatedAt: p.now, EventID: event.ID,
		EndpointID: endpoint.ID, Dialect: endpoint.Dialect, URL: endpoint.URL, Host: hostOf(endpoint.URL), DueAt: p.now.Add(one.wait),
	}
	var err error
	if d.KeyID, err = renderer.KeyID(ctx, endpoint); err != nil {
		return merchant.Delivery{}, fmt.Errorf("find key of %s: %w", endpoint.Dialect, err)
	}
	if d.Body, err = renderer.Render(ctx, endpoint, event); err == nil {
		d.URL, err = addressed(renderer, endpoint, event)
	}
	if err != nil {
		p.failed = true
		if !p.giveUp {
			return merchant.Delivery{}, fmt.Errorf("render event %s for %s: %w", event.ID, endpoint.Dialect, err)
		}
		p.sender.opts.Log.Error("webhooks: an event can't be rendered; its delivery is dead", "merchant", event.MerchantID,
			"event", event.ID, "dialect", endpoint.Dialect, "error", err)
		d.Body, d.Dead, d.Error = []byte{}, true, bounded(err.Error())
		return d, nil
	}
	if d.Body == nil {
		d.Body = []byte{} // what is told by GET has none
	}
	if one.wait > 0 {
		return d, nil // found again when it is due
	}
	if !p.fits(d.Host) {
		p.left = true
		return d, nil
	}
	d.LeaseEpoch, d.LeaseUntil, d.DueAt = 1, p.now.Add(lease), p.now.Add(lease)
	p.claimed = append(p.claimed, d)
	return d, nil
}

// addressed is where the event is told: the endpoint's address, with what a
// dialect that tells by GET adds to it.
func addressed(renderer Renderer, endpoint merchant.Endpoint, event Event) (string, error) {
	if getter, gets := renderer.(Getter); gets {
		return getter.Address(endpoint, event)
	}
	return endpoint.URL, nil
}

// addresses are those that came with an event's refund or charge, in the order
// of the dialects' names.
func (s *Sender) addresses(event Event) []merchant.Endpoint {
	var found []merchant.Endpoint
	for _, name := range slices.Sorted(maps.Keys(s.renderers)) {
		if addresser, ok := s.renderers[name].(Addresser); ok {
			found = append(found, addresser.Addresses(event)...)
		}
	}
	return found
}

// hostOf is the host and port of an address, "" for one that is none: trying
// it will say so.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}
