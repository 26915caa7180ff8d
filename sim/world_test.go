package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

const (
	// calls and sends are small, so that few refunds are a crowd.
	calls, sends = 32, 12
	// perCharge is how many refunds of a charge are asked for.
	perCharge = 50
	// maxTries is how often a shop's program asks for the same refund, waiting a
	// second and then twice as long, while it is answered that the service is busy.
	maxTries = 6
)

// world is a service with shops, a bank, receivers and a database that has faults.
type world struct {
	t       *testing.T
	service *service.Service
	bank    *bank
	journal *journal
	seed    uint64
	shops   []*shop
	began   time.Time
	asking  sync.WaitGroup
}

// shop is a merchant with its program.
type shop struct {
	merchant.Merchant
	fault    fault
	account  string
	key      string
	charges  []string
	accepted atomic.Int64 // refunds
	refused  atomic.Int64 // answers that are none
}

// newWorld starts a service and makes its shops. It is called in a bubble of
// simulated time.
func newWorld(t *testing.T, seed uint64, l load) *world {
	t.Helper()
	w := &world{t: t, seed: seed, journal: newJournal(), began: time.Now()}
	w.bank = newBank(seed, w.journal.called)
	d := &database{held: w.bank.locks.held, recorded: w.journal.recorded, known: make(map[string]time.Time)}
	s, err := service.Start(t.Context(), service.Options{
		Database: "sqlite:" + filepath.Join(quickFolder(t), "refundry.db"), Data: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Drivers:   map[string]channel.Driver{bankName: w.bank},
		Simulated: service.Simulated{Stores: d.wrap, Receivers: receivers{w}, Calls: calls, Queue: 4 * calls, Sends: sends},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.service = s
	for n := range l.shops {
		w.shops = append(w.shops, w.newShop(n, l.troubled[n]))
	}
	w.register(l.plan(seed))
	return w
}

// quickFolder is a folder in memory, where the machine has one: a disk would take
// most of the time that a simulation takes.
func quickFolder(t testing.TB) string {
	folder, err := os.MkdirTemp("/dev/shm", "refundry-sim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// locks are what other sessions hold: a shop's charges, from a call of the shop's on
// and for as long as an operator's query may take, again and again.
type locks struct {
	mu    sync.Mutex
	until map[string]time.Time // by merchant
}

const (
	heldFor = 40 * time.Second
	freeFor = 20 * time.Second
)

func (l *locks) called(merchantID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.until[merchantID]) > freeFor {
		l.until[merchantID] = now.Add(heldFor)
	}
}

func (l *locks) held(merchantID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until[merchantID].After(time.Now())
}

func (w *world) newShop(n int, f fault) *shop {
	now := time.Now()
	fresh, err := merchant.NewFresh(fmt.Sprintf("shop %03d", n), merchant.Live, merchant.Dialects{native.Describe()}, nil, now)
	if err != nil {
		w.t.Fatal(err)
	}
	one := &shop{Merchant: fresh.Merchant, fault: f, account: merchant.NewAccountID(bankName), key: fresh.Keys[0].Secret}
	fresh.Accounts = []merchant.ChannelAccount{{
		ID: one.account, MerchantID: one.ID, Channel: bankName, State: merchant.AccountActive, Version: 1, CreatedAt: now, UpdatedAt: now,
	}}
	w.bank.faults[one.account] = f
	if err := w.service.Store.AddMerchant(w.t.Context(), fresh, storetest.Record(one.ID)); err != nil {
		w.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"url":"https://shop%03d.example/hook","dialect":"native"}`, n)
	if status, text := w.call(one, "/endpoints", body); status != http.StatusCreated {
		w.t.Fatalf("the endpoint of %s: %d %s", one.Name, status, text)
	}
	return one
}

// register registers the charges that a plan needs.
func (w *world) register(orders []order) {
	now := time.Now()
	var charges []refund.Charge
	for _, o := range orders {
		one := w.shops[o.shop]
		for len(one.charges) <= o.n/perCharge {
			c := refund.Charge{
				MerchantID: one.ID, ID: "ch_" + refund.NewID(now), OrderNo: fmt.Sprint("order ", len(one.charges)), Channel: "card", ChannelAccount: one.account,
				TransactionID: fmt.Sprintf("%s %d", one.ID, len(one.charges)), Currency: "CNY", Amount: perCharge * amount, PaidAt: now, CreatedAt: now,
			}
			one.charges = append(one.charges, c.ID)
			charges = append(charges, c)
		}
	}
	for len(charges) > 0 {
		some := charges[:min(len(charges), 100)]
		charges = charges[len(some):]
		registered, err := w.service.Store.RegisterCharges(w.t.Context(), some, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range registered {
			if r.Err != nil {
				w.t.Fatal(r.Err)
			}
		}
	}
}

// amount is that of each refund.
const amount money.Minor = 100

// call makes a request as a shop's program does.
func (w *world) call(one *shop, path, body string) (int, []byte) {
	r := httptest.NewRequest(http.MethodPost, "/refundry/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+one.key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Prefer", "wait=0")
	answer := httptest.NewRecorder()
	w.service.Handler().ServeHTTP(answer, r)
	return answer.Code, answer.Body.Bytes()
}

// ask has a shop's program ask for a refund, until it is accepted.
func (w *world) ask(o order) {
	one := w.shops[o.shop]
	asked := time.Now()
	body := fmt.Sprintf(`{"charge":%q,"amount":%d,"number":"R-%d-%d"}`, one.charges[o.n/perCharge], amount, o.shop, o.n)
	for try := range maxTries {
		status, text := w.call(one, "/refunds", body)
		var answer struct {
			ID string `json:"id"`
		}
		if status == http.StatusCreated && json.Unmarshal(text, &answer) == nil {
			now := time.Now()
			w.journal.note(answer.ID, func(t *trace) { t.shop, t.asked, t.accepted = o.shop, asked, now })
			one.accepted.Add(1)
			return
		}
		one.refused.Add(1)
		if status < 500 {
			w.t.Errorf("a refund of %s is answered %d %s", one.Name, status, text)
			return
		}
		time.Sleep(time.Second << try)
	}
}

// run has the orders asked for, each at its time.
func (w *world) run(orders []order) {
	begin := time.Now()
	ctx, end := context.WithCancel(w.t.Context())
	defer end()
	w.asking.Go(func() { w.corrupt(ctx) })
	for _, o := range orders {
		time.Sleep(time.Until(begin.Add(o.at)))
		w.asking.Go(func() { w.ask(o) })
	}
	end()
	w.asking.Wait()
}

// corrupt breaks the rows of refunds that a bank works on, until ctx ends.
func (w *world) corrupt(ctx context.Context) {
	const text = `UPDATE refunds SET parts = '{}' WHERE merchant_id = $1 AND state = 'pending'`
	for ctx.Err() == nil {
		for _, one := range w.shops {
			if one.fault != corrupt {
				continue
			}
			err := w.service.Store.DB().Write(w.t.Context(), func(q sqldb.Querier) error {
				_, err := q.Exec(w.t.Context(), text, one.ID)
				return err
			})
			if err != nil {
				w.t.Error(err)
			}
		}
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
		}
	}
}

// receivers are the addresses of the shops' webhooks.
type receivers struct{ *world }

func (r receivers) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var event struct {
		ID   string `json:"id"`
		Data struct {
			Refund struct {
				ID string `json:"id"`
			} `json:"refund"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, err
	}
	var number int
	if _, err := fmt.Sscanf(request.URL.Host, "shop%d.example", &number); err != nil {
		return nil, err
	}
	status := http.StatusNoContent
	switch r.shops[number].fault {
	case hanging:
		<-request.Context().Done()
		return nil, request.Context().Err()
	case failing:
		status = http.StatusInternalServerError
	}
	time.Sleep(20*time.Millisecond + time.Duration(spread(r.seed, event.Data.Refund.ID)%80)*time.Millisecond)
	r.journal.told(event.Data.Refund.ID)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: request}, nil
}
