package store_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// fillMany fills a store with the charges and refunds of mer_many, of which the first
// three have attempts, transfers and a streak.
func fillMany(t *testing.T, s *store.Store) {
	t.Helper()
	for _, text := range append(
		manyRefunds,
		`INSERT INTO attempts (merchant_id, id, refund_id, source, epoch, outcome, message, created_at)
			SELECT merchant_id, 'at_' || id, id, 'query', 1, 'unknown', id, 5 FROM refunds WHERE merchant_id = 'mer_many' AND created_at <= 3`,
		`INSERT INTO transfers (merchant_id, created_at, id, refund_id, charge_id, kind, from_account, to_account, amount, currency)
			SELECT merchant_id, 1, 'tr_' || id, id, charge_id, 'reserve', 'merchant.available', 'refund.reserved', created_at, 'CNY'
			FROM refunds WHERE merchant_id = 'mer_many' AND created_at <= 3`,
		`UPDATE refunds SET charge_id = 'ch_1' WHERE merchant_id = 'mer_many' AND id IN ('re_2', 're_3')`,
		`UPDATE refunds SET streak = '{"source":"query","outcome":"unknown","times":3}' WHERE merchant_id = 'mer_many' AND id = 're_2'`,
		`INSERT INTO charges (merchant_id, id, order_no, channel, channel_account, transaction_id, currency, amount, paid_at, created_at, updated_at)
			SELECT 'mer_other', id, order_no, channel, channel_account, transaction_id, currency, 7, 1, 1, 1 FROM charges WHERE merchant_id = 'mer_many' AND id = 'ch_1'`,
	) {
		if err := s.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// readings are reads of each kind, of what is there and what is not.
func readings(s *store.Store) map[string]func(context.Context) (any, error) {
	out := make(map[string]func(context.Context) (any, error))
	page := refund.Page{Limit: 2}
	for _, merchantID := range []string{"mer_many", "mer_other"} {
		for _, n := range []string{"1", "2", "none"} {
			add := func(name string, one func(context.Context) (any, error)) { out[name+" "+merchantID+" "+n] = one }
			add("charge", func(ctx context.Context) (any, error) { return s.Charge(ctx, merchantID, "ch_"+n) })
			add("alias", func(ctx context.Context) (any, error) { return s.ChargeByAlias(ctx, merchantID, "pingpp", "name"+n) })
			add("any, id", func(ctx context.Context) (any, error) { return s.ChargeByAny(ctx, merchantID, "ch_"+n) })
			add("any, name", func(ctx context.Context) (any, error) { return s.ChargeByAny(ctx, merchantID, "name"+n) })
			add("any, order", func(ctx context.Context) (any, error) { return s.ChargeByAny(ctx, merchantID, "T"+n) })
			add("id by id", func(ctx context.Context) (any, error) { return s.ChargeIDByAny(ctx, merchantID, "ch_"+n) })
			add("id by name", func(ctx context.Context) (any, error) { return s.ChargeIDByAny(ctx, merchantID, "name"+n) })
			add("refund", func(ctx context.Context) (any, error) { return s.Refund(ctx, merchantID, "re_"+n) })
			add("refund by alias", func(ctx context.Context) (any, error) {
				r, charge, err := s.RefundByAlias(ctx, merchantID, "pingpp", "name"+n, "re_"+n)
				return []any{r, charge}, err
			})
			add("another charge's refund", func(ctx context.Context) (any, error) {
				_, _, err := s.RefundByAlias(ctx, merchantID, "pingpp", "name"+n, "re_4")
				return nil, err
			})
			add("list by alias", func(ctx context.Context) (any, error) {
				refunds, charge, more, err := s.RefundsByAlias(ctx, merchantID, "pingpp", "name"+n, 2)
				return []any{refunds, charge, more}, err
			})
			add("attempts", func(ctx context.Context) (any, error) { return s.Attempts(ctx, merchantID, "re_"+n) })
			add("transfers", func(ctx context.Context) (any, error) { return s.Transfers(ctx, merchantID, "re_"+n) })
			for name, f := range map[string]refund.Filter{"of charge": {ChargeID: "ch_" + n}, "by number": {Number: "N" + n}} {
				f.MerchantID, f.Page = merchantID, page
				add("list "+name, func(ctx context.Context) (any, error) {
					refunds, more, err := s.RefundList(ctx, f)
					return []any{refunds, more}, err
				})
				add("look "+name, func(ctx context.Context) (any, error) { return s.RefundLook(ctx, f) })
			}
		}
	}
	return out
}

// heard is what a caller was answered.
type heard struct {
	value any
	fault string
}

func hear(value any, err error) heard {
	if err != nil {
		return heard{fault: err.Error()}
	}
	return heard{value: value}
}

// asking asks everything at once; the channel has the answers when all are there.
func asking(ctx context.Context, asked map[string]func(context.Context) (any, error)) <-chan map[string]heard {
	answers := make(map[string]heard)
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, read := range asked {
		all.Go(func() {
			got := hear(read(ctx))
			mu.Lock()
			defer mu.Unlock()
			answers[name] = got
		})
	}
	done := make(chan map[string]heard, 1)
	go func() {
		all.Wait()
		done <- answers
	}()
	return done
}

// await returns when as many callers wait.
func await(t *testing.T, h *store.HeldReads, callers int) {
	t.Helper()
	for h.Waiting() != callers {
		if t.Context().Err() != nil {
			t.Fatal("the test ends before the callers wait")
		}
		runtime.Gosched()
	}
}

// stepped runs shared statements until all callers have their answers: one that finds no
// refund by its charge's name looks for the charge next.
func stepped(t *testing.T, h *store.HeldReads, got <-chan map[string]heard) map[string]heard {
	t.Helper()
	for {
		h.Step(t.Context())
		select {
		case answers := <-got:
			return answers
		case <-t.Context().Done():
			t.Fatal("the test ends before the callers have answers")
		default:
			runtime.Gosched()
		}
	}
}

// Callers that share a statement are answered as those that have one of their own,
// each with its own rows.
func TestReadsThatShareAStatementFindWhatEachFindsAlone(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	fillMany(t, s)
	all := readings(s)
	want := make(map[string]heard)
	found := 0
	for name, read := range all {
		want[name] = hear(read(t.Context()))
		if want[name].fault == "" {
			found++
		}
	}
	if found < 40 || found == len(all) {
		t.Fatalf("%d of %d find something", found, len(all))
	}
	h := s.HoldReads(time.Hour)
	got := asking(t.Context(), all)
	await(t, h, len(all))
	if diff := cmp.Diff(want, stepped(t, h, got), cmp.AllowUnexported(heard{}), cmpopts.EquateComparable()); diff != "" {
		t.Error(diff)
	}
}

// The same while the loops run, on both engines, and after their end.
func TestReadsAreAnsweredWhileTheyAreGatheredAndAfterwards(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fillMany(t, s)
		all := readings(s)
		want := make(map[string]heard)
		for name, read := range all {
			want[name] = hear(read(t.Context()))
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.ReadTogether(ctx)
		}()
		for range 3 {
			if diff := cmp.Diff(want, <-asking(t.Context(), all), cmp.AllowUnexported(heard{}), cmpopts.EquateComparable()); diff != "" {
				t.Fatal(diff)
			}
		}
		stopping := asking(t.Context(), all) // as the loops end
		stop()
		<-ended
		for name, got := range map[string]map[string]heard{"at the end": <-stopping, "after it": <-asking(t.Context(), all)} {
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(heard{}), cmpopts.EquateComparable()); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	})
}

// A statement begins after its keys were asked for: what was committed before is seen.
func TestASharedReadSeesWhatWasCommittedBefore(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	fillMany(t, s)
	h := s.HoldReads(time.Hour)
	for n := range 3 {
		id := "ch_fresh" + strconv.Itoa(n)
		c := refund.Charge{
			MerchantID: "mer_many", ID: id, OrderNo: id, Channel: "wx", TransactionID: id, Currency: "CNY", Amount: 100,
			PaidAt: noon, CreatedAt: noon, UpdatedAt: noon, Aliases: []refund.Alias{{Dialect: "pingpp", Identity: "app", Name: "fresh" + id}},
		}
		if _, _, err := s.RegisterCharge(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		got := asking(t.Context(), map[string]func(context.Context) (any, error){
			"id":    func(ctx context.Context) (any, error) { return s.ChargeIDByAny(ctx, "mer_many", id) },
			"alias": func(ctx context.Context) (any, error) { return s.ChargeByAlias(ctx, "mer_many", "pingpp", "fresh"+id) },
		})
		await(t, h, 2)
		h.Step(t.Context())
		for name, one := range <-got {
			if one.fault != "" {
				t.Errorf("%s: %s", name, one.fault)
			}
		}
	}
}

// A damaged row, and a key that fails the statement, are those callers' alone.
func TestWhatIsWrongWithOneSharedReadIsItsCallersAlone(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	fillMany(t, s)
	for _, text := range []string{
		`UPDATE charges SET detail = '{"coupons":7}' WHERE merchant_id = 'mer_other'`,
		`UPDATE refunds SET parts = 'x' WHERE merchant_id = 'mer_many' AND id = 're_2'`,
	} {
		if err := s.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	h := s.HoldReads(time.Hour)
	type reads = map[string]func(context.Context) (any, error)
	for name, asked := range map[string]reads{
		"damaged": {
			"sound":     func(ctx context.Context) (any, error) { return s.Charge(ctx, "mer_many", "ch_1") },
			"bad":       func(ctx context.Context) (any, error) { return s.Charge(ctx, "mer_other", "ch_1") },
			"sound one": func(ctx context.Context) (any, error) { return s.Refund(ctx, "mer_many", "re_1") },
			"bad one":   func(ctx context.Context) (any, error) { return s.Refund(ctx, "mer_many", "re_2") },
			"sound, look": func(ctx context.Context) (any, error) {
				return s.RefundLook(ctx, refund.Filter{MerchantID: "mer_many", ChargeID: "ch_1"})
			},
			"bad by alias": func(ctx context.Context) (any, error) {
				r, _, err := s.RefundByAlias(ctx, "mer_many", "pingpp", "name1", "re_2")
				return r, err
			},
			"sound by alias": func(ctx context.Context) (any, error) {
				r, _, err := s.RefundByAlias(ctx, "mer_many", "pingpp", "name1", "re_1")
				return r, err
			},
			"bad list by alias": func(ctx context.Context) (any, error) {
				refunds, _, _, err := s.RefundsByAlias(ctx, "mer_many", "pingpp", "name1", 5)
				return refunds, err
			},
			"bad list": func(ctx context.Context) (any, error) {
				refunds, _, err := s.RefundList(ctx, refund.Filter{MerchantID: "mer_many", ChargeID: "ch_1", Page: refund.Page{Limit: 5}})
				return refunds, err
			},
		},
		"a key that PostgreSQL refuses": {
			"sound":     func(ctx context.Context) (any, error) { return s.Charge(ctx, "mer_many", "ch_1") },
			"sound too": func(ctx context.Context) (any, error) { return s.Charge(ctx, "mer_many", "ch_3") },
			"bad":       func(ctx context.Context) (any, error) { return s.Charge(ctx, "mer_other", "ch\x00") },
		},
	} {
		got := asking(t.Context(), asked)
		await(t, h, len(asked))
		for caller, one := range stepped(t, h, got) {
			if strings.HasPrefix(caller, "bad") != (one.fault != "") {
				t.Errorf("%s, %s: %v %s", name, caller, one.value, one.fault)
			}
		}
	}
}

// A caller that gives up leaves the others with their answers.
func TestACallerThatGivesUpLeavesASharedReadToTheOthers(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	fillMany(t, s)
	h := s.HoldReads(time.Hour)
	charge := func(ctx context.Context) (any, error) { return s.Charge(ctx, "mer_many", "ch_1") }
	ctx, cancel := context.WithCancel(t.Context())
	gone, kept := make(chan error, 1), asking(t.Context(), map[string]func(context.Context) (any, error){"a": charge, "b": charge})
	go func() {
		_, err := charge(ctx)
		gone <- err
	}()
	await(t, h, 3)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up: %v", err)
	}
	h.Step(t.Context())
	for name, one := range <-kept {
		if one.fault != "" {
			t.Errorf("%s: %s", name, one.fault)
		}
	}
}

// A statement that gets no answer holds nobody up for ever.
func TestACallerThatWaitedTooLongReadsAlone(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	fillMany(t, s)
	s.HoldReads(time.Millisecond)
	if c, err := s.Charge(t.Context(), "mer_many", "ch_1"); err != nil || c.ID != "ch_1" {
		t.Errorf("%s, %v", c.ID, err)
	}
}

// However many callers of one merchant wait, one of another goes with the next
// statement; beyond a bound they are answered "busy".
func TestAFloodOfOneMerchantsReadsHoldsUpNoOther(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	fillMany(t, s)
	h := s.HoldReads(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var flood sync.WaitGroup
	defer flood.Wait()
	const callers = 2048
	for range callers {
		flood.Go(func() { _, _ = s.Charge(ctx, "mer_many", "ch_1") })
	}
	await(t, h, callers)
	if _, err := s.Charge(ctx, "mer_many", "ch_1"); refund.KindOf(err) != refund.KindBusy {
		t.Errorf("one too many: %v", err)
	}
	other := asking(t.Context(), map[string]func(context.Context) (any, error){
		"other": func(ctx context.Context) (any, error) { return s.Charge(ctx, "mer_other", "ch_1") },
	})
	await(t, h, callers+1)
	h.Step(t.Context())
	if got := (<-other)["other"]; got.fault != "" {
		t.Error(got.fault)
	}
	if left := h.Waiting(); left < callers-100 {
		t.Errorf("%d still wait: the statement was for all", left)
	}
	cancel()
}

func TestSharedReadsReadNoTableToItsEnd(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	fillMany(t, s) // without ANALYZE
	lines, err := s.SharedPlans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\n")
	if strings.Contains(text, "Seq Scan") || strings.Count(text, "Index Cond:") < 19 {
		t.Error(text)
	}
	for own, listed := range store.FirstPages() {
		if own != listed {
			t.Errorf("a first page is\n%s\nand in a list\n%s", own, listed)
		}
	}
}
