package dayfile

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// line is like a row of a daily file.
type line struct {
	Number, Order, Note string
	At                  time.Time
	Amount              int64
	N                   int
}

func lineOf(random *rand.Rand, n int) (at time.Time, key string, l line) {
	at = time.Unix(int64(random.IntN(5000)), 0).UTC() // many have the same
	key = fmt.Sprint("key ", random.IntN(50))
	l = line{fmt.Sprint("number ", n), fmt.Sprint("order ", n/3), "", at, int64(random.IntN(3)), n}
	return at, key, l
}

// Rows come out as a stable sort in memory has them, however many there are, and
// each time the same.
func TestRowsComeInTheirOrder(t *testing.T) {
	for _, count := range []int{0, 1, 1000, maxHeld, maxHeld + 1, 7*maxHeld + 123} {
		random := rand.New(rand.NewPCG(1, uint64(count)))
		var rows Rows[line]
		want := make([]row[line], 0, count)
		for n := range count {
			at, key, l := lineOf(random, n)
			want = append(want, row[line]{at, key, l})
			if err := rows.Add(at, key, l); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortStableFunc(want, func(a, b row[line]) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key)) })
		for pass := range 2 {
			n := 0
			err := rows.Each(func(l line) error {
				if want[n].Row != l {
					return fmt.Errorf("row %d is %+v, want %+v", n, l, want[n].Row)
				}
				n++
				return nil
			})
			if err != nil || n != count || rows.Len() != count {
				t.Errorf("pass %d: %d of %d rows, %v", pass, n, count, err)
			}
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

// 400,000 rows, twice as many as a file in memory could have, need no more memory
// than a few parts.
func TestManyRowsNeedLittleMemory(t *testing.T) {
	const count, maxGrowth = 400_000, 32 << 20
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := used(), uint64(0)
	random := rand.New(rand.NewPCG(1, 2))
	var rows Rows[line]
	for n := range count {
		if err := rows.Add(lineOf(random, n)); err != nil {
			t.Fatal(err)
		}
		if n%(count/8) == count/8-1 {
			most = max(most, used())
		}
	}
	n := 0
	err := rows.Each(func(line) error {
		if n++; n%(count/8) == 0 {
			most = max(most, used())
		}
		return nil
	})
	if err != nil || n != count {
		t.Errorf("%d rows, %v", n, err)
	}
	t.Logf("%d rows took at most %d KB of memory and %d KB of disk", count, (most-min(before, most))/1024, rows.bytes/1024)
	if most > before+maxGrowth {
		t.Errorf("%d bytes", most-before)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
}

func TestAWalkEndsWithTheFirstError(t *testing.T) {
	var rows Rows[int]
	for n := range 3 {
		if err := rows.Add(time.Unix(int64(n), 0), "", n); err != nil {
			t.Fatal(err)
		}
	}
	stop, n := errors.New("stop"), 0
	err := rows.Each(func(int) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// A merchant that asks for files and does not read them leaves the others theirs.
func TestAMerchantHasTwoFilesAtOnce(t *testing.T) {
	var turns Turns
	end, _ := turns.Begin("m")
	if _, ok := turns.Begin("m"); !ok {
		t.Error("the second is refused")
	}
	if _, ok := turns.Begin("m"); ok {
		t.Error("there are three")
	}
	if _, ok := turns.Begin("other"); !ok {
		t.Error("another merchant is refused")
	}
	end()
	if _, ok := turns.Begin("m"); !ok {
		t.Error("there is no room after one has ended")
	}
}
