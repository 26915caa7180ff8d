package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/verify"
)

// patience bounds what a test waits for.
const patience = 3 * time.Minute

// broken returns what Verify finds, notes left out.
func broken(t *testing.T, s *store.Store) []refund.Finding {
	t.Helper()
	findings, err := service.Verify(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(findings, func(f refund.Finding) bool { return f.Note })
}

// running is the whole service on a database, with a receiver of webhooks.
type running struct {
	*service.Service
}

func serve(t *testing.T, database string) running {
	t.Helper()
	s, err := service.Start(t.Context(), service.Options{
		Database: database, Data: t.TempDir(), Demo: true, EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return running{s}
}

func (r running) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

// call makes a native request; the answer is read into out unless that is nil.
func (r running) call(t *testing.T, method, path string, body, out any) int {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(method, "/refundry/v1"+path, bytes.NewReader(text))
	request.Header.Set("Authorization", "Bearer rk_test_demo")
	request.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, request)
	if out != nil && w.Code < 300 {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w.Code
}

type listed struct {
	Data []struct{ ID, State string }
	Next string
}

// inState lists the refunds of a state.
func (r running) inState(t *testing.T, state string) (ids []string) {
	t.Helper()
	for next := ""; ; {
		var page listed
		if status := r.call(t, "GET", "/refunds?limit=100&state="+state+next, nil, &page); status != http.StatusOK {
			t.Fatalf("listing refunds answers %d", status)
		}
		for _, one := range page.Data {
			ids = append(ids, one.ID)
		}
		if page.Next == "" {
			return ids
		}
		next = "&cursor=" + page.Next
	}
}

// until polls a condition, which has to come.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// load runs refunds of every kind through the service, and words of every
// kind behind it, until most have ended. It returns an open store.
func load(t *testing.T, database string) *store.Store {
	t.Helper()
	r := serve(t, database)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "success") }))
	defer receiver.Close()
	r.call(t, "POST", "/endpoints", map[string]any{"url": receiver.URL + "/native", "dialect": "native"}, nil)
	r.call(t, "POST", "/endpoints", map[string]any{"url": receiver.URL + "/pingpp", "dialect": "pingpp"}, nil)
	charges := registerLoad(t, r)

	// Endings of amounts are what the sandbox goes by.
	endings := []int64{0, 7, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 99}
	var asking sync.WaitGroup
	for worker := range 8 {
		random := rand.New(rand.NewPCG(7, uint64(worker)))
		asking.Go(func() {
			for n := range 20 {
				body := map[string]any{
					"charge": charges[random.IntN(len(charges))], "amount": random.Int64N(3)*100 + endings[random.IntN(len(endings))] + 100,
					"number": fmt.Sprintf("N%d-%d", worker, n-n%5/4), // each fifth repeats the one before
				}
				r.call(t, "POST", "/refunds", body, nil)
			}
		})
	}
	// A snapshot is consistent also in the middle of it.
	for range 3 {
		if found := broken(t, r.Store); len(found) > 0 {
			t.Fatalf("while refunds run: %v", found)
		}
	}
	asking.Wait()
	stir(t, r)
	r.stop(t)

	s, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	contradict(t, s)
	dispute(t, s)
	approve(t, s)
	act(t, s)
	return s
}

// checks are those of the channels that keep tables.
func checks() []verify.Check {
	tables := sandbox.Tables()
	return []verify.Check{{Name: tables.Name, Run: tables.Check}}
}

func exec(t *testing.T, s *store.Store, text string, args ...any) {
	t.Helper()
	err := s.DB().Write(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), text, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// act leaves a chain of audit records, and one record that is not linked yet.
func act(t *testing.T, s *store.Store) {
	t.Helper()
	for n := range 4 {
		record := audit.New(audit.ByCommand("root"), "mer_demo", "endpoint.disable", fmt.Sprintf("ep_%d", n), time.Now()).With("n", "1")
		exec(t, s, `INSERT INTO audit_records (merchant_id, created_at, id, actor, action, object, request_id, detail)
			VALUES ($1, $2, $3, $4, $5, $6, '', '{"n":"1"}')`,
			record.MerchantID, sqldb.Micros(record.At), fmt.Sprintf("aud_%d", n), record.Actor.String(), record.Action, record.Object)
		if n == 3 {
			return
		}
		if _, err := s.LinkAudit(t.Context(), "mer_demo"); err != nil {
			t.Fatal(err)
		}
	}
}

func registerLoad(t *testing.T, r running) []string {
	t.Helper()
	var ids []string
	for n := range 12 {
		body := map[string]any{
			"order_no": fmt.Sprintf("L%d", n), "amount": 10000, "currency": "CNY", "channel": "wx",
			"paid_at": time.Now().UTC().Format(time.RFC3339), "transaction_id": fmt.Sprintf("4200L%d", n),
		}
		if n%2 == 0 {
			body["fee"] = 60
		}
		if n%3 == 0 {
			body["already_refunded"] = 333
			body["goods"] = []any{map[string]any{"merchant_goods_id": "g1", "goods_name": "n", "unit_price": 5000, "quantity": 2}}
			body["coupons"] = []any{
				map[string]any{"id": "1", "scope": "GLOBAL", "type": "CASH", "amount": 777},
				map[string]any{"id": "2", "scope": "SINGLE", "type": "NOCASH", "amount": 100, "goods": []any{
					map[string]any{"merchant_goods_id": "g1", "quantity": 2, "discount": 100},
				}},
			}
		}
		var made struct{ ID string }
		if status := r.call(t, "POST", "/charges", body, &made); status != http.StatusCreated {
			t.Fatalf("registering a charge answers %d", status)
		}
		ids = append(ids, made.ID)
	}
	return ids
}

// stir does to open refunds what an operator does to the sandbox, and waits
// for the rest.
func stir(t *testing.T, r running) {
	t.Helper()
	until(t, "nobody has yet to tell the channel", func() bool { return len(r.inState(t, "created")) == 0 })
	until(t, "some are held", func() bool { return len(r.inState(t, "held")) > 2 })
	canceled := r.inState(t, "held")[0]
	// 409 while the engine asks the channel whether there are funds by now.
	until(t, "a held refund is withdrawn", func() bool {
		status := r.call(t, "POST", "/refunds/"+canceled+"/cancel", map[string]any{}, nil)
		if status != http.StatusAccepted && status != http.StatusConflict {
			t.Fatalf("canceling a held refund answers %d", status)
		}
		return status == http.StatusAccepted
	})
	until(t, "the channel, asked, knows nothing of it", func() bool { return len(r.inState(t, "canceled")) == 1 })
	abnormal := r.inState(t, "abnormal")
	for n, id := range abnormal {
		if n%2 == 0 {
			r.call(t, "POST", "/sandbox/refunds/"+id+"/reroute", map[string]any{}, nil)
		}
	}
	for n, id := range r.inState(t, "pending") {
		if n%2 == 0 {
			r.call(t, "POST", "/sandbox/refunds/"+id+"/settle", map[string]any{"state": []string{"failed", "succeeded"}[n/2%2]}, nil)
		}
	}
	r.call(t, "POST", "/sandbox/funds", map[string]any{"amount": 1000000, "currency": "CNY"}, nil)
	r.call(t, "POST", "/sandbox/clock", map[string]any{"advance_seconds": 86400 + 3600}, nil)
	until(t, "only what waits for somebody is open", func() bool {
		return len(r.inState(t, "created"))+len(r.inState(t, "pending"))+len(r.inState(t, "held")) == 0
	})
}

// contradict is a merchant of another channel, whose words come late, are
// taken back, and tell of refunds that nobody asked for.
func contradict(t *testing.T, s *store.Store) {
	t.Helper()
	const merchantID = "mer_late"
	c, err := refund.Register(refund.Charge{
		MerchantID: merchantID, ID: "ch_late", OrderNo: "late", Channel: "wx", ChannelAccount: "elsewhere", TransactionID: "42",
		Currency: "CNY", Amount: 1000, PaidAt: time.Now(), CreatedAt: time.Now(), UpdatedAt: time.Now(),
		Detail:  refund.Detail{Coupons: []refund.Coupon{{ID: "1", Scope: refund.ScopeOrder, Type: refund.TypeUnfunded, Amount: 300}}},
		Aliases: []refund.Alias{{Dialect: merchant.PingPP, Identity: "app_late", Name: "ch_latelatelatelatelatela"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.RegisterCharge(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	word := func(id string, source refund.Source, kind refund.OutcomeKind) {
		t.Helper()
		at = at.Add(time.Second)
		w := refund.Report{Key: refund.Key{MerchantID: merchantID, ID: id}, ChargeID: c.ID, Outcome: refund.Outcome{Kind: kind, Source: source}}
		_, err := s.Record(t.Context(), []refund.Report{w}, true, func(c refund.Charge, r refund.Refund, w refund.Report) refund.Change {
			return refund.Apply(c, r, w.Outcome, refund.Pace{First: time.Second, Longest: time.Hour}, at)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	turned := func(id string, kind refund.OutcomeKind) {
		t.Helper()
		word(id, refund.Notice, kind)
		word(id, refund.Query, kind) // which the notice asks for
	}
	accept := func(id string, amount money.Minor) {
		t.Helper()
		insert(t, s, c, func(c refund.Charge) (refund.Change, *refund.Error) {
			unit := refund.Unit{MerchantID: merchantID, Requests: []refund.Request{{RefundID: id, ChannelNumber: "n" + id, ChargeID: c.ID, Amount: &amount}}}
			changes, err := refund.Accept(map[string]refund.Charge{c.ID: c}, unit, refund.RuleBook{}, at)
			if err != nil {
				return refund.Change{}, err
			}
			return changes[0], nil
		})
	}
	accept("re_corrected", 600)
	word("re_corrected", refund.Submit, refund.OutcomeRefused)
	accept("re_returned", 500)
	word("re_returned", refund.Submit, refund.OutcomeDone)
	turned("re_returned", refund.OutcomeFailed)
	accept("re_twice", 500)
	word("re_twice", refund.Submit, refund.OutcomeDone)
	turned("re_twice", refund.OutcomeFailed)
	turned("re_twice", refund.OutcomeDone)
	turned("re_corrected", refund.OutcomeDone) // 100 more than was paid
	insert(t, s, c, func(c refund.Charge) (refund.Change, *refund.Error) {
		return refund.Adopt(c, nil, refund.Foreign{RefundID: "re_foreign", ChannelNumber: "f1", ChannelRefundID: "5000", Amount: 50}, at)
	})
}

// dispute is a merchant some of whose charges are disputed.
func dispute(t *testing.T, s *store.Store) {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Microsecond)
	for n, states := range map[string][]refund.DisputeState{
		"1": {refund.DisputeInquiry, refund.DisputeOpen}, "2": {refund.DisputeOpen, refund.DisputeLost}, "3": {refund.DisputeOpen, refund.DisputeWon},
	} {
		c, err := refund.Register(refund.Charge{
			MerchantID: "mer_disputed", ID: "ch_disputed" + n, OrderNo: "d" + n, Channel: "card", ChannelAccount: "elsewhere", TransactionID: "d" + n,
			Currency: "USD", Amount: 1000, PaidAt: at, CreatedAt: at, UpdatedAt: at,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.RegisterCharge(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		for _, state := range states {
			at = at.Add(time.Second)
			if _, err := s.Dispute(t.Context(), refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}, refund.Dispute{
				ChannelDisputeID: "du_" + n, State: state, Amount: money.Amount{Minor: 400, Currency: "USD"}, ChannelAt: at,
			}, at); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// approve is a merchant whose refunds wait for approvals: one still does, one was
// approved, one refused, and one was corrected by two people.
func approve(t *testing.T, s *store.Store) {
	t.Helper()
	const merchantID = "mer_approved"
	at := time.Now().UTC().Truncate(time.Microsecond)
	c, fault := refund.Register(refund.Charge{
		MerchantID: merchantID, ID: "ch_approved", OrderNo: "a", Channel: "wx", ChannelAccount: "elsewhere", TransactionID: "a",
		Currency: "CNY", Amount: 1000, PaidAt: at, CreatedAt: at, UpdatedAt: at,
	})
	if fault != nil {
		t.Fatal(fault)
	}
	if _, _, err := s.RegisterCharge(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	book := refund.RuleBook{Judge: func(asked refund.Asked) refund.Verdict {
		return refund.Verdict{Until: asked.At.Add(time.Hour), Why: "all"}
	}}
	action := func(by audit.Actor, name, id string) refund.Action {
		return refund.Action{Record: audit.New(by, merchantID, name, id, at)}
	}
	says := refund.Decision{Cause: refund.Cause{Actor: audit.ByUser("b")}, Asked: audit.Person{Actor: audit.ByKey("key_a")}, Note: "so it is"}
	for n, id := range []string{"re_waiting", "re_approved", "re_refused", "re_undone"} {
		amount := money.Minor(10 + n)
		insert(t, s, c, func(c refund.Charge) (refund.Change, *refund.Error) {
			unit := refund.Unit{MerchantID: merchantID, By: refund.Asker{Key: "key_a"}, Requests: []refund.Request{{RefundID: id, ChannelNumber: "n" + id, ChargeID: c.ID, Amount: &amount}}}
			changes, err := refund.Accept(map[string]refund.Charge{c.ID: c}, unit, book, at)
			if err != nil {
				return refund.Change{}, err
			}
			return changes[0], nil
		})
		at = at.Add(time.Second)
		var err error
		switch id {
		case "re_approved":
			_, _, err = s.ApproveRefund(t.Context(), merchantID, id, says, action(says.Actor, "refund.approve", id), at)
		case "re_refused", "re_undone":
			_, _, err = s.RefuseRefund(t.Context(), merchantID, id, says, action(says.Actor, "refund.refuse", id), at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	asked, err := s.AskCorrection(t.Context(), merchantID, "re_undone", refund.Approval{To: refund.Succeeded, Proof: "p"}, action(audit.ByUser("a"), "refund.correct", "re_undone"), at)
	if err != nil {
		t.Fatal(err)
	}
	by := action(says.Actor, "refund.confirm", "re_undone").With("approval", asked.ID).With("digest", asked.Digest)
	w := refund.Report{Key: refund.Key{MerchantID: merchantID, ID: "re_undone"}, ChargeID: c.ID}
	_, err = s.Record(t.Context(), []refund.Report{w}, true, func(c refund.Charge, r refund.Refund, _ refund.Report) refund.Change {
		says.Asked.Actor = asked.Requester
		word, fault := refund.Confirm(r, asked, says, at)
		if fault != nil {
			t.Error(fault)
			return refund.Change{Charge: c}
		}
		change := refund.Apply(c, r, word, refund.Pace{}, at)
		change.Actions = []refund.Action{by}
		return change
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.LinkAudit(t.Context(), merchantID); err != nil {
		t.Fatal(err)
	}
}

// insert takes a decision about new refunds through one transaction.
func insert(t *testing.T, s *store.Store, c refund.Charge, decide func(refund.Charge) (refund.Change, *refund.Error)) {
	t.Helper()
	key := refund.ChargeKey{MerchantID: c.MerchantID, ID: c.ID}
	err := s.InTx(t.Context(), func(tx intake.Tx) error {
		locked, err := tx.LockCharges(t.Context(), []refund.ChargeKey{key})
		if err != nil {
			return err
		}
		change, refusal := decide(locked[key])
		if refusal != nil {
			return refusal
		}
		return tx.Insert(t.Context(), []refund.Change{change})
	})
	if err != nil {
		t.Fatal(err)
	}
}
