package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/sim"
)

// driven is a service with the demo merchant on a clock that is driven.
type driven struct {
	sim.Drive
	t *testing.T
}

func newDriven(t *testing.T, receivers http.RoundTripper) *driven {
	t.Helper()
	clock := sim.NewClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	s, err := service.Start(t.Context(), service.Options{
		Database: "sqlite:" + filepath.Join(quickFolder(t), "refundry.db"), Data: t.TempDir(), Now: clock.Now, Demo: true,
		Log: slog.New(slog.DiscardHandler), Simulated: service.Simulated{Receivers: receivers},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return &driven{sim.Drive{Clock: clock, Service: s}, t}
}

func (d *driven) call(method, path, body string, wantStatus int, into any) {
	d.t.Helper()
	r := httptest.NewRequest(method, "/refundry/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer rk_test_demo")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Prefer", "wait=0")
	answer := httptest.NewRecorder()
	d.Service.Handler().ServeHTTP(answer, r)
	if answer.Code != wantStatus {
		d.t.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	if into != nil {
		if err := json.Unmarshal(answer.Body.Bytes(), into); err != nil {
			d.t.Fatal(err)
		}
	}
}

type refused int32

// RoundTrip refuses so many webhooks, and takes the others.
func (n *refused) RoundTrip(r *http.Request) (*http.Response, error) {
	status := http.StatusNoContent
	if atomic.AddInt32((*int32)(n), -1) >= 0 {
		status = http.StatusInternalServerError
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func TestHoursOfWaitingPassAtOnce(t *testing.T) {
	receiver := refused(5)
	d := newDriven(t, &receiver)
	began := d.Clock.Now()
	d.call(http.MethodPost, "/endpoints", `{"url":"https://shop.example/hook","dialect":"native"}`, http.StatusCreated, nil)
	paid := began.Format(time.RFC3339)
	d.call(http.MethodPost, "/charges", fmt.Sprintf(`{"order_no":"T1","amount":100000,"currency":"CNY","channel":"wx","paid_at":%q}`, paid), http.StatusCreated, nil)
	var ids []string
	for _, amount := range []int{100, 153, 154, 159} { // at once, answer lost, request lost, throttled three times
		var made struct{ ID string }
		d.call(http.MethodPost, "/refunds", fmt.Sprintf(`{"charge":"T1","amount":%d}`, amount), http.StatusCreated, &made)
		ids = append(ids, made.ID)
	}
	err := d.Until(t.Context(), func() (bool, error) {
		for _, id := range ids {
			var now struct{ State string }
			if d.call(http.MethodGet, "/refunds/"+id, "", http.StatusOK, &now); now.State != "succeeded" {
				return false, nil
			}
		}
		var deliveries struct{ Data []struct{ State string } }
		d.call(http.MethodGet, "/deliveries", "", http.StatusOK, &deliveries)
		delivered := 0
		for _, one := range deliveries.Data {
			if one.State == "delivered" {
				delivered++
			}
		}
		return delivered == len(ids), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if passed := d.Clock.Now().Sub(began); passed < time.Minute {
		t.Errorf("five refused webhooks are tried again after %v", passed)
	}
}

func TestADriveWithNothingToComeSaysSo(t *testing.T) {
	d := newDriven(t, nil)
	d.Stuck = 100 * time.Millisecond
	if err := d.Until(t.Context(), func() (bool, error) { return false, nil }); !errors.Is(err, sim.ErrStuck) {
		t.Errorf("it ends with %v", err)
	}
}
