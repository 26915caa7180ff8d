package webhook_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const shop = "mer_1"

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// plain is a dialect whose body is the event's id, and whose receivers answer
// as they do in most: with a status.
type plain struct {
	schedule []time.Duration
	// know reads the key, and render makes the body, where they are not nil.
	know   func(ctx context.Context, merchantID string) (webhook.Known, error)
	render func(e webhook.Event) ([]byte, error)
	// addresses come with an event, where it is not nil.
	addresses func(e webhook.Event) []merchant.Endpoint
}

func (p plain) Addresses(e webhook.Event) []merchant.Endpoint {
	if p.addresses == nil {
		return nil
	}
	return p.addresses(e)
}

func (p plain) Know(ctx context.Context, merchantID string) (webhook.Known, error) {
	if p.know != nil {
		return p.know(ctx, merchantID)
	}
	return webhook.Known{Key: merchant.PlatformKey{ID: "pk_1"}}, nil
}

func (p plain) Subscribed(_ webhook.Known, p2 merchant.Endpoint, e webhook.Event) bool {
	return len(p2.Events) == 0 || strings.Contains(strings.Join(p2.Events, " "), e.Type)
}

func (p plain) Render(known webhook.Known, _ merchant.Endpoint, e webhook.Event) (webhook.Message, error) {
	if p.render != nil {
		body, err := p.render(e)
		return webhook.Message{KeyID: known.Key.ID, Body: body}, err
	}
	return webhook.Message{KeyID: known.Key.ID, Body: fmt.Appendf(nil, "%s pending %d in %s mode", e.ID, e.Pending, e.Mode)}, nil
}

func (p plain) Sign(_ context.Context, keyID string, body []byte, header http.Header) error {
	header.Set("Signature", keyID+" over "+string(body))
	return nil
}

func (p plain) Succeeded(_ merchant.Delivery, status int, _ []byte) bool {
	return status >= 200 && status <= 299
}
func (p plain) Schedule() []time.Duration { return p.schedule }

var schedule = []time.Duration{5 * time.Second, 10 * time.Second, 2 * time.Minute}

// roundTrip is the network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, status int) (*http.Response, error) {
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("answer")), Request: r,
	}, nil
}

func always(status int) roundTrip {
	return func(r *http.Request) (*http.Response, error) { return answer(r, status) }
}

// world is a store with a charge, and a clock that the test moves.
type world struct {
	*store.Store
	clock   atomic.Int64
	refunds int
}

func (w *world) now() time.Time           { return time.UnixMicro(w.clock.Load()).UTC() }
func (w *world) forward(by time.Duration) { w.clock.Add(by.Microseconds()) }

func newWorld(t *testing.T, s *store.Store) *world {
	t.Helper()
	w := &world{Store: s}
	w.clock.Store(noon.UnixMicro())
	_, _, err := s.RegisterCharge(t.Context(), refund.Charge{
		MerchantID: shop, ID: "ch_1", OrderNo: "1", Channel: "wx", ChannelAccount: "sandbox_1", TransactionID: "4200",
		Currency: "CNY", Amount: 1_000_000, PaidAt: noon, CreatedAt: noon,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = s.AddMerchant(t.Context(), merchant.Fresh{Merchant: merchant.Merchant{ID: shop, Name: "shop", Mode: merchant.Test, CreatedAt: noon}}, storetest.Record(shop))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store) { test(t, newWorld(t, s)) })
}

func (w *world) endpoint(t *testing.T, id, url string, events ...string) {
	t.Helper()
	_, err := w.AddEndpoint(t.Context(), merchant.Endpoint{ID: id, MerchantID: shop, Dialect: "plain", URL: url, Events: events, CreatedAt: noon}, storetest.Record(shop))
	if err != nil {
		t.Fatal(err)
	}
}

// refund accepts a refund, which leaves one event.
func (w *world) refund(t *testing.T) {
	t.Helper()
	w.refunds++
	w.accept(t, refund.Charge{MerchantID: shop, ID: "ch_1"}, fmt.Sprint("re_", w.refunds))
}

func (w *world) accept(t *testing.T, c refund.Charge, refundID string) {
	t.Helper()
	amount := money.Minor(1)
	unit := refund.Unit{MerchantID: c.MerchantID, Members: []refund.Content{{}}, Requests: []refund.Request{
		{RefundID: refundID, ChannelNumber: refundID, ChargeID: c.ID, Amount: &amount},
	}}
	key := refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}
	err := w.InTx(t.Context(), func(tx intake.Tx) error {
		charges, err := tx.LockCharges(t.Context(), []refund.ChargeKey{key})
		if err != nil {
			return err
		}
		changes, refused := refund.Accept(map[string]refund.Charge{c.ID: charges[key]}, unit, refund.RuleBook{}, w.now())
		if refused != nil {
			return refused
		}
		return tx.Insert(t.Context(), changes)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sender makes a sender that reaches the network only through one.
func (w *world) sender(over webhook.Store, network http.RoundTripper) *webhook.Sender {
	return webhook.New(over, map[string]webhook.Renderer{"plain": plain{schedule: schedule}}, &http.Client{Transport: network},
		webhook.Options{Now: w.now, Log: slog.New(slog.DiscardHandler)})
}

func fanOut(t *testing.T, s *webhook.Sender) int {
	t.Helper()
	n, err := s.StepFanOut(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func send(t *testing.T, s *webhook.Sender) int {
	t.Helper()
	n, err := s.StepSend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) records(t *testing.T) []merchant.DeliveryRecord {
	t.Helper()
	records, _, err := w.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: shop}, refund.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func (w *world) record(t *testing.T) merchant.DeliveryRecord {
	t.Helper()
	records := w.records(t)
	if len(records) != 1 {
		t.Fatalf("there are %d deliveries: %+v", len(records), records)
	}
	return records[0]
}
