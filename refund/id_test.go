package refund_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

func TestIDs(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9A-Za-z]{24}$`)
	seen := map[string]bool{}
	var ids []string
	for n := range 2000 {
		id := refund.NewID(at0.Add(time.Duration(n) * time.Millisecond))
		if !shape.MatchString(id) || seen[id] {
			t.Fatalf("%q is no id, or there already", id)
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids do not sort by their time")
	}
	random := make([]byte, 16)
	if a, b := refund.IDAt(at0, random), refund.IDAt(at0, random); a != b || !shape.MatchString(a) {
		t.Errorf("the same time and digits give %q and %q", a, b)
	}
	if a, b := refund.IDAt(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), random), refund.IDAt(time.Date(8887, 1, 1, 0, 0, 0, 0, time.UTC), random); a >= b {
		t.Errorf("%q and %q do not sort by their time", a, b)
	}
}

func TestTheTimeInAnID(t *testing.T) {
	at := at0.Add(123456789 * time.Nanosecond)
	if got, ok := refund.IDTime(refund.NewID(at)); !ok || !got.Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("%v, %v: want %v", got, ok, at)
	}
	for _, text := range []string{"", "1", "0000000000000000000000-0", "0000000000000000000000000"} {
		if at, ok := refund.IDTime(text); ok {
			t.Errorf("%q was made at %v", text, at)
		}
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("the disk is full")
	wrapped := fmt.Errorf("accept: %w", refund.Wrap(cause, "write refund"))
	if refund.KindOf(wrapped) != refund.KindInternal || !errors.Is(wrapped, cause) || strings.Contains(refund.As(wrapped).Detail, "disk") {
		t.Errorf("%v: the cause is for the log and not for the caller", wrapped)
	}
	if refund.KindOf(cause) != refund.KindInternal || refund.As(cause) != nil {
		t.Error("an error that is not ours is internal")
	}
	if got := refund.Errorf(refund.KindInvalid, "amount", "above %d", 1).Error(); got != "invalid (amount): above 1" {
		t.Errorf("%q", got)
	}
}

func TestATransactionNumberHas28DigitsAndIsNew(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("", 8*60*60))
	a, b := refund.NewTransactionID(now), refund.NewTransactionID(now)
	if len(a) != 28 || strings.Trim(a, "0123456789") != "" || !strings.HasPrefix(a, "420020261122020000") {
		t.Errorf("%q has another form", a)
	}
	if a == b {
		t.Error("two are the same")
	}
}
