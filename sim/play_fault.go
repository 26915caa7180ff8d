package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/webhook"
)

// errInjected is a database's failure before anything was done.
var errInjected = errors.New("the simulation broke the connection")

// faults has commits fail while it is on: one in twenty before anything was
// done, and for one in twenty the result is lost.
type faults struct {
	rng   *rand.Rand
	on    bool
	count int
}

func (f *faults) commit(work func() error) error {
	if !f.on {
		return work()
	}
	switch f.rng.IntN(20) {
	case 0:
		f.count++
		return errInjected
	case 1:
		f.count++
		if err := work(); err != nil {
			return err
		}
		return fmt.Errorf("%w: %w", refund.ErrCommitUnknown, errInjected)
	}
	return work()
}

func (f *faults) wrap(s service.Stores) service.Stores {
	return service.Stores{Intake: faultyIntake{s.Intake, f}, Engine: faultyEngine{s.Engine, f}, Webhook: faultyWebhook{s.Webhook, f}}
}

type faultyIntake struct {
	intake.Store
	faults *faults
}

// InTx implements intake.Store.
func (s faultyIntake) InTx(ctx context.Context, work func(intake.Tx) error) error {
	return s.faults.commit(func() error { return s.Store.InTx(ctx, work) })
}

type faultyEngine struct {
	engine.Store
	faults *faults
}

// ClaimRefunds implements engine.Store.
func (s faultyEngine) ClaimRefunds(ctx context.Context, due []refund.Due, now, until time.Time) (claimed []refund.Claimed, corrupt []refund.Apart, err error) {
	err = s.faults.commit(func() (err error) {
		claimed, corrupt, err = s.Store.ClaimRefunds(ctx, due, now, until)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return claimed, corrupt, nil
}

// Record implements engine.Store.
func (s faultyEngine) Record(ctx context.Context, reports []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) (posted []refund.Posted, err error) {
	err = s.faults.commit(func() (err error) {
		posted, err = s.Store.Record(ctx, reports, wait, decide)
		return err
	})
	if err != nil {
		return nil, err
	}
	return posted, nil
}

type faultyWebhook struct {
	webhook.Store
	faults *faults
}

// FanOut implements webhook.Store.
func (s faultyWebhook) FanOut(ctx context.Context, news webhook.News, deliveries []merchant.Delivery) (done bool, err error) {
	err = s.faults.commit(func() (err error) {
		done, err = s.Store.FanOut(ctx, news, deliveries)
		return err
	})
	return done && err == nil, err
}

// SaveAttempts implements webhook.Store.
func (s faultyWebhook) SaveAttempts(ctx context.Context, attempts []merchant.DeliveryAttempt) (held []int, err error) {
	err = s.faults.commit(func() (err error) {
		held, err = s.Store.SaveAttempts(ctx, attempts)
		return err
	})
	return held, err
}

// receiver is where webhooks go. While it refuses, one in five is answered 500 and
// one in twenty not at all.
type receiver struct {
	rng     *rand.Rand
	refuses bool
	events  map[string]bool // by type and refund
}

// RoundTrip implements http.RoundTripper.
func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var event struct {
		Type string `json:"type"`
		Data struct {
			Refund struct {
				ID string `json:"id"`
			} `json:"refund"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &event); err != nil {
		return nil, err
	}
	status := http.StatusNoContent
	if r.refuses {
		switch at := r.rng.IntN(20); {
		case at == 0:
			return nil, errInjected
		case at < 5:
			status = http.StatusInternalServerError
		}
	}
	if status == http.StatusNoContent {
		r.events[event.Type+" "+event.Data.Refund.ID] = true
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: request}, nil
}
