package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// full makes the file as large as it may become.
func (b notebook) full(t *testing.T) {
	t.Helper()
	b.pragma(t, "PRAGMA max_page_count = 1") // is as many as there are
}

func (b notebook) pragma(t *testing.T, text string) {
	t.Helper()
	err := b.db.writer.alone(func() error {
		return b.db.writer.conn.query(t.Context(), text, nil, func(func(...any) error) error { return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (b notebook) note(ctx context.Context, text string) func(Querier) error {
	return func(q Querier) error {
		_, err := q.Exec(ctx, "INSERT INTO notes VALUES ($1)", text)
		return err
	}
}

func TestAFullFileIsUnavailableAndNothingOfItHappened(t *testing.T) {
	b := newNotebook(t)
	b.full(t)
	for name, run := range map[string]transaction{"alone": b.db.write, "shared": b.db.share} {
		err := repeat(t.Context(), b.note(t.Context(), strings.Repeat(name, 5000)), run)
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrCommitUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.pragma(t, "PRAGMA max_page_count = 1000000")
	if err := b.db.write(t.Context(), b.note(t.Context(), "small")); err != nil || b.committed() != "small" {
		t.Errorf("%q, %v", b.committed(), err)
	}
}

// The transactions that share a commit with one that has no room are run again,
// and stand.
func TestAPartWithoutRoomTakesNoOtherWithIt(t *testing.T) {
	b := newNotebook(t)
	b.full(t)
	began, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- b.db.write(t.Context(), func(Querier) error {
			close(began)
			<-release
			return nil
		})
	}()
	<-began
	small := b.queue(t.Context(), b.db.share, b.note(t.Context(), "small"))
	large := b.queue(t.Context(), b.db.share, b.note(t.Context(), strings.Repeat("large", 5000)))
	last := b.queue(t.Context(), b.db.share, b.note(t.Context(), "last"))
	close(release)
	if err := <-large; !errors.Is(err, ErrUnavailable) {
		t.Errorf("the large one: %v", err)
	}
	if err := errors.Join(<-first, <-small, <-last); err != nil || b.committed() != "last small" {
		t.Errorf("%q, %v", b.committed(), err)
	}
}

// What COMMIT refuses was rolled back, whatever its reason.
func TestACommitThatIsRefusedIsNotUnknown(t *testing.T) {
	b := newNotebook(t)
	err := b.db.write(t.Context(), func(q Querier) error {
		_, err := q.Exec(t.Context(), "CREATE TABLE replies (note TEXT REFERENCES notes (note) DEFERRABLE INITIALLY DEFERRED)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = b.db.write(t.Context(), func(q Querier) error {
		_, err := q.Exec(t.Context(), "INSERT INTO replies VALUES ('to nothing')")
		return err
	})
	if err == nil || errors.Is(err, ErrCommitUnknown) || errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := b.db.fresh(t.Context(), b.note(t.Context(), "after")); err != nil || b.committed() != "after" {
		t.Errorf("%q, %v", b.committed(), err)
	}
}

func TestWhatPostgreSQLSaysOfAnOutage(t *testing.T) {
	for code, want := range map[string]bool{
		"53100": true, "53200": true, "53300": true, "57P01": true, "57P03": true, "58030": true, "08006": true, "25006": true,
		"57014": false, "23505": false, "40001": false, "42P01": false, "22003": false, "XX000": false, "": false,
	} {
		err := pgUnusable(fmt.Errorf("insert: %w", &pgconn.PgError{Code: code}))
		if errors.Is(err, ErrUnavailable) != want {
			t.Errorf("%q: %v", code, err)
		}
	}
	if err := pgCommitted(&pgconn.PgError{Code: "53100", SeverityUnlocalized: "ERROR"}); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrCommitUnknown) {
		t.Errorf("a COMMIT without room: %v", err)
	}
	if err := pgCommitted(&pgconn.PgError{Code: "57P01", SeverityUnlocalized: "FATAL"}); !errors.Is(err, ErrCommitUnknown) {
		t.Errorf("a server that ended during COMMIT: %v", err)
	}
}

// Words of an outage that is over say nothing about the next.
func TestOnlyWhatBeganSinceItIsBackTakesADatabaseDown(t *testing.T) {
	h, downs := newHealth(), 0
	h.watched, h.down = true, func() { downs++ }
	lost := unavailable(errors.New("it broke"))
	h.note(h.now(), lost)
	h.note(h.now(), lost)
	if h.cause == nil || downs != 1 {
		t.Errorf("%v, %d times down", h.cause, downs)
	}
	before := h.now()
	h.back()
	h.note(before, lost)
	h.note(h.now(), nil)
	h.note(h.now(), errors.New("a rule"))
	if h.cause != nil || downs != 1 {
		t.Errorf("%v, %d times down", h.cause, downs)
	}
	h.note(h.now(), commitUnknown(errors.New("it broke")))
	if h.cause == nil || downs != 2 {
		t.Errorf("%v, %d times down", h.cause, downs)
	}
}
