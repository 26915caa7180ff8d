package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// fanOutMerchants and fanOutEvents bound one step of the fan-out; each
	// event may become as many deliveries as the merchant has endpoints.
	fanOutMerchants = 64
	fanOutEvents    = 512
	// fanOutRounds is how often a merchant with more than that has its turn
	// before the next one: others must not wait for a whole import.
	fanOutRounds = 8
	// fanOutPages bounds the merchants that one step passes over because they
	// are left alone for a while.
	fanOutPages = 64
	// fanOutTimeout bounds one merchant's turn, so that others have theirs.
	// What it covers takes milliseconds.
	fanOutTimeout = 10 * time.Second
	// maxFanOutPause bounds how long a merchant is left alone whose fan-out
	// fails: a database that was away for a moment costs a second, and what
	// stays broken a try each minute.
	maxFanOutPause = time.Minute
)

// StepFanOut gives new events their feed numbers and writes their deliveries,
// one transaction per merchant. It returns how many events it took. Merchants
// take turns: nobody is served twice before everybody was served once. One
// whose turn fails is left alone for a while, and logged; the error that is
// returned is about all of them.
func (s *Sender) StepFanOut(ctx context.Context) (int, error) {
	total, served, facts := 0, 0, s.newFacts()
	start := s.turn
	again := start == "" // the list has begun at its first merchant
	for range fanOutPages {
		merchants, err := s.store.MerchantsWithNewEvents(ctx, s.turn, fanOutMerchants)
		if err != nil {
			return total, err
		}
		for _, merchantID := range merchants {
			if again && start != "" && merchantID > start {
				return total, nil // everybody has had a turn
			}
			s.turn = merchantID
			if s.pauses.waits(merchantID, s.now()) != nil {
				continue
			}
			taken, err := s.serve(ctx, facts, merchantID)
			if total += taken; err != nil {
				return total, err
			}
			if served++; served == fanOutMerchants {
				return total, nil
			}
		}
		if len(merchants) == fanOutMerchants {
			continue
		}
		s.turn = ""
		if again {
			break
		}
		again = true
	}
	return total, nil
}

// serve is one merchant's turn. It returns how many events it took. An error is
// about all merchants: the database can't be used.
func (s *Sender) serve(ctx context.Context, facts *facts, merchantID string) (int, error) {
	limited, cancel := context.WithTimeout(ctx, fanOutTimeout)
	defer cancel()
	total := 0
	for range fanOutRounds {
		taken, err := s.fanOut(limited, facts, merchantID)
		total += taken
		switch {
		case err != nil && ctx.Err() != nil: // the sender is stopping
			return total, nil
		case errors.Is(err, refund.ErrUnavailable):
			return total, err
		case err != nil:
			wait := s.pauses.failed(merchantID, s.now(), err)
			s.opts.Log.Error("webhooks: the fan-out of a merchant's events failed, trying again", "merchant_id", merchantID, "wait", wait, "error", err)
			return total, nil
		}
		if taken < fanOutEvents {
			break
		}
	}
	s.pauses.succeeded(merchantID)
	return total, nil
}

// fanOut takes some events of a merchant over. Everything that they need is
// read and rendered before the transaction, which others wait for.
func (s *Sender) fanOut(ctx context.Context, facts *facts, merchantID string) (int, error) {
	news, err := s.store.News(ctx, merchantID, fanOutEvents)
	if err != nil || len(news.Events) == 0 {
		return 0, err
	}
	p := s.plan(ctx, facts, news)
	done, err := s.store.FanOut(ctx, news, p.deliveries)
	if err != nil || !done {
		// If only the commit's result is unknown, what was claimed here comes
		// back from the database when its lease has run out.
		return 0, err
	}
	s.queue.put(p.claimed)
	if p.left {
		s.behind.Store(true)
	}
	taken := 0
	for _, event := range news.Events {
		if event.Kind != AboutBatch {
			taken++
		}
	}
	return taken, nil
}
