package admin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// fullOf is a store in which subjects that begin like one are at their bounds.
type fullOf struct {
	admin.Store
	subject string
	looked  int
	since   time.Time
}

func (f *fullOf) CountTry(_ context.Context, bounds []merchant.TryBound, _, _ time.Time) (counts []int64, since []time.Time, err error) {
	f.looked++
	for _, bound := range bounds {
		count := int64(1)
		if strings.HasPrefix(bound.Subject, f.subject) {
			count = bound.Most + 1
		}
		counts, since = append(counts, count), append(since, f.since)
	}
	return counts, since, nil
}

// Whoever tried too often is refused without a look into the database until the window
// is over; who shares nothing with them is looked for. A network of IPv6 is one place.
func TestWhoTriedTooOftenMakesNoWork(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	store := &fullOf{subject: "address ", since: now}
	desk := admin.New(admin.Services{Store: store, Now: func() time.Time { return now }})
	try := func(email, address string, looks int) {
		t.Helper()
		before := store.looked
		_, _, err := desk.SignIn(t.Context(), admin.SignIn{Email: email, Password: "p", Address: address})
		if refund.KindOf(err) != refund.KindBusy || store.looked-before != looks {
			t.Errorf("%s from %s: %d looks, %v", email, address, store.looked-before, err)
		}
	}
	try("a@example.com", "192.0.2.1", 1)
	for n := range 20 {
		try(fmt.Sprintf("nobody%d@example.com", n), "192.0.2.1", 0)
	}
	try("a@example.com", "192.0.2.2", 1)
	try("a@example.com", "2001:db8:0:1::1", 1)
	try("b@example.com", "2001:db8:0:1:ffff::2", 0)
	try("b@example.com", "2001:db8:0:2::1", 1)
	now = now.Add(15*time.Minute + time.Second)
	try("a@example.com", "192.0.2.1", 1)
}
