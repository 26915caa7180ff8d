package webhook_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

var errNoWords = errors.New("it has no words for this")

// with makes a sender with one dialect of the test's own.
func (w *world) with(render webhook.Renderer, network http.RoundTripper) *webhook.Sender {
	return webhook.New(w.Store, map[string]webhook.Renderer{"plain": render}, &http.Client{Transport: network},
		webhook.Options{Now: w.now, Log: slog.New(slog.DiscardHandler)})
}

func makes(t *testing.T, s *webhook.Sender) int {
	t.Helper()
	n, err := s.StepMake(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// number is how many events the feed has.
func (w *world) number(t *testing.T) int {
	t.Helper()
	events, err := w.Feed(t.Context(), shop, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}

// Whatever fails while a delivery is made, the event has its number at once,
// the delivery waits and says why, and is sent when the cause is mended. What
// else is made of the event is not touched.
func TestWhatCannotBeMadeIsMadeWhenItIsMended(t *testing.T) {
	broken := true
	fails := func(err error) error {
		if broken {
			return err
		}
		return nil
	}
	for name, one := range map[string]struct {
		dialect plain
		problem string
	}{
		"a body": {plain{render: func(e webhook.Event) ([]byte, error) { return []byte("made"), fails(errNoWords) }}, "no words"},
		"a body that panics": {plain{render: func(e webhook.Event) ([]byte, error) {
			var none []int
			if broken {
				none[len(e.ID)]++
			}
			return []byte("made"), nil
		}}, "index out of range"},
		"a key": {plain{know: func(context.Context, string) (webhook.Known, error) {
			return webhook.Known{Key: merchant.PlatformKey{ID: "pk_2"}}, fails(errors.New("the key is sealed"))
		}}, "the key is sealed"},
		"a key that panics": {plain{know: func(context.Context, string) (webhook.Known, error) {
			if broken {
				panic("nobody knows")
			}
			return webhook.Known{Key: merchant.PlatformKey{ID: "pk_2"}}, nil
		}}, "nobody knows"},
		"a key whose name is no text": {plain{know: func(context.Context, string) (webhook.Known, error) {
			if broken {
				return webhook.Known{Key: merchant.PlatformKey{ID: "pk\x00"}}, nil
			}
			return webhook.Known{Key: merchant.PlatformKey{ID: "pk_2"}}, nil
		}}, "no text"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) { made(t, w, one.dialect, one.problem, &broken) })
		})
	}
}

func made(t *testing.T, w *world, dialect plain, problem string, broken *bool) {
	*broken = true
	dialect.schedule = schedule
	w.endpoint(t, "ep_1", "https://one.example/hook")
	w.refund(t)
	var sent []string
	s := w.with(dialect, roundTrip(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		sent = append(sent, string(body))
		return answer(r, http.StatusOK)
	}))
	if n := fanOut(t, s); n != 1 || w.number(t) != 1 {
		t.Errorf("%d events were taken, %d are in the feed", n, w.number(t))
	}
	waiting := w.record(t)
	if waiting.State != merchant.DeliveryWaiting || !strings.Contains(waiting.Delivery.Problem, problem) || !waiting.Delivery.DueAt.Equal(noon.Add(time.Second)) {
		t.Errorf("it stands as %+v", waiting)
	}
	if makes(t, s) != 0 || send(t, s) != 0 {
		t.Error("it was looked at again at once")
	}
	w.forward(time.Second)
	if makes(t, s) != 1 || send(t, s) != 0 || w.record(t).State != merchant.DeliveryWaiting {
		t.Errorf("after a second it stands as %+v", w.record(t))
	}
	*broken = false
	w.forward(time.Minute)
	if makes(t, s) != 1 || send(t, s) != 1 || len(sent) != 1 || sent[0] == "" {
		t.Errorf("sent %q", sent)
	}
	if r := w.record(t); r.State != merchant.Delivered || r.Delivery.Problem != "" || r.Delivery.ID != waiting.Delivery.ID || len(r.Tries) != 1 {
		t.Errorf("in the end it stands as %+v", r)
	}
}

// Other dialects' deliveries of the same event, and other events', are made.
func TestWhatCannotBeMadeHoldsUpNothingElse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		_, err := w.AddEndpoint(t.Context(), merchant.Endpoint{ID: "ep_2", MerchantID: shop, Dialect: "other", URL: "https://two.example/hook", CreatedAt: noon}, storetest.Record(shop))
		if err != nil {
			t.Fatal(err)
		}
		w.refund(t)
		w.refund(t)
		first := ""
		dialect := plain{schedule: schedule, render: func(e webhook.Event) ([]byte, error) {
			if first == "" || e.ID == first {
				first = e.ID
				return nil, errNoWords
			}
			return []byte("second"), nil
		}}
		s := webhook.New(w.Store, map[string]webhook.Renderer{"plain": dialect, "other": plain{schedule: schedule}},
			&http.Client{Transport: always(http.StatusOK)}, webhook.Options{Now: w.now, Log: slog.New(slog.DiscardHandler)})
		if n := fanOut(t, s); n != 2 || w.number(t) != 2 {
			t.Errorf("%d events were taken", n)
		}
		if n := send(t, s); n != 3 {
			t.Errorf("%d were sent", n)
		}
	})
}

// It is given up after three days, visibly, and can be sent once more when it
// is mended: by hand, as any delivery that is dead.
func TestWhatCannotBeMadeIsDeadAfterThreeDays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		broken, tries := true, 0
		dialect := plain{schedule: schedule, render: func(e webhook.Event) ([]byte, error) {
			tries++
			if broken {
				return nil, errNoWords
			}
			return []byte("made"), nil
		}}
		var dead []merchant.DeliveryAttempt
		s := webhook.New(w.Store, map[string]webhook.Renderer{"plain": dialect}, &http.Client{Transport: always(http.StatusOK)},
			webhook.Options{Now: w.now, Log: slog.New(slog.DiscardHandler), Observe: func(a merchant.DeliveryAttempt) { dead = append(dead, a) }})
		fanOut(t, s)
		for w.now().Sub(noon) < 73*time.Hour {
			w.forward(time.Minute)
			makes(t, s)
		}
		// At first soon, then four times an hour.
		if r := w.record(t); r.State != merchant.DeliveryDead || r.Delivery.Problem != errNoWords.Error() || r.EndedAt.Sub(noon) < 72*time.Hour || tries > 300 {
			t.Errorf("after %d tries it stands as %+v", tries, r)
		}
		if len(dead) != 1 || !dead[0].Dead || dead[0].Error != errNoWords.Error() {
			t.Errorf("seen as %+v", dead)
		}
		broken = false
		by := audit.New(audit.ByCommand("root"), shop, "delivery.replay", w.record(t).Delivery.ID, w.now())
		again, err := w.ReplayDelivery(t.Context(), shop, w.record(t).Delivery.ID, refund.Action{Record: by}, w.now())
		if err != nil {
			t.Fatal(err)
		}
		if makes(t, s) != 1 || send(t, s) != 1 {
			t.Error("the replay was not sent")
		}
		if r, err := w.Delivery(t.Context(), shop, again.Delivery.ID); err != nil || r.State != merchant.Delivered {
			t.Errorf("the replay stands as %+v, %v", r, err)
		}
	})
}

// deciding is a dialect where what is known decides who is subscribed.
type deciding struct{ plain }

func (deciding) Subscribed(known webhook.Known, _ merchant.Endpoint, _ webhook.Event) bool {
	return known.Key.ID != "nobody"
}

func TestWhatTurnsOutNotToBeSubscribedIsWithdrawn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		err := errors.New("the database is busy")
		s := w.with(deciding{plain{schedule: schedule, know: func(context.Context, string) (webhook.Known, error) {
			return webhook.Known{Key: merchant.PlatformKey{ID: "nobody"}}, err
		}}}, always(http.StatusOK))
		fanOut(t, s)
		if r := w.record(t); r.Delivery.Problem == "" {
			t.Errorf("it stands as %+v", r)
		}
		err = nil
		w.forward(time.Minute)
		if makes(t, s) != 1 || len(w.records(t)) != 0 {
			t.Errorf("what nobody subscribed to stands as %+v", w.records(t))
		}
	})
}

// An address that came with the charge is found again by what it was.
func TestAnAddressOfAChargeIsMadeLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.refund(t)
		err := errNoWords
		dialect := asking{plain{schedule: schedule, know: func(context.Context, string) (webhook.Known, error) { return webhook.Known{}, err }}}
		s := webhook.New(w.Store, map[string]webhook.Renderer{"asking": dialect}, &http.Client{Transport: always(http.StatusOK)},
			webhook.Options{Now: w.now, Log: slog.New(slog.DiscardHandler)})
		fanOut(t, s)
		if r := w.record(t); r.Delivery.URL != "https://shop.example/notice?a=b" || r.Delivery.EndpointID != "" {
			t.Errorf("it stands as %+v", r)
		}
		err = nil
		w.forward(time.Minute)
		if makes(t, s) != 1 || send(t, s) != 1 || w.record(t).State != merchant.Delivered {
			t.Errorf("it stands as %+v", w.record(t))
		}
	})
}

// A delivery whose endpoint goes before it is made is dead with the others.
func TestADisabledEndpointsUnmadeDeliveryIsDead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		s := w.with(plain{schedule: schedule, render: func(webhook.Event) ([]byte, error) { return nil, errNoWords }}, always(http.StatusOK))
		fanOut(t, s)
		if err := w.DisableEndpoint(t.Context(), shop, "ep_1", storetest.Record(shop), w.now()); err != nil {
			t.Fatal(err)
		}
		w.forward(time.Hour)
		if n := makes(t, s); n != 0 || w.record(t).State != merchant.DeliveryDead {
			t.Errorf("%d were looked at, it stands as %+v", n, w.record(t))
		}
	})
}

// unreadable is a store in which no event can be read for a while.
type unreadable struct {
	*store.Store
	broken bool
}

func (u *unreadable) News(ctx context.Context, merchantID string, limit int) (webhook.News, error) {
	news, err := u.Store.News(ctx, merchantID, limit)
	for n, e := range news.Events {
		if u.broken {
			news.Events[n] = webhook.Event{MerchantID: e.MerchantID, Mode: e.Mode, ID: e.ID, At: e.At, Err: errNoWords}
		}
	}
	return news, err
}

func (u *unreadable) Subject(ctx context.Context, d merchant.Delivery) (webhook.Event, merchant.Endpoint, error) {
	if u.broken {
		return webhook.Event{}, merchant.Endpoint{}, refund.Errorf(refund.KindCorrupt, "event", "no words")
	}
	return u.Store.Subject(ctx, d)
}

// An event that can't be read is told to those who subscribed, once it can be.
func TestAnEventThatCannotBeReadIsToldLater(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.endpoint(t, "ep_2", "https://two.example/hook", "refund.succeeded")
		w.refund(t)
		u := &unreadable{w.Store, true}
		s := w.sender(u, always(http.StatusOK))
		if n := fanOut(t, s); n != 1 || w.number(t) != 1 || len(w.records(t)) != 2 {
			t.Errorf("%d events were taken, deliveries %+v", n, w.records(t))
		}
		w.forward(time.Minute)
		makes(t, s)
		u.broken = false
		w.forward(time.Hour)
		makes(t, s)
		send(t, s)
		var told []string
		for _, r := range w.records(t) {
			told = append(told, r.Delivery.URL+" "+string(r.State))
		}
		if diff := cmp.Diff([]string{"https://one.example/hook delivered"}, told); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
	})
}

// A dialect that is slow to read what it must know neither holds the counter's
// lock nor keeps the event from its number: another process fans out the same
// merchant meanwhile.
func TestASlowKeyIsReadBeforeTheCounterIsLocked(t *testing.T) {
	each := func(t *testing.T, url string) {
		w := newWorld(t, storetest.Open(t, url))
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		other := storetest.Open(t, url)
		s := w.with(plain{schedule: schedule, know: func(ctx context.Context, _ string) (webhook.Known, error) {
			news, err := other.News(ctx, shop, 10)
			if err != nil || len(news.Events) != 1 {
				t.Errorf("the other process sees %+v, %v", news, err)
			}
			if done, err := other.FanOut(ctx, news, nil); err != nil || !done {
				t.Errorf("the other process: done %v, %v", done, err)
			}
			return webhook.Known{}, nil
		}}, nil)
		if n := fanOut(t, s); n != 0 || w.number(t) != 1 || len(w.records(t)) != 0 {
			t.Errorf("%d were taken twice, %d are in the feed, deliveries %+v", n, w.number(t), w.records(t))
		}
	}
	t.Run("SQLite", func(t *testing.T) { each(t, storetest.SQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { each(t, storetest.Postgres(t)) })
}
