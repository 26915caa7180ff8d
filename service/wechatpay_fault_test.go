package service

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// badLine is the line between a shop and the platform: it spoils calls.
type badLine struct {
	mu       sync.Mutex
	platform http.Handler
	// submits and queries are the faults of the next calls, in order.
	submits, queries []string
}

// spoil sets the faults of the next calls.
func (l *badLine) spoil(submits, queries []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.submits, l.queries = submits, queries
}

func (l *badLine) next(r *http.Request) (fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	faults := &l.queries
	if r.Method == http.MethodPost {
		faults = &l.submits
	}
	if len(*faults) > 0 {
		fault, *faults = (*faults)[0], (*faults)[1:]
	}
	return fault
}

func (l *badLine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := l.next(r)
	if fault == "drop before" {
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	l.platform.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	switch status, err := strconv.Atoi(fault); {
	case fault == "drop after":
		panic(http.ErrAbortHandler)
	case fault == "half":
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case fault == "wrong signature":
		signed := w.Header().Get("Wechatpay-Signature")
		w.Header().Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+signed[min(len(signed), 19):])
		w.WriteHeader(answer.Code)
	case err == nil:
		w.WriteHeader(status)
	default:
		w.WriteHeader(answer.Code)
	}
	_, _ = w.Write(body)
}

// hurriedClock runs ahead whenever the engine has nothing to do.
type hurriedClock struct{ ahead atomic.Int64 }

func (c *hurriedClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// hurry waits for a refund's state while the clock runs ahead.
func (c *hurriedClock) hurry(w *weChatShop, id string, want refund.State) {
	w.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		r, err := w.Store.Refund(w.Context(), w.owner, id)
		switch queued, calling, unrecorded := w.engine.Depth(); {
		case err != nil:
			w.Fatal(err)
		case r.State == want:
			return
		case time.Now().After(end):
			attempts, _ := w.Store.Attempts(w.Context(), w.owner, id)
			w.Fatalf("the refund is %s, want %s; attempts %+v", r.State, want, attempts)
		case queued+calling+unrecorded == 0:
			c.ahead.Add(int64(2 * time.Second))
			w.engine.Wake()
		}
	}
}

// Whatever becomes of a call, before or after the money moved, the platform moves
// it once and the shop finds out, by asking alone: no notice comes.
func TestEachFaultOnTheWayToWeChatPayEndsInOneMovement(t *testing.T) {
	var clock hurriedClock
	line := &badLine{}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	platform := start(t, Options{Database: storetest.SQLite(t), Demo: true, Now: clock.now})
	line.platform = platform.Handler()
	w := newWeChatShopAt(t, start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now}), platform, server.URL, "1900009191", "public_key")

	faults := []string{"drop before", "drop after", "half", "wrong signature", "202", "429", "500"}
	cases := map[string][2][]string{"submits: twice drop before": {{"drop before", "drop before"}, nil}}
	for _, fault := range faults {
		cases["submit: "+fault] = [2][]string{{fault}, nil}
		for _, lost := range []string{"drop before", "drop after"} {
			cases["submit: "+lost+", query: "+fault] = [2][]string{{lost}, {fault}}
		}
	}
	n := 0
	for name, spoiled := range cases {
		t.Run(name, func(t *testing.T) {
			n++
			w.T = t
			w.charge = w.order(platform, fmt.Sprintf("FAULT%04d", n), fmt.Sprintf("420000000020261129000000%04d", n))
			line.spoil(spoiled[0], spoiled[1])
			amount := money.Minor(100)
			result, err := w.intake.Accept(t.Context(), refund.Unit{
				MerchantID: w.owner, Requests: []refund.Request{{ChargeID: w.charge.ID, Amount: &amount}}, Members: []refund.Content{{}},
			}, 0)
			if err != nil {
				t.Fatal(err)
			}
			clock.hurry(w, result.Refunds[0].ID, refund.Succeeded)
			theirs, err := platform.Store.ChargeByAlias(t.Context(), merchant.DemoID, merchant.WeChatPay, w.charge.OrderNo)
			if err != nil || theirs.Refunded != 100 || theirs.Refunds != 1 {
				t.Errorf("the platform has refunded %d in %d, %v", theirs.Refunded, theirs.Refunds, err)
			}
			line.mu.Lock()
			defer line.mu.Unlock()
			if len(line.submits) > 0 || len(line.queries) > 0 {
				t.Errorf("the faults did not happen: %v, %v", line.submits, line.queries)
			}
		})
	}
	w.T = t
	for _, s := range []*Service{platform, w.Service} {
		if found, err := Verify(t.Context(), s.Store); err != nil || len(found) != 0 {
			t.Errorf("verify finds %v, %v", found, err)
		}
	}
}
