package intake_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// crowd is how many callers race in these tests.
const crowd = 64

// raceAll has each of crowd callers ask once, at the same time, and counts
// what became of them by kind of error; "" is accepted anew, "again" a repeat.
func raceAll(t *testing.T, desks []*desk, unit func(n int) refund.Unit) map[string]int {
	t.Helper()
	var mu sync.Mutex
	var asking sync.WaitGroup
	start := make(chan struct{})
	counts := make(map[string]int)
	for n := range crowd {
		asking.Go(func() {
			<-start
			result, err := desks[n%len(desks)].Accept(t.Context(), unit(n), 0)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				counts[string(refund.KindOf(err))]++
			case result.Repeated:
				counts["again"]++
			default:
				counts[""]++
			}
		})
	}
	close(start)
	asking.Wait()
	return counts
}

// replicas opens eight intakes on one store, so that their transactions meet
// in the database and not in one batch.
func replicas(t *testing.T, s *store.Store) []*desk {
	t.Helper()
	desks := make([]*desk, 8)
	for n := range desks {
		desks[n] = open(t, s, intake.Options{})
	}
	return desks
}

// Without the lock on the charge, or with a batch that does not see what is
// before it in the batch, more than one is accepted in some of the rounds.
func TestOf64Refunds60Of100OneIsAccepted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const rounds = 8
		desks := replicas(t, s)
		for _, c := range chargesOf(t, s, newMerchant(), rounds, 100) {
			counts := raceAll(t, desks, func(int) refund.Unit { return ask(c, 60, "", "") })
			if counts[""] != 1 || counts[string(refund.KindAmountExceeded)] != crowd-1 {
				t.Fatalf("%v, want one accepted and all others told that it is too much", counts)
			}
			checkHeld(t, s, c, 60)
			if made := refundsOf(t, s, c); len(made) != 1 {
				t.Fatalf("%d refunds are on disk", len(made))
			}
		}
	})
}

func TestOf64RepeatsAtOnceOneIsMade(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, by := range []string{"number", "key"} {
			t.Run(by, func(t *testing.T) {
				c := chargesOf(t, s, newMerchant(), 1, 100_000)[0]
				counts := raceAll(t, replicas(t, s), func(int) refund.Unit {
					if by == "key" {
						return ask(c, 60, "", "K")
					}
					return ask(c, 60, "A", "")
				})
				if counts[""] != 1 || counts["again"] != crowd-1 {
					t.Errorf("%v, want one made and all others told of it", counts)
				}
				checkHeld(t, s, c, 60)
			})
		}
	})
}

func TestOf64ClaimsOfANumberForDifferentChargesOneWins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		paid := chargesOf(t, s, newMerchant(), crowd, 100)
		counts := raceAll(t, replicas(t, s), func(n int) refund.Unit { return ask(paid[n], 60, "A", "") })
		if counts[""] != 1 || counts[string(refund.KindNumberConflict)] != crowd-1 {
			t.Errorf("%v, want one made and all others a conflict", counts)
		}
		var held money.Minor
		for _, c := range paid {
			now, err := s.Charge(t.Context(), c.MerchantID, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			held += now.Reserved
		}
		if held != 60 {
			t.Errorf("%d is held, want 60", held)
		}
	})
}

// Units that name the same charges and numbers in different orders meet in
// the database: with one order of locking none of them waits for another in a
// circle, and each is answered.
func TestUnitsThatCrossAreAllAnswered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const rounds = 4
		paid := chargesOf(t, s, newMerchant(), 8, 1_000_000)
		desks := replicas(t, s)
		for round := range rounds {
			counts := raceAll(t, desks, func(n int) refund.Unit {
				u := ask(paid[n%8], 1, fmt.Sprintf("A%d-%d", round, n), "")
				v := ask(paid[(n*5+3)%8], 2, fmt.Sprintf("B%d-%d", round, crowd-n), "")
				u.Requests, u.Members = append(u.Requests, v.Requests...), append(u.Members, v.Members...)
				return u
			})
			if counts[""] != crowd {
				t.Fatalf("%v, want all accepted", counts)
			}
		}
	})
}

// What the database itself refuses is in one unit of a batch: the others are
// accepted as if it had not been there.
func TestOnlyTheGuiltyUnitOfABatchFails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		m := newMerchant()
		paid := chargesOf(t, s, m, 4, 100)
		poison := map[string]func(*refund.Unit){
			// Text that PostgreSQL can't hold; SQLite can.
			"broken UTF-8": func(u *refund.Unit) { u.Requests[0].Reason = "\xff\x00" },
			// Refused by the encoding, before any database.
			"metadata that is no JSON": func(u *refund.Unit) { u.Requests[0].Detail.Metadata = []byte("{") },
		}
		for name, spoil := range poison {
			t.Run(name, func(t *testing.T) {
				units := make([]refund.Unit, 4)
				for n := range units {
					units[n] = ask(paid[n], 1, name+fmt.Sprint(n), "")
				}
				spoil(&units[2])
				for n, answer := range oneBatch(t, s, units) {
					if n == 2 {
						takes := s.SQLite() && strings.HasPrefix(name, "broken")
						if takes != (answer.err == nil) {
							t.Errorf("the guilty unit: %v", answer.err)
						}
						continue
					}
					if answer.err != nil {
						t.Errorf("unit %d: %v", n, answer.err)
					}
				}
			})
		}
		t.Run("beyond the CHECK", func(t *testing.T) {
			// A rule that fails us: what it accepts, the database refuses.
			units := make([]refund.Unit, 4)
			for n := range units {
				units[n] = ask(paid[n], 1, fmt.Sprint("check", n), "")
			}
			broken := brokenCap{s, paid[2].ID}
			units[2] = ask(paid[2], 101, "check2", "")
			for n, answer := range oneBatch(t, broken, units) {
				if (n == 2) != (answer.err != nil) {
					t.Errorf("unit %d: %v", n, answer.err)
				}
			}
			checkHeld(t, s, paid[3], 3)
		})
	})
}
