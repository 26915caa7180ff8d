package webhook_test

import (
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/webhook"
)

// repeating is plain with deliveries that are put off.
type repeating struct {
	plain
	waits []time.Duration
}

func (r repeating) Waits(webhook.Event) []time.Duration { return r.waits }

func TestADialectMayHaveAnEventToldMoreThanOnceOrLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		var told []time.Duration
		network := roundTrip(func(r *http.Request) (*http.Response, error) {
			told = append(told, w.now().Sub(noon))
			return answer(r, http.StatusOK)
		})
		s := webhook.New(w.Store, map[string]webhook.Renderer{
			"plain": repeating{plain{schedule: schedule}, []time.Duration{0, 0, 5 * time.Minute}},
		}, &http.Client{Transport: network}, webhook.Options{Now: w.now, Log: slog.New(slog.DiscardHandler)})
		fanOut(t, s)
		send(t, s)
		w.forward(5*time.Minute - time.Second)
		send(t, s)
		if want := []time.Duration{0, 0}; !slices.Equal(told, want) {
			t.Fatalf("told after %v, want %v", told, want)
		}
		w.forward(time.Second)
		send(t, s)
		send(t, s)
		if want := []time.Duration{0, 0, 5 * time.Minute}; !slices.Equal(told, want) {
			t.Errorf("told after %v, want %v", told, want)
		}
		for _, r := range w.records(t) {
			if r.State != merchant.Delivered || string(r.Delivery.Body) != string(w.records(t)[0].Delivery.Body) {
				t.Errorf("record %+v", r)
			}
		}
	})
}

var _ webhook.Repeater = repeating{}
