package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

// readOnly is a database that answers, and takes no changes.
type readOnly struct {
	Store
	due     []refund.Due
	claimed []string
}

func (s *readOnly) DueOf(_ context.Context, _ time.Time, asks []refund.DueAsk) (found []refund.Due, err error) {
	for _, ask := range asks {
		for _, d := range s.due {
			if d.MerchantID == ask.MerchantID && d.Account == ask.ID && d.Submits == ask.Submits {
				found = append(found, d)
			}
		}
	}
	return found, nil
}

func (s *readOnly) ResumeAccounts(context.Context, []refund.AccountKey, time.Time) ([]refund.AccountKey, error) {
	return nil, nil
}

func (s *readOnly) PutOff(context.Context, []refund.PutOff, time.Time) (int, error) {
	return 0, errors.New("no changes are taken")
}

func (s *readOnly) ClaimRefunds(_ context.Context, due []refund.Due, _, _ time.Time) ([]refund.Claimed, []refund.Apart, error) {
	for _, d := range due {
		s.claimed = append(s.claimed, d.MerchantID)
	}
	return nil, nil, nil
}

// A look that can't put off what a pause holds up claims the others, and keeps no room for
// what it did not claim.
func TestALookThatCanNotPutOffClaimsTheOthers(t *testing.T) {
	now := time.Now()
	paused, other := refund.AccountKey{MerchantID: "paused", ID: "acc_1"}, refund.AccountKey{MerchantID: "other", ID: "acc_2"}
	s := &readOnly{}
	for _, key := range []refund.AccountKey{paused, other} {
		s.due = append(s.due, refund.Due{
			Key: refund.Key{MerchantID: key.MerchantID, ID: "re_1"}, Account: key.ID, State: refund.Created, Submits: true, CreatedAt: now, DueAt: now,
		})
	}
	e := New(s, nil, nil, Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	e.mu.Lock()
	e.pauses.entry(paused).seen = e.now()
	for _, key := range []refund.AccountKey{paused, other} {
		l := e.lane(key)
		l.fallBehind()
		e.refill(l, e.now())
	}
	e.mu.Unlock()
	if _, err := e.lookAtLanes(t.Context(), e.now()); err != nil || !slices.Equal(s.claimed, []string{"other"}) {
		t.Fatalf("%v were claimed, %v", s.claimed, err)
	}
	for _, key := range []refund.AccountKey{paused, other} {
		if l := e.lane(key); e.used != 0 || l.held != 0 || l.submits.reserved != 0 {
			t.Errorf("used %d, held %d, reserved %d", e.used, l.held, l.submits.reserved)
		}
	}
}
