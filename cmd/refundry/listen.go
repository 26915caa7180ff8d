package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/wire/pemkey"
)

// listenCommand passes events on to a developer's machine.
type listenCommand struct {
	databaseFlags
	merchantFlags
	ForwardTo string `help:"Send each event there as a webhook of the native dialect, signed with the secret that is printed at the start." placeholder:"URL"`
	URL       string `name:"url" help:"A running service, such as https://refunds.example.com; default the local database." placeholder:"URL"`
	Key       string `help:"Native API key with the scope read, for --url." placeholder:"KEY" env:"REFUNDRY_API_KEY"`
	From      string `help:"Begin behind this cursor of GET /events, or with 'start' at the first event; default what comes from now on." placeholder:"CURSOR"`
	JSON      bool   `name:"json" help:"Print each event as a line of JSON on stdout."`
}

const (
	// listenPause is how often the local database is looked at.
	listenPause = 500 * time.Millisecond
	// listenWait is how long the service is asked to wait for an event, in seconds.
	listenWait = 20
	// forwardTimeout bounds one call of the developer's machine.
	forwardTimeout = 30 * time.Second
	// maxReconnect bounds the pause before a service that went away is asked again.
	maxReconnect = 10 * time.Second
	// maxFeedPage bounds an answer of the service, in bytes.
	maxFeedPage = 64 << 20
)

// heardEvent is an event on its way.
type heardEvent struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	body []byte
}

// eventSource reads a merchant's events in the order of their feed.
type eventSource interface {
	// read returns events behind a cursor and the cursor behind them; it waits for a
	// while if there are none, unless now is set.
	read(ctx context.Context, cursor string, limit int, now bool) (events []heardEvent, next string, err error)
}

func (c *listenCommand) Run(e *environment) error {
	if c.ForwardTo == "" && !c.JSON {
		return usageError{"listen needs --forward-to URL or --json"}
	}
	if c.ForwardTo != "" {
		to, err := url.Parse(c.ForwardTo)
		if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
			return usageError{"--forward-to is an http or https address"}
		}
	}
	source, done, err := c.source(e)
	if err != nil {
		return err
	}
	defer done()
	cursor, err := c.begin(e, source)
	if err != nil {
		return err
	}
	forward := forwarder{e: e, to: c.ForwardTo, secret: pemkey.NewWebhookSecret(), client: &http.Client{
		Timeout: forwardTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if c.ForwardTo != "" {
		e.say("events are sent to %s, signed with %s; Ctrl-C ends", c.ForwardTo, forward.secret)
	}
	return c.listen(e, source, cursor, forward)
}

// listen passes events on until the program is told to end.
func (c *listenCommand) listen(e *environment, source eventSource, cursor string, forward forwarder) error {
	for pause := time.Second; e.Err() == nil; {
		events, next, err := source.read(e, cursor, 100, false)
		if e.Err() != nil {
			break
		}
		if refused := (usageError{}); errors.As(err, &refused) {
			return err
		}
		if err != nil {
			e.say("no events: %v; trying again in %v", err, pause)
			select {
			case <-time.After(pause):
			case <-e.Done():
			}
			pause = min(2*pause, maxReconnect)
			continue
		}
		pause = time.Second
		for _, event := range events {
			if c.JSON {
				if _, err := fmt.Fprintf(e.out, "%s\n", bytes.TrimSpace(event.body)); err != nil {
					return err
				}
			}
			if c.ForwardTo != "" {
				forward.send(event)
			}
		}
		cursor = next
	}
	e.say("stopped; go on with --from %s", cursor)
	return nil
}

// source is the service or the database that is listened to.
func (c *listenCommand) source(e *environment) (eventSource, func(), error) {
	if c.URL != "" {
		if c.Key == "" {
			return nil, nil, usageError{"--url needs --key or REFUNDRY_API_KEY"}
		}
		return &serviceEvents{base: strings.TrimRight(c.URL, "/"), key: c.Key, client: &http.Client{Timeout: (listenWait + 20) * time.Second}}, func() {}, nil
	}
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return nil, nil, err
	}
	return &storedEvents{s, m}, s.Close, nil
}

// begin is the cursor to begin with: that of --from, else the feed's end, which is
// found by halving, as no list of it has to be read.
func (c *listenCommand) begin(e *environment, source eventSource) (string, error) {
	switch c.From {
	case "start":
		return "", nil
	case "":
	default:
		return c.From, nil
	}
	beyond := func(n int64) (bool, error) {
		events, _, err := source.read(e, native.FeedCursor(n), 1, true)
		return len(events) == 0, err
	}
	high := int64(1)
	for {
		over, err := beyond(high)
		if err != nil {
			return "", err
		}
		if over || high > 1<<60 {
			break
		}
		high *= 2
	}
	low := int64(0)
	for low < high {
		middle := low + (high-low)/2
		over, err := beyond(middle)
		if err != nil {
			return "", err
		}
		if over {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return native.FeedCursor(low), nil
}

// storedEvents are those of the local database.
type storedEvents struct {
	store *store.Store
	of    merchant.Merchant
}

func (s *storedEvents) read(ctx context.Context, cursor string, limit int, now bool) ([]heardEvent, string, error) {
	after, ok := native.ReadFeedCursor(cursor)
	if !ok {
		return nil, "", usageError{"--from is no cursor that GET /events gave"}
	}
	for {
		found, err := s.store.Feed(ctx, s.of.ID, after, limit)
		if err != nil {
			return nil, "", err
		}
		var events []heardEvent
		for _, one := range found {
			if after = one.FeedNumber; one.Unreadable {
				continue // its row is damaged; refundry verify names it
			}
			body, err := json.Marshal(native.EventJSON(service.Dialects(), one))
			if err != nil {
				return nil, "", fmt.Errorf("write event: %w", err)
			}
			events = append(events, heardEvent{one.ID, one.Type, body})
		}
		if len(events) > 0 || now {
			return events, native.FeedCursor(after), nil
		}
		select {
		case <-time.After(listenPause):
		case <-ctx.Done():
			return nil, cursor, ctx.Err()
		}
	}
}

// serviceEvents are those of a running service.
type serviceEvents struct {
	base, key string
	client    *http.Client
}

func (s *serviceEvents) read(ctx context.Context, cursor string, limit int, now bool) ([]heardEvent, string, error) {
	query := url.Values{"limit": {fmt.Sprint(limit)}}
	if cursor != "" {
		query.Set("after", cursor)
	}
	if !now {
		query.Set("wait", fmt.Sprint(listenWait))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/refundry/v1/events?"+query.Encode(), nil)
	if err != nil {
		return nil, "", usageError{"--url is no address"}
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	response, err := s.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxFeedPage))
	if err != nil {
		return nil, "", err
	}
	if response.StatusCode >= 400 && response.StatusCode < 500 {
		return nil, "", usageError{fmt.Sprintf("the service refuses: %s %s", response.Status, bytes.TrimSpace(text))}
	}
	var answer struct {
		Data []json.RawMessage `json:"data"`
		Next string            `json:"next"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || response.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("the service answers %s", response.Status)
	}
	events := make([]heardEvent, len(answer.Data))
	for n, body := range answer.Data {
		if err := json.Unmarshal(body, &events[n]); err != nil {
			return nil, "", fmt.Errorf("read event: %w", err)
		}
		events[n].body = body
	}
	return events, answer.Next, nil
}

// forwarder sends events to a developer's machine.
type forwarder struct {
	e          *environment
	to, secret string
	client     *http.Client
}

// send sends one event, once, and shows what was answered.
func (f forwarder) send(event heardEvent) {
	begun := time.Now()
	status, err := f.post(event)
	took := time.Since(begun).Round(time.Millisecond)
	if err != nil {
		f.e.say("%s %s -> %s", event.Type, event.ID, paint(f.e.color, f.e.err, red, err.Error()))
		return
	}
	color := green
	if !strings.HasPrefix(status, "2") {
		color = red
	}
	f.e.say("%s %s -> %s in %v", event.Type, event.ID, paint(f.e.color, f.e.err, color, status), took)
}

func (f forwarder) post(event heardEvent) (string, error) {
	key, err := pemkey.ParseWebhookSecret(f.secret)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(f.e, http.MethodPost, f.to, bytes.NewReader(event.body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Refundry")
	message := pemkey.Webhook{ID: event.ID, At: time.Now(), Body: event.body}
	message.Set(request.Header, message.SignHMAC(key))
	response, err := f.client.Do(request)
	if err != nil {
		return "", err
	}
	_ = response.Body.Close()
	return response.Status, nil
}
