package sqldb

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// notebook is a file with one table.
type notebook struct{ db *sqliteDB }

func newNotebook(t testing.TB) notebook {
	t.Helper()
	db, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "notes.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.close)
	err = db.write(t.Context(), func(q Querier) error {
		_, err := q.Exec(t.Context(), "CREATE TABLE notes (note TEXT NOT NULL UNIQUE)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return notebook{db}
}

// committed is what another connection sees, in order.
func (b notebook) committed() string {
	var found []string
	err := b.db.read(context.Background(), func(q Querier) error {
		return q.Query(context.Background(), "SELECT note FROM notes", nil, func(scan func(...any) error) error {
			var one string
			err := scan(&one)
			found = append(found, one)
			return err
		})
	})
	if err != nil {
		return err.Error()
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// queue starts a transaction and waits until it stands in line. Its result is
// an error if it panicked, too.
func (b notebook) queue(ctx context.Context, run transaction, work func(Querier) error) <-chan error {
	waiting := func() int {
		b.db.writer.mu.Lock()
		defer b.db.writer.mu.Unlock()
		return len(b.db.writer.waiting)
	}
	before, result := waiting(), make(chan error, 1)
	go func() {
		err := errors.New("it panicked")
		defer func() {
			_ = recover()
			result <- err
		}()
		err = repeat(ctx, work, run)
	}()
	for waiting() == before {
		runtime.Gosched()
	}
	return result
}

type transaction = func(context.Context, func(Querier) error) error

// part is one transaction of a test.
type part struct {
	work  func(Querier) error
	alone bool // it may not share
	fails bool
}

func TestTransactionsThatWaitShareACommit(t *testing.T) {
	ctx := t.Context()
	note := func(text string) func(Querier) error {
		return func(q Querier) error {
			_, err := q.Exec(ctx, "INSERT INTO notes (note) VALUES ($1)", text)
			return err
		}
	}
	cases := []struct {
		name  string
		parts []part
		// during is what is committed while the last one is at work, after in the end.
		during, after string
	}{
		{"all of them stand", []part{{work: note("b")}, {work: note("c")}}, "", "a b c"},
		{"who may not share begins after the commit of the others", []part{{work: note("b")}, {work: note("c"), alone: true}}, "a b", "a b c"},
		{"nobody shares with it either", []part{{work: note("b"), alone: true}, {work: note("c")}}, "a b", "a b c"},
		{"one that fails is taken back alone", []part{
			{work: note("b")},
			{work: func(q Querier) error { return errors.Join(note("x")(q), errors.New("no good")) }, fails: true},
			{work: note("c")},
		}, "", "a b c"},
		{"one that panics is taken back alone", []part{
			{work: func(q Querier) error {
				_ = note("x")(q)
				panic("no good")
			}, fails: true},
			{work: note("c")},
		}, "", "a c"},
		{"one that hides the failure of its statement fails", []part{
			{work: func(q Querier) error {
				_, _ = note("x")(q), note("a")(q)
				return nil
			}, fails: true},
			{work: note("c")},
		}, "", "a c"},
		{"after one that undid everything the others run again", []part{
			{work: note("b")},
			{work: func(q Querier) error {
				_, err := q.Exec(ctx, "ROLLBACK") // as SQLite does by itself when the disk is full
				return err
			}, fails: true},
			{work: note("c")},
		}, "", "a b c"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newNotebook(t)
			ready, begun := make(chan struct{}), make(chan struct{}, 1)
			results := make([]<-chan error, len(c.parts)+1)
			first := make(chan error, 1)
			results[0] = first
			go func() {
				first <- repeat(ctx, func(q Querier) error {
					select {
					case begun <- struct{}{}:
						<-ready
					default: // it runs again
					}
					return note("a")(q)
				}, b.db.share)
			}()
			<-begun
			during := ""
			for n, p := range c.parts {
				run, work := b.db.share, p.work
				if p.alone {
					run = b.db.write
				}
				if n == len(c.parts)-1 {
					work = func(q Querier) error {
						during = b.committed()
						return p.work(q)
					}
				}
				results[n+1] = b.queue(ctx, run, work)
			}
			close(ready)
			for n, result := range results {
				fails := n > 0 && c.parts[n-1].fails
				if err := <-result; (err != nil) != fails {
					t.Errorf("part %d: error %v, want one: %v", n, err, fails)
				}
			}
			if after := b.committed(); during != c.during || after != c.after {
				t.Errorf("committed %q and then %q, want %q and %q", during, after, c.during, c.after)
			}
		})
	}
}

// A part that found nothing to do, or refuses because of what it read, may have
// read what those before it wrote: it is answered once that is committed.
func TestWhatAPartReadIsAnsweredOnceItIsCommitted(t *testing.T) {
	ctx := t.Context()
	b := newNotebook(t)
	ready, begun := make(chan struct{}), make(chan struct{})
	first := b.begin(ctx, func(q Querier) error {
		close(begun)
		<-ready
		_, err := q.Exec(ctx, "INSERT INTO notes (note) VALUES ('a')")
		return err
	})
	<-begun
	errNothing := errors.New("it is there already")
	answered := make(chan error, 1)
	reads := b.queue(ctx, b.db.share, func(q Querier) error {
		found := 0
		err := q.Query(ctx, "SELECT note FROM notes", nil, func(scan func(...any) error) error {
			found++
			return scan(new(string))
		})
		if err == nil && found == 1 {
			err = errNothing
		}
		return err
	})
	go func() { answered <- <-reads }()
	last := b.queue(ctx, b.db.share, func(Querier) error {
		select {
		case err := <-answered:
			t.Errorf("answered with %v while %q is committed", err, b.committed())
			answered <- err
		case <-time.After(200 * time.Millisecond): // enough for an answer to come that must not
		}
		return nil
	})
	close(ready)
	if err := errors.Join(<-first, <-last); err != nil {
		t.Error(err)
	}
	if err := <-answered; !errors.Is(err, errNothing) {
		t.Errorf("answered with %v", err)
	}
}

// begin starts a transaction that nobody stands before.
func (b notebook) begin(ctx context.Context, work func(Querier) error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- b.db.share(ctx, work) }()
	return result
}
