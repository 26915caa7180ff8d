package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/merchant"
)

// planning makes the deliveries of one merchant's new events. Whatever fails
// is kept in the delivery that it belongs to.
type planning struct {
	sender     *Sender
	now        time.Time
	facts      *facts
	fits       func(place) bool
	deliveries []merchant.Delivery
	claimed    []merchant.Delivery // those of them that this process sends
	left       bool                // some found no room in memory
}

func (s *Sender) plan(ctx context.Context, facts *facts, news News) planning {
	p := planning{sender: s, now: s.now(), facts: facts, fits: s.queue.fits()}
	for _, event := range news.Events {
		targets := p.targets(ctx, event, news.Endpoints)
		event.Pending = len(targets)
		for _, one := range targets {
			p.add(ctx, event, one)
		}
	}
	return p
}

// target is one delivery of an event: to whom, and how long it is put off.
type target struct {
	endpoint merchant.Endpoint
	wait     time.Duration
}

// targets are those that an event is sent to. Of an event that could not be
// read that is every endpoint, until it can be read.
func (p *planning) targets(ctx context.Context, event Event, endpoints []merchant.Endpoint) []target {
	s := p.sender
	var found []target
	for _, endpoint := range append(s.addresses(event), endpoints...) {
		renderer, ok := s.renderers[endpoint.Dialect]
		switch {
		case !ok:
		case event.Err != nil:
			found = append(found, target{endpoint, 0})
		case s.subscribed(p.facts.of(ctx, event.MerchantID, endpoint.Dialect).known, endpoint, event):
			for _, wait := range s.waits(renderer, event) {
				found = append(found, target{endpoint, wait})
			}
		}
	}
	return found
}

// add makes one delivery, claimed for this process if it is due and there is
// room for it.
func (p *planning) add(ctx context.Context, event Event, to target) {
	s, endpoint := p.sender, to.endpoint
	d := merchant.Delivery{
		MerchantID: event.MerchantID, ID: s.opts.NewID(p.now), CreatedAt: p.now, EventID: event.ID, EndpointID: endpoint.ID,
		Dialect: endpoint.Dialect, URL: endpoint.URL, Host: hostOf(endpoint.URL), Body: []byte{}, DueAt: p.now.Add(to.wait),
	}
	err := s.render(ctx, p.facts, &d, endpoint, event)
	switch {
	case err != nil:
		s.opts.Log.Error("webhooks: a delivery can't be made and will be tried again", "merchant_id", d.MerchantID, "event_id", d.EventID,
			"delivery", d.ID, "dialect", d.Dialect, "error", err)
		d.Problem, d.MakeAt = bounded(err.Error()), d.DueAt.Add(firstMakePause)
	case to.wait > 0: // found again when it is due
	default:
		p.claim(&d)
	}
	p.deliveries = append(p.deliveries, d)
}

// claim has this process send a delivery that is due, if its host is not left
// alone and there is room for it.
func (p *planning) claim(d *merchant.Delivery) {
	breakers, at := p.sender.breakers, placeOf(*d)
	switch until, open := breakers.open(at, p.now); {
	case open:
		d.DueAt = until
	case !p.fits(at):
		p.left = true
	default:
		breakers.begin(at, p.now)
		d.LeaseEpoch, d.LeaseUntil, d.DueAt = 1, p.now.Add(lease), p.now.Add(lease)
		p.claimed = append(p.claimed, *d)
	}
}

// render makes a delivery's key, address and body, or changes nothing.
func (s *Sender) render(ctx context.Context, facts *facts, d *merchant.Delivery, endpoint merchant.Endpoint, event Event) error {
	if event.Err != nil {
		return fmt.Errorf("read event: %w", event.Err)
	}
	fact := facts.of(ctx, d.MerchantID, d.Dialect)
	if fact.err != nil {
		return fmt.Errorf("read keys and settings: %w", fact.err)
	}
	var message Message
	err := s.guard(func() (err error) {
		message, err = s.renderers[d.Dialect].Render(fact.known, endpoint, event)
		return err
	})
	if err != nil {
		return err
	}
	// What the database can't hold would fail with everything beside it.
	if text := message.KeyID + message.URL; !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return errors.New("the key's name or the address is no text")
	}
	d.KeyID, d.Body = message.KeyID, message.Body
	if d.Body == nil {
		d.Body = []byte{}
	}
	if message.URL != "" {
		d.URL, d.Host = message.URL, hostOf(message.URL)
	}
	return nil
}

// guard runs a dialect's code on what others sent. A panic must not end the
// process, which would meet the same event at its next start.
func (s *Sender) guard(work func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			s.opts.Log.Error("webhooks: a dialect panicked", "panic", value, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	return work()
}

// subscribed asks an endpoint's dialect. What it can't say is asked once more
// when the delivery is made.
func (s *Sender) subscribed(known Known, endpoint merchant.Endpoint, event Event) bool {
	var is bool
	err := s.guard(func() error {
		is = s.renderers[endpoint.Dialect].Subscribed(known, endpoint, event)
		return nil
	})
	return is || err != nil
}

// waits are those of an event's deliveries to an address.
func (s *Sender) waits(renderer Renderer, event Event) []time.Duration {
	repeater, repeats := renderer.(Repeater)
	if !repeats {
		return []time.Duration{0}
	}
	var found []time.Duration
	err := s.guard(func() error {
		found = repeater.Waits(event)
		return nil
	})
	if err != nil || found == nil {
		return []time.Duration{0}
	}
	return found
}

// addresses are those that came with an event's refund or charge, in the order
// of the dialects' names.
func (s *Sender) addresses(event Event) []merchant.Endpoint {
	if event.Err != nil {
		return nil
	}
	var found []merchant.Endpoint
	for _, addresser := range s.addressers {
		_ = s.guard(func() error { // logged
			found = append(found, addresser.Addresses(event)...)
			return nil
		})
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
