package sandbox

import (
	"context"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// maxAdvance is how far one call moves a clock: beyond ten years, times would
// leave what other parts can write.
const maxAdvance = 10 * 365 * 24 * time.Hour

// AddFunds ends an account's shortage: its 55s succeed from now on, at their
// next submit. KindInvalid if the amount is not above 0 or has no currency.
func (s *Sandbox) AddFunds(ctx context.Context, account string, amount money.Amount, w *refund.Write) error {
	switch {
	case account == "":
		return refund.Errorf(refund.KindInvalid, "account", "an account is needed")
	case amount.Minor <= 0:
		return refund.Errorf(refund.KindInvalid, "amount", "the amount must be above 0")
	case !amount.Currency.Valid():
		return refund.Errorf(refund.KindInvalid, "currency", "no active ISO 4217 currency")
	}
	return s.byHand(ctx, "add funds", w, func(ctx context.Context, tx Tx) (*page, error) {
		return nil, tx.AddFunds(ctx, account, s.blank().now)
	})
}

// Settle ends a refund that is pending (58) or abnormal (52) by hand: state is
// "succeeded" (also when empty) or "failed". Asking again for the state that
// it has changes nothing. KindInvalid for another state, KindRefundNotFound,
// KindStateConflict when the refund is not open.
func (s *Sandbox) Settle(ctx context.Context, account, number, state string, w *refund.Write) error {
	target := State(state)
	if state == "" {
		target = Succeeded
	}
	if target != Succeeded && target != Failed {
		return refund.Errorf(refund.KindInvalid, "state", "the state is succeeded or failed")
	}
	return s.change(ctx, "settle", Key{account, number}, w, func(e *Entry, now time.Time) *refund.Error {
		switch {
		case e.State == target:
			return nil
		case e.State != Processing && e.State != Abnormal:
			return refund.Errorf(refund.KindStateConflict, "refund", "only a pending or abnormal refund can be settled; the sandbox has it as %s", e.State)
		case target == Succeeded:
			e.move(now)
		default:
			e.State = Failed
		}
		e.WakesAt = time.Time{}
		return nil
	})
}

// Reroute sends an abnormal refund (52) another way, which succeeds.
// KindRefundNotFound, KindStateConflict when it is not abnormal.
func (s *Sandbox) Reroute(ctx context.Context, account, number string, w *refund.Write) error {
	return s.change(ctx, "reroute", Key{account, number}, w, func(e *Entry, now time.Time) *refund.Error {
		if e.State != Abnormal {
			return refund.Errorf(refund.KindStateConflict, "refund", "only an abnormal refund can be rerouted; the sandbox has it as %s", e.State)
		}
		e.move(now)
		return nil
	})
}

// change changes one entry by hand, with a notice when its state is another.
func (s *Sandbox) change(ctx context.Context, doing string, key Key, w *refund.Write, decide func(e *Entry, now time.Time) *refund.Error) error {
	return s.byHand(ctx, doing, w, func(ctx context.Context, tx Tx) (*page, error) {
		p, err := s.open(ctx, tx, []Key{key})
		if err != nil {
			return nil, err
		}
		e, known := p.entries[key]
		if !known {
			return nil, refund.Errorf(refund.KindRefundNotFound, "refund", "the sandbox was not asked for this refund yet")
		}
		before := e.State
		if refused := decide(&e, p.clock(key.Account)); refused != nil {
			return nil, refused
		}
		if e.State != before {
			p.put(e)
			p.notify(e, string(e.State), e.says())
		}
		return p, nil
	})
}

// Advance moves an account's clock ahead and lets what was due until then
// happen: 56s are returned, 58s succeed, with a notice each. KindInvalid
// unless 0 < by <= ten years.
func (s *Sandbox) Advance(ctx context.Context, account string, by time.Duration, w *refund.Write) error {
	if by <= 0 || by > maxAdvance {
		return refund.Errorf(refund.KindInvalid, "advance_seconds", "a clock is moved ahead by 1 second to 10 years")
	}
	by = by.Truncate(time.Microsecond)
	err := s.byHand(ctx, "advance", w, func(ctx context.Context, tx Tx) (*page, error) {
		return nil, tx.MoveClock(ctx, account, by)
	})
	// The clock's row is free again: calls lock entries first.
	for woken := maxWoken; err == nil && woken == maxWoken; {
		woken, err = s.wakeAccount(ctx, account)
	}
	return err
}

// StepClock lets time pass in every account where it changes something, and
// says how many entries it changed; with maxWoken accounts more may wait.
func (s *Sandbox) StepClock(ctx context.Context) (int, error) {
	accounts, err := s.books.AccountsToWake(ctx, s.blank().now, maxWoken)
	if err != nil {
		return 0, refund.Wrap(err, "find the sandbox accounts to wake")
	}
	total := 0
	for _, account := range accounts {
		woken, err := s.wakeAccount(ctx, account)
		if err != nil {
			return total, err
		}
		total += woken
	}
	return total, nil
}

func (s *Sandbox) wakeAccount(ctx context.Context, account string) (woken int, err error) {
	err = s.byHand(ctx, "wake", nil, func(ctx context.Context, tx Tx) (*page, error) {
		p := s.blank()
		if err := p.readAccounts(ctx, tx, []string{account}); err != nil {
			return nil, err
		}
		entries, err := tx.Waking(ctx, account, p.clock(account), maxWoken)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			p.entries[e.Key()] = e
			p.wake(e.Key())
		}
		woken = len(entries)
		return p, nil
	})
	return woken, err
}

// byHand is write for a person: a refusal is returned as it is. The write with
// the request's Idempotency-Key, if it has one, is recorded with the effect.
func (s *Sandbox) byHand(ctx context.Context, doing string, w *refund.Write, work func(context.Context, Tx) (*page, error)) error {
	err := s.write(ctx, w, work)
	if err == nil {
		return nil
	}
	if refused := refund.As(err); refused != nil {
		return refused
	}
	return refund.Wrap(err, doing+" in the sandbox")
}

// Bill lists what an account's refunds moved at from <= time < to of its
// clock, oldest first; those that end in 61 are left out.
func (s *Sandbox) Bill(ctx context.Context, account string, from, to time.Time) ([]Entry, error) {
	entries, err := s.books.Bill(ctx, account, from, to)
	if err != nil {
		return nil, refund.Wrap(err, "read the sandbox's bill")
	}
	listed := entries[:0:0]
	for _, e := range entries {
		if digits(e.Amount.Minor) != billIncomplete {
			listed = append(listed, e)
		}
	}
	return listed, nil
}
