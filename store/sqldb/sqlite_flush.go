package sqldb

import (
	"errors"
	"os"
)

// flush is a commit that stands in the log and is being made durable. Nobody is
// answered who saw it before it is: neither who wrote it nor who read it.
type flush struct {
	done chan struct{} // closed at its end
	err  error
}

// commit ends g: its pages are written to the log, the turn is given on, and then
// they are flushed. So the next transaction runs meanwhile; it is written to the log
// once this one is on the disk.
func (w *sqliteWriter) commit(g *together) {
	if err := w.mend(); err != nil {
		_ = w.do("ROLLBACK")
		w.end(g, err)
		w.next()
		return
	}
	f := &flush{done: make(chan struct{})}
	w.mu.Lock()
	w.flush = f // before COMMIT shows what it wrote
	w.mu.Unlock()
	err := w.put()
	wrote := err == nil && w.written() > 0
	w.next()
	if wrote {
		if err = w.log.flush(); err != nil {
			w.torn.Store(true)
			err = commitUnknown(err)
		}
	}
	w.mu.Lock()
	f.err, w.flush = err, nil
	w.mu.Unlock()
	close(f.done)
	w.end(g, err)
}

// put writes the open transaction to the log.
func (w *sqliteWriter) put() error {
	err := sqliteProblem(w.do("COMMIT"))
	if err == nil {
		return nil
	}
	_ = w.do("ROLLBACK")
	var again *transientError
	if errors.As(err, &again) || sqliteRefused(err) {
		return err
	}
	return commitUnknown(err)
}

// flushing is the flush under way, nil for none.
func (w *sqliteWriter) flushing() *flush {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush
}

// settled waits until what a reader may have seen is durable.
func (w *sqliteWriter) settled() error {
	f := w.flushing()
	if f == nil {
		return nil
	}
	<-f.done
	if f.err != nil {
		return unavailable(errors.Join(errors.New("what was read is not known to be on the disk"), f.err))
	}
	return nil
}

// mend writes the log once more after a flush failed: the system may have forgotten
// what it could not write, and would then say that all is well. It is called in an
// open transaction, so that nobody else writes to the log. Until it succeeds nothing
// is committed.
func (w *sqliteWriter) mend() error {
	if !w.torn.Load() {
		return nil
	}
	if err := w.log.rewrite(w.frameCount); err != nil {
		return unavailable(err)
	}
	w.torn.Store(false)
	return nil
}

// sqliteLog is the file of the write-ahead log, opened to be flushed. While a
// connection is open SQLite keeps the file. No lock is on it.
type sqliteLog struct {
	name string
	file *os.File
	// sync is flushFile, unless a test has one that fails.
	sync func(*os.File) error
}

func newSQLiteLog(database string) *sqliteLog {
	return &sqliteLog{name: database + "-wal", sync: flushFile}
}

func (l *sqliteLog) flush() error {
	if err := l.open(); err != nil {
		return err
	}
	return l.sync(l.file)
}

func (l *sqliteLog) open() (err error) {
	if l.file == nil {
		l.file, err = os.OpenFile(l.name, os.O_RDWR, 0)
	}
	return err
}

func (l *sqliteLog) close() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
