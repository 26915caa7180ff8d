package sim

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// returnAfter is how many seconds the sandbox's clock is moved, after which it
	// has sent back what its bank returns.
	returnAfter = 25 * 60 * 60
	// maxRests bounds how often the steps are gone through in the end: what has not
	// come to rest by then never will.
	maxRests = 100000
)

// end ends the faults, gives back funds and accounts, lets days pass, and looks at
// what became of each refund.
func (p *play) end(ctx context.Context) error {
	p.faults.on, p.told.refuses = false, false
	if err := p.prepare(ctx); err != nil {
		return err
	}
	for _, a := range p.asked {
		for try := 0; a.id == "" && !a.refused; try++ {
			if try == maxTogether {
				p.broken("refund %s has no clear answer, though nothing fails any more", a.number)
				return nil
			}
			p.ask(ctx, []*asked{a})
		}
	}
	if err := p.rest(ctx, refund.Created, refund.Pending); err != nil {
		return err
	}
	if status, err := p.native(ctx, http.MethodPost, "/sandbox/funds", `{"amount":1000000000,"currency":"CNY"}`, nil); err != nil || status != http.StatusOK {
		return fmt.Errorf("add funds: %d, %w", status, err)
	}
	for _, a := range p.asked {
		if a.id != "" && !a.canceled && a.amount%100 == 52 {
			if status, err := p.native(ctx, http.MethodPost, "/sandbox/refunds/"+a.id+"/reroute", "{}", nil); err != nil || status != http.StatusOK {
				return fmt.Errorf("reroute %s: %d, %w", a.id, status, err)
			}
		}
	}
	open := []refund.State{refund.Created, refund.Pending, refund.Held, refund.Abnormal}
	if err := p.rest(ctx, open...); err != nil {
		return err
	}
	body := fmt.Sprintf(`{"advance_seconds":%d}`, returnAfter)
	if status, err := p.native(ctx, http.MethodPost, "/sandbox/clock", body, nil); err != nil || status != http.StatusOK {
		return fmt.Errorf("move the sandbox's clock: %d, %w", status, err)
	}
	if err := p.rest(ctx, open...); err != nil {
		return err
	}
	for _, a := range p.asked {
		if err := p.ended(ctx, a); err != nil {
			return err
		}
	}
	return p.verify(ctx)
}

// rest goes through the steps until nothing is left to do now and no refund is in one
// of the states, or nothing is due, ever.
func (p *play) rest(ctx context.Context, states ...refund.State) error {
	for range maxRests {
		if err := ctx.Err(); err != nil {
			return err
		}
		work := 0
		for _, s := range p.service.Steps() {
			for n := p.take(ctx, s); n > 0 && ctx.Err() == nil; n = p.take(ctx, s) {
				work += n
			}
		}
		if work > 0 || p.service.Busy() {
			p.clock.pass(time.Millisecond)
			continue
		}
		next, err := p.service.NextDue(ctx)
		switch {
		case err != nil:
			return err
		case next.IsZero():
			return nil
		case !p.any(ctx, states):
			return nil
		case next.After(p.clock.now):
			p.clock.pass(next.Sub(p.clock.now))
		}
		p.clock.pass(time.Millisecond)
	}
	p.broken("it does not come to rest")
	return nil
}

// any reports whether a refund is in one of the states.
func (p *play) any(ctx context.Context, states []refund.State) bool {
	for _, state := range states {
		var open struct {
			Data []struct{} `json:"data"`
		}
		status, err := p.native(ctx, http.MethodGet, "/refunds?limit=1&state="+string(state), "", &open)
		if err != nil || status != http.StatusOK || len(open.Data) > 0 {
			return true
		}
	}
	return false
}

// ended looks at what became of a refund.
func (p *play) ended(ctx context.Context, a *asked) error {
	if a.refused {
		return nil
	}
	var r struct {
		State  refund.State `json:"state"`
		Amount int64        `json:"amount"`
	}
	status, err := p.native(ctx, http.MethodGet, "/refunds/"+a.id, "", &r)
	if err != nil {
		return fmt.Errorf("read refund %s: %w", a.id, err)
	}
	if status != http.StatusOK {
		p.broken("refund %s was accepted as %s and is not there: %d", a.number, a.id, status)
		return nil
	}
	want := refund.Succeeded
	switch {
	case a.canceled:
		want = refund.Canceled
	case a.amount%100 == 51, a.amount%100 == 56:
		want = refund.Failed
	}
	if r.State != want || r.Amount != int64(a.amount) {
		p.broken("refund %s of %d, %s, has ended as %s of %d; want %s", a.number, a.amount, a.id, r.State, r.Amount, want)
	}
	if want == refund.Succeeded && !p.told.events["refund.succeeded "+a.id] {
		p.broken("nobody was notified that refund %s, %s, succeeded", a.number, a.id)
	}
	p.report.Ended[r.State]++
	p.note("refund %s has ended: %s", a.id, r.State)
	return nil
}

// prepare adds the first charges and the endpoint where they are not there.
func (p *play) prepare(ctx context.Context) error {
	if len(p.charges) > 0 {
		return nil
	}
	const endpoint = `{"url":"https://shop.example/hook","dialect":"native"}`
	if status, err := p.native(ctx, http.MethodPost, "/endpoints", endpoint, nil); err != nil || status != http.StatusCreated {
		return fmt.Errorf("add an endpoint: %d, %w", status, err)
	}
	for range 5 {
		if err := p.pay(ctx); err != nil {
			return err
		}
	}
	return nil
}
