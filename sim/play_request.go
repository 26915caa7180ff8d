package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/refundry/refundry/money"
)

// maxTogether is how many requests may meet in one commit.
const maxTogether = 6

// moment is how long a request is given to come to the intake, again and again.
const moment = 20 * time.Microsecond

// paid is a charge as the merchant's program knows it.
type paid struct {
	amount money.Minor
	// names are what each program calls it.
	names map[string]string
	// asked is what was asked for and not refused: at most that much is gone.
	asked money.Minor
	// certain is what was accepted and can only succeed: at least that much is gone.
	certain money.Minor
}

// asked is a refund that was asked for.
type asked struct {
	charge  *paid
	program program
	number  string
	amount  money.Minor
	// id is the refund's own, "" until an answer says so. refused is an answer that
	// nothing was accepted.
	id       string
	refused  bool
	canceled bool
}

// answer is what a request was answered. Status 0 is no answer.
type answer struct {
	status int
	body   []byte
}

// certain reports whether the sandbox lets a refund of an amount succeed whatever
// happens, and for good.
func certain(amount money.Minor) bool {
	switch amount % 100 {
	case 51, 52, 56:
		return false
	}
	return true
}

// request is the refund as the program asks for it.
func (a *asked) request(ctx context.Context) *http.Request {
	r := a.program.ask(ctx, a.charge.names[a.program.name], a)
	r.Header.Set("Idempotency-Key", a.number)
	return r
}

func newRequest(ctx context.Context, method, path, body, authorization string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, method, path, bytes.NewReader([]byte(body)))
	r.TLS = &tls.ConnectionState{} // plain requests of the wallet come no other way
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Prefer", "wait=0")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

// answered has the service answer a request. Where it closes the connection there is
// no answer.
func (p *play) answered(r *http.Request) (got answer) {
	defer func() {
		if problem := recover(); problem == http.ErrAbortHandler { //nolint:errorlint // package http panics with this very value
			got = answer{}
		} else if problem != nil {
			panic(problem)
		}
	}()
	w := httptest.NewRecorder()
	p.service.Handler().ServeHTTP(w, r)
	return answer{w.Code, w.Body.Bytes()}
}

// native calls the native API and reads the answer into into, where it is a success.
func (p *play) native(ctx context.Context, method, path, body string, into any) (status int, err error) {
	got := p.together(ctx, []*http.Request{newRequest(ctx, method, "/refundry/v1"+path, body, "Bearer "+nativeKey)})[0]
	if into != nil && got.status/100 == 2 {
		err = json.Unmarshal(got.body, into)
	}
	return got.status, err
}

// ask asks for refunds, all of which meet in one commit.
func (p *play) ask(ctx context.Context, all []*asked) {
	requests := make([]*http.Request, len(all))
	for n, a := range all {
		requests[n] = a.request(ctx)
	}
	for n, got := range p.together(ctx, requests) {
		p.learn(all[n], got)
	}
}

// together has requests answered that come one after the other while a commit is
// under way, so that they meet in the next.
func (p *play) together(ctx context.Context, requests []*http.Request) []answer {
	ended := make(chan struct{}, len(requests))
	answers := make([]answer, len(requests))
	left := 0
	for n, r := range requests {
		before := p.service.Waiting()
		left++
		go func() {
			answers[n] = p.answered(r)
			ended <- struct{}{}
		}()
		// The next one comes when this one waits, or has its answer.
		for came := false; !came; {
			select {
			case <-ended:
				left--
				came = true
			case <-time.After(moment):
				came = p.service.Waiting() > before
			}
		}
	}
	for left > 0 {
		if p.service.Waiting() > 0 {
			p.take(ctx, p.service.Steps()[0])
		}
		select {
		case <-ended:
			left--
		case <-time.After(moment):
		}
	}
	return answers
}

// learn takes an answer for what it says, and holds it against what was said before.
func (p *play) learn(a *asked, got answer) {
	p.report.Requests++
	var body struct {
		ID string `json:"id"`
	}
	switch {
	case got.status/100 == 2:
		if err := json.Unmarshal(got.body, &body); err != nil || body.ID == "" {
			p.broken("refund %s of %s is answered %s", a.number, a.program.name, got.body)
		}
		p.accepted(a, body.ID)
	case got.status == 0 || got.status >= 500 || got.status == http.StatusTooManyRequests:
		p.report.Unclear++
	case a.id != "":
		p.broken("refund %s of %s was accepted, and is then answered %d %s", a.number, a.program.name, got.status, got.body)
	default:
		a.refused = true
		p.report.Refused++
		a.charge.asked -= a.amount
		if room := a.charge.amount - a.charge.asked; a.amount <= room {
			p.broken("refund %s of %d is refused with %d %s, though %d is left at least", a.number, a.amount, got.status, got.body, room)
		}
	}
	p.note("refund %s of %d through %s: %d %s", a.number, a.amount, a.program.name, got.status, a.id)
}

func (p *play) accepted(a *asked, id string) {
	switch {
	case a.id == "":
		a.id = id
		p.report.Accepted++
		if certain(a.amount) {
			a.charge.certain += a.amount
		}
		if a.charge.certain > a.charge.amount {
			p.broken("refund %s: %d of a charge of %d are refunded", a.number, a.charge.certain, a.charge.amount)
		}
	case a.id != id:
		p.broken("refund %s of %s is %s, and then %s", a.number, a.program.name, a.id, id)
	}
}

// pay registers a charge that was paid.
func (p *play) pay(ctx context.Context) error {
	n := len(p.charges)
	c := &paid{amount: money.Minor(1 + p.rng.IntN(100000)), names: make(map[string]string)}
	var got registered
	body := fmt.Sprintf(`{"order_no":"T%d","amount":%d,"currency":"CNY","channel":"wx","paid_at":%q}`, n, c.amount, p.clock.now.Format(time.RFC3339Nano))
	status, err := p.native(ctx, http.MethodPost, "/charges", body, &got)
	if err != nil || status != http.StatusCreated {
		return fmt.Errorf("register a charge: %d, %w", status, err)
	}
	for _, one := range programs {
		c.names[one.name] = one.read(got)
	}
	p.charges = append(p.charges, c)
	p.note("charge %s of %d", got.ID, c.amount)
	return nil
}

// refunds asks for some refunds at once, of any charge or all of one.
func (p *play) refunds(ctx context.Context) error {
	together := 1 + p.rng.IntN(maxTogether)
	one := p.charges[p.rng.IntN(len(p.charges))]
	hot := p.rng.IntN(2) == 0
	var all []*asked
	for range together {
		if !hot {
			one = p.charges[p.rng.IntN(len(p.charges))]
		}
		a := &asked{charge: one, program: programs[p.rng.IntN(len(programs))], number: fmt.Sprintf("R%d", len(p.asked)), amount: p.amount(one)}
		one.asked += a.amount
		p.asked = append(p.asked, a)
		all = append(all, a)
	}
	p.ask(ctx, all)
	return nil
}

// amount is one that the sandbox does something special with, any, or more than was
// paid.
func (p *play) amount(c *paid) money.Minor {
	switch p.rng.IntN(8) {
	case 0:
		return c.amount + 1 + money.Minor(p.rng.IntN(100))
	case 1:
		return 1 + money.Minor(p.rng.Int64N(int64(c.amount)))
	}
	return 51 + money.Minor(p.rng.IntN(11)) + 100*money.Minor(p.rng.IntN(3))
}

// again repeats a request: the answer must be the same refund, or the same refusal.
func (p *play) again(ctx context.Context) error {
	if len(p.asked) == 0 {
		return nil
	}
	a := p.asked[p.rng.IntN(len(p.asked))]
	if a.refused {
		return nil // there may be room by now
	}
	if p.rng.IntN(4) == 0 && a.id != "" {
		p.other(ctx, a)
		return nil
	}
	p.ask(ctx, []*asked{a})
	return nil
}

// other asks for another amount under a number that is taken.
func (p *play) other(ctx context.Context, a *asked) {
	changed := *a
	changed.amount++
	got := p.together(ctx, []*http.Request{changed.request(ctx)})[0]
	p.report.Requests++
	if got.status/100 == 2 {
		p.broken("refund %s of %d is accepted again as one of %d", a.number, a.amount, changed.amount)
	}
	p.note("refund %s with another amount: %d", a.number, got.status)
}

// cancel cancels a refund, if it still can be.
func (p *play) cancel(ctx context.Context) {
	if len(p.asked) == 0 {
		return
	}
	a := p.asked[p.rng.IntN(len(p.asked))]
	if a.id == "" {
		return
	}
	status, _ := p.native(ctx, http.MethodPost, "/refunds/"+a.id+"/cancel", "{}", nil)
	if status == http.StatusOK && !a.canceled {
		a.canceled = true
		if certain(a.amount) {
			a.charge.certain -= a.amount
		}
	}
	p.note("cancel %s: %d", a.id, status)
}
