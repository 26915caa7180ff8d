package reconcile

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// All files of a spool share its bytes, nothing of them has a name while it is
// written, and what was written before it was full can be read.
func TestASpoolHasABound(t *testing.T) {
	folder := t.TempDir()
	s := newSpool(folder, 100)
	defer s.remove()
	for _, add := range []func(string) error{s.bill, func(id string) error { return s.book(id, onlyToday) }} {
		if err := add(strings.Repeat("x", 40)); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{s.bill(strings.Repeat("y", 40)), s.row(keptRow{Listed: channel.Listed{Number: "1"}})} {
		if refund.KindOf(err) != refund.KindTooLarge {
			t.Errorf("beyond the bound: %v", err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("the folder has %v, %v", left, err)
	}
	if err := s.each(func(id string) error { t.Errorf("%s twice", id); return nil }, func(id string, _ nearness) error { t.Errorf("%s is absent", id); return nil }); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatIsNotThereIsSaid(t *testing.T) {
	s := newSpool(t.TempDir()+"/none", 100)
	defer s.remove()
	if err := s.bill("x"); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Error(err)
	}
}

// limited is a connector with a rate of queries.
type limited struct {
	channel.Connector
	rate int
}

func (limited) Capabilities() channel.Capabilities { return channel.Capabilities{} }
func (l limited) Limits() channel.Limits {
	return channel.Limits{Query: channel.Calls{PerSecond: l.rate}}
}

func TestAReconciliationAsksAtAQuarterOfTheRate(t *testing.T) {
	for rate, want := range map[int]time.Duration{0: 0, 1: 4 * time.Second, 20: 200 * time.Millisecond} {
		if got := newAsker(limited{rate: rate}).pause; got != want {
			t.Errorf("at %d queries a second it pauses for %s, want %s", rate, got, want)
		}
	}
}
