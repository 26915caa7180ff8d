package sqldb

import (
	"fmt"
	"strings"
	"testing"
)

// The log is copied into the file by a connection of its own, and begins anew: also
// when somebody has read from it for long, once he has ended.
func TestTheLogBeginsAnew(t *testing.T) {
	b, ctx := newNotebook(t), t.Context()
	frames := func() (count int64) {
		conn, err := b.db.reader()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.close()
		if _, count, err = conn.checkpoint("NOOP"); err != nil {
			t.Fatal(err)
		}
		return count
	}
	write := func(prefix string) int64 {
		for n := range 60 {
			if err := b.db.share(ctx, b.note(ctx, fmt.Sprint(prefix, n))); err != nil {
				t.Fatal(err)
			}
		}
		b.db.writer.copies.Wait()
		// What is written next begins the log anew.
		if err := b.db.share(ctx, b.note(ctx, prefix)); err != nil {
			t.Fatal(err)
		}
		return frames()
	}
	b.db.writer.most = 30
	if frames := write("a"); frames == 0 || frames > 100 {
		t.Errorf("%d pages are in the log", frames)
	}
	var held int64
	if err := b.db.snapshot(ctx, func(q Querier) error {
		err := q.Query(ctx, "SELECT count(*) FROM notes", nil, func(scan func(...any) error) error { return scan(new(int64)) })
		held = write("b")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if after := write("c"); held < 120 || after >= held {
		t.Errorf("%d pages are in the log while somebody reads from it, and %d later", held, after)
	}
	if got := strings.Count(b.committed(), " "); got != 182 {
		t.Errorf("%d notes", got+1)
	}
}

// The connection that writes flushes each commit, and copies nothing.
func TestTheWriterFlushesAndDoesNotCopy(t *testing.T) {
	b := newNotebook(t)
	for setting, want := range map[string]int64{"synchronous": 2, "wal_autocheckpoint": 0} {
		if err := b.db.write(t.Context(), func(q Querier) error {
			return q.Query(t.Context(), "PRAGMA "+setting, nil, func(scan func(...any) error) error {
				var is int64
				err := scan(&is)
				if is != want {
					t.Errorf("%s is %d, want %d", setting, is, want)
				}
				return err
			})
		}); err != nil {
			t.Error(err)
		}
	}
}
