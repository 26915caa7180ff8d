package dialecttest

import (
	"net/http"
	"sync"
	"testing"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// Speaker is how the suite speaks a dialect.
type Speaker struct {
	// Dialect is its name.
	Dialect string
	// Known, if not nil, is called with each merchant that the suite makes, for
	// dialects whose requests need more than the key's text.
	Known func(s *Service, fresh merchant.Fresh)
	// Refund makes the request for a refund of a charge, as the demo merchant
	// or whoever's key it is; amount nil is everything, number "" is none.
	// base is the service's URL.
	Refund func(t testing.TB, base, key string, charge refund.Alias, amount *money.Minor, number string) *http.Request
	// Credentials gives what Refund and Bad get as key; nil is the text of the
	// merchant's API key. For a dialect whose callers have a key pair instead.
	Credentials func(merchant.Fresh) string
	// RefundID reads the dialect's name for the refund from an answer; ok is
	// false when the answer does not accept a refund.
	RefundID func(status int, body string) (id string, ok bool)
	// Read makes the request that shows a charge to its merchant.
	Read func(t testing.TB, base, key string, charge refund.Alias) *http.Request
	// Bad are requests against a charge of 100 that must be refused, by what
	// is wrong with them.
	Bad func(t testing.TB, base, key string, charge refund.Alias) map[string]*http.Request
	// CallerHeaders decide who calls. One that stands twice is 401.
	CallerHeaders []string
	// Routes are the dialect's; see Routes.
	Routes []dialect.Route
	// Writes are its writing calls by method and path, such as "POST /x/{id}"; nil
	// is one that by its method writes and changes nothing.
	Writes map[string]Write
	// Unknown reports whether an answer says that the outcome is unknown: query,
	// or repeat the same. It is nil for a dialect that closes the connection.
	Unknown func(status int, body string) bool
}

// paid is what the suite's charges are worth, in minor units. Amounts that are
// refunded of them end in nothing that the sandbox makes trouble of (51 to 61).
const paid = 100

// Run is what every dialect must pass.
func Run(t *testing.T, s Speaker) {
	f := fixture{Speaker: s, service: Start(t)}
	f.mine = f.service.Merchant(t, "mine", merchant.Test, nil)
	f.other = f.service.Merchant(t, "other", merchant.Test, nil)
	if s.Known != nil {
		s.Known(f.service, f.mine)
		s.Known(f.service, f.other)
	}
	t.Run("a refund is accepted once and reaches the payer", f.refunds)
	t.Run("without an amount everything that is left is refunded", f.refundsTheRest)
	t.Run("the same number with the same content is the same refund", f.repeats)
	t.Run("the same number with other content is refused", f.conflicts)
	t.Run("more than is left is refused and the rest stays refundable", f.capped)
	t.Run("of many at once no more is accepted than was paid", f.crowd)
	t.Run("an unknown charge is refused", f.unknownCharge)
	t.Run("another merchant's charge is unknown", f.foreignCharge)
	t.Run("an unknown key is refused", f.unknownKey)
	t.Run("a header that decides who calls stands once", f.twoCallers)
	t.Run("bad input is refused and changes no row", f.badInput)
	t.Run("what was done is not denied by a fault behind it", f.lostAnswers)
	t.Run("a database that is down is told as 503, and nothing was accepted", f.outage)
}

type fixture struct {
	Speaker
	service     *Service
	mine, other merchant.Fresh
}

func (f fixture) charge(t testing.TB, of merchant.Fresh) refund.Charge {
	return f.service.Charge(t, of.Merchant.ID, paid, nil)
}

func (f fixture) alias(t testing.TB, charge refund.Charge) refund.Alias {
	t.Helper()
	alias, ok := charge.Alias(f.Dialect)
	if known, _ := service.Dialects().Find(f.Dialect); known.Charges == nil { // which has no names of its own
		return refund.Alias{Dialect: f.Dialect, Name: charge.ID}
	}
	if !ok {
		t.Fatalf("the charge has no name in %s", f.Dialect)
	}
	return alias
}

// ask sends a refund request of the suite's merchant.
func (f fixture) ask(t testing.TB, charge refund.Charge, amount *money.Minor, number string) (id string, accepted bool) {
	t.Helper()
	response, body := Do(t, f.Refund(t, f.service.URL, f.key(), f.alias(t, charge), amount, number))
	if response.StatusCode >= http.StatusInternalServerError {
		t.Errorf("answered %d %s", response.StatusCode, body)
	}
	return f.RefundID(response.StatusCode, body)
}

func (f fixture) refunds(t *testing.T) {
	charge := f.charge(t, f.mine)
	if _, ok := f.ask(t, charge, minor(30), ""); !ok {
		t.Fatal("was not accepted")
	}
	f.service.settled(t)
	got := f.service.Refunds(t, charge)
	if len(got) != 1 || got[0].Amount != 30 || got[0].State != refund.Succeeded || got[0].By.Dialect != f.Dialect {
		t.Errorf("the refunds are %+v", got)
	}
}

func (f fixture) refundsTheRest(t *testing.T) {
	charge := f.charge(t, f.mine)
	f.ask(t, charge, minor(30), "")
	if _, ok := f.ask(t, charge, nil, ""); !ok {
		t.Fatal("was not accepted")
	}
	if got := f.service.Refunds(t, charge); len(got) != 2 || got[0].Amount != paid-30 {
		t.Errorf("the refunds are %+v", got)
	}
	if _, ok := f.ask(t, charge, nil, ""); ok {
		t.Error("nothing was left, and it was accepted")
	}
}

func (f fixture) repeats(t *testing.T) {
	charge := f.charge(t, f.mine)
	first, ok := f.ask(t, charge, minor(30), "repeat-1")
	again, okAgain := f.ask(t, charge, minor(30), "repeat-1")
	if !ok || !okAgain || first != again {
		t.Errorf("accepted as %q (%t), then as %q (%t)", first, ok, again, okAgain)
	}
	if got := f.service.Refunds(t, charge); len(got) != 1 {
		t.Errorf("%d refunds were made of one number", len(got))
	}
}

func (f fixture) conflicts(t *testing.T) {
	charge := f.charge(t, f.mine)
	f.ask(t, charge, minor(30), "conflict-1")
	if _, ok := f.ask(t, charge, minor(31), "conflict-1"); ok {
		t.Error("another amount was accepted")
	}
	if _, ok := f.ask(t, f.charge(t, f.mine), minor(30), "conflict-1"); ok {
		t.Error("another charge was accepted")
	}
	if got := f.service.Refunds(t, charge); len(got) != 1 {
		t.Errorf("%d refunds were made of one number", len(got))
	}
}

func (f fixture) capped(t *testing.T) {
	charge := f.charge(t, f.mine)
	f.ask(t, charge, minor(70), "")
	f.service.Unchanged(t, func() {
		if _, ok := f.ask(t, charge, minor(31), ""); ok {
			t.Error("one fen too much was accepted")
		}
		if _, ok := f.ask(t, charge, minor(1<<62), ""); ok {
			t.Error("far too much was accepted")
		}
	})
	if _, ok := f.ask(t, charge, minor(30), ""); !ok {
		t.Error("the rest was not accepted")
	}
}

func (f fixture) crowd(t *testing.T) {
	const callers = 32
	charge := f.charge(t, f.mine)
	requests := make([]*http.Request, callers)
	for n := range requests {
		requests[n] = f.Refund(t, f.service.URL, f.key(), f.alias(t, charge), minor(70), "")
	}
	var all sync.WaitGroup
	accepted := make([]bool, callers)
	for n, r := range requests {
		all.Go(func() {
			response, body, err := do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_, accepted[n] = f.RefundID(response.StatusCode, body)
		})
	}
	all.Wait()
	var count int
	for _, ok := range accepted {
		if ok {
			count++
		}
	}
	if got := f.service.Refunds(t, charge); count != 1 || len(got) != 1 {
		t.Errorf("%d were accepted, %d are there", count, len(got))
	}
}

func (f fixture) unknownCharge(t *testing.T) {
	charge := f.charge(t, f.mine)
	charge.ID = "ch_000000000000000000000000"
	for n := range charge.Aliases {
		charge.Aliases[n].Name = "ch_000000000000000000000000"
	}
	f.service.Unchanged(t, func() {
		if _, ok := f.ask(t, charge, minor(1), ""); ok {
			t.Error("was accepted")
		}
	})
}

func (f fixture) foreignCharge(t *testing.T) {
	charge := f.charge(t, f.other)
	f.service.Unchanged(t, func() {
		if _, ok := f.ask(t, charge, minor(1), ""); ok {
			t.Error("was accepted")
		}
	})
}

func (f fixture) unknownKey(t *testing.T) {
	charge := f.charge(t, f.mine)
	f.service.Unchanged(t, func() {
		key := "sk_test_000000000000000000000000"
		response, body := Do(t, f.Refund(t, f.service.URL, key, f.alias(t, charge), minor(1), ""))
		if _, ok := f.RefundID(response.StatusCode, body); ok || response.StatusCode != http.StatusUnauthorized {
			t.Errorf("answered %d %s", response.StatusCode, body)
		}
	})
}

func (f fixture) twoCallers(t *testing.T) {
	alias := f.alias(t, f.charge(t, f.mine))
	if len(f.CallerHeaders) == 0 {
		t.Fatal("no header decides who calls")
	}
	for _, name := range f.CallerHeaders {
		t.Run(name, func(t *testing.T) {
			f.service.Unchanged(t, func() {
				r := f.Refund(t, f.service.URL, f.key(), alias, minor(1), "")
				first := r.Header.Get(name)
				if first == "" {
					r.Header.Set(name, "some")
				}
				r.Header.Add(name, first)
				if response, body := Do(t, r); response.StatusCode != http.StatusUnauthorized {
					t.Errorf("answered %d %s", response.StatusCode, body)
				}
			})
		})
	}
}

func (f fixture) badInput(t *testing.T) {
	alias := f.alias(t, f.charge(t, f.mine))
	for name, r := range f.Bad(t, f.service.URL, f.key(), alias) {
		t.Run(name, func(t *testing.T) {
			f.service.Unchanged(t, func() {
				response, body := Do(t, r)
				if _, ok := f.RefundID(response.StatusCode, body); ok || response.StatusCode >= http.StatusInternalServerError {
					t.Errorf("answered %d %s", response.StatusCode, body)
				}
			})
		})
	}
}

// key is the suite's merchant's.
func (f fixture) key() string {
	if f.Credentials != nil {
		return f.Credentials(f.mine)
	}
	return f.mine.Key(f.Dialect)
}

func minor(amount money.Minor) *money.Minor { return &amount }
