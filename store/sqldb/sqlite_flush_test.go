package sqldb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// Who wrote and who read what is not on the disk yet waits, and who writes next
// does not.
func TestTheNextTransactionRunsWhileTheLastOneIsFlushed(t *testing.T) {
	b, ctx := newNotebook(t), t.Context()
	entered, release := make(chan struct{}), make(chan struct{})
	var flushes, released atomic.Int64
	b.db.writer.log.sync = func(file *os.File) error {
		if flushes.Add(1) == 1 {
			close(entered)
			<-release
		}
		return flushFile(file)
	}
	answered := func(what string, err error) error {
		if err == nil && released.Load() == 0 {
			err = errors.New(what + " was answered before the flush")
		}
		return err
	}
	first, ran := make(chan error, 1), make(chan struct{}, 2)
	begun, ready := make(chan struct{}), make(chan struct{})
	go func() {
		first <- answered("the write", b.db.share(ctx, func(q Querier) error {
			close(begun)
			<-ready
			return b.note(ctx, "a")(q)
		}))
	}()
	<-begun
	part := b.queue(ctx, func(ctx context.Context, work func(Querier) error) error {
		return answered("the part", b.db.share(ctx, work))
	}, b.note(ctx, "d"))
	close(ready)
	<-entered
	read := make(chan error, 1)
	go func() {
		seen := ""
		err := b.db.read(ctx, func(q Querier) error {
			defer func() { ran <- struct{}{} }()
			return q.Query(ctx, "SELECT note FROM notes", nil, func(scan func(...any) error) error { return scan(&seen) })
		})
		if err == nil && seen == "" {
			err = fmt.Errorf("the reader saw %q", seen)
		}
		read <- answered("the read", err)
	}()
	second := b.begin(ctx, func(q Querier) error {
		defer func() { ran <- struct{}{} }()
		return b.note(ctx, "b")(q)
	})
	<-ran
	<-ran
	third := b.begin(ctx, b.note(ctx, "c"))
	if n := flushes.Load(); n != 1 {
		t.Errorf("%d flushes, want 1", n)
	}
	released.Store(1)
	close(release)
	if err := errors.Join(<-first, <-part, <-read, <-second, <-third); err != nil {
		t.Error(err)
	}
	if got := b.committed(); got != "a b c d" {
		t.Errorf("committed %q", got)
	}
}

// Commits are flushed by us, and the log is copied beside them.
func TestTheWriterNeitherFlushesNorCopies(t *testing.T) {
	b := newNotebook(t)
	for setting, want := range map[string]int64{"synchronous": 1, "wal_autocheckpoint": 0} {
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

func TestWhatWritesNothingIsNotFlushed(t *testing.T) {
	b := newNotebook(t)
	b.db.writer.log.sync = func(*os.File) error { return errors.New("it was flushed") }
	if err := b.db.share(t.Context(), func(Querier) error { return nil }); err != nil {
		t.Error(err)
	}
}

// After a flush that failed nobody knows what is on the disk. What was committed is
// written once more before anything else is.
func TestAFlushThatFails(t *testing.T) {
	b, ctx := newNotebook(t), t.Context()
	var calls []string
	fail := true
	b.db.writer.log.sync = func(file *os.File) error {
		data, err := os.ReadFile(file.Name())
		if err == nil && fail {
			fail = false
			calls = append(calls, "failed")
			return errors.New("the disk does not answer")
		}
		calls = append(calls, fmt.Sprint("a is in the log: ", strings.Contains(string(data), "note-a"), ", b: ", strings.Contains(string(data), "note-b")))
		return err
	}
	if err := b.db.share(ctx, b.note(ctx, "note-a")); !errors.Is(err, ErrCommitUnknown) {
		t.Errorf("the flush failed: %v", err)
	}
	if err := b.db.share(ctx, b.note(ctx, "note-b")); err != nil {
		t.Error(err)
	}
	want := "failed; a is in the log: true, b: false; a is in the log: true, b: true"
	if got := strings.Join(calls, "; "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := b.committed(); got != "note-a note-b" {
		t.Errorf("committed %q", got)
	}
}

// Where the system has forgotten what it could not write, what would come behind it
// in the log would be lost too.
func TestNothingIsWrittenBehindAHoleInTheLog(t *testing.T) {
	b, ctx := newNotebook(t), t.Context()
	b.db.writer.log.sync = func(file *os.File) error {
		size, err := file.Seek(0, 2)
		if err == nil {
			_, err = file.WriteAt(make([]byte, 8), size-8)
		}
		return errors.Join(err, errors.New("the disk does not answer"))
	}
	if err := b.db.share(ctx, b.note(ctx, "a")); !errors.Is(err, ErrCommitUnknown) {
		t.Errorf("the flush failed: %v", err)
	}
	b.db.writer.log.sync = flushFile
	for range 2 {
		if err := b.db.share(ctx, b.note(ctx, "b")); !errors.Is(err, errLogGone) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("behind a hole: %v", err)
		}
	}
}

// The log is copied into the file while others write, and begins anew unless
// somebody reads from it.
func TestTheLogBeginsAnew(t *testing.T) {
	b, ctx := newNotebook(t), t.Context()
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
		frames, err := b.db.frameCount()
		if err != nil {
			t.Fatal(err)
		}
		return frames
	}
	b.db.writer.most = 30
	b.db.writer.log.sync = func(*os.File) error { return nil }
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
