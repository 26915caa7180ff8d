package sqldb

import (
	"context"
	"fmt"
	"time"

	"modernc.org/sqlite"
)

const (
	// mostFrames is how many pages are written to the log before they are copied
	// into the file: 64 MB. Pages that change often, such as an index's end or a
	// busy charge's, are copied once in a while only.
	mostFrames = 16000
	// copyPasses is how often the log is copied while others write to it, before the
	// rest is copied while nobody does: each pass leaves what came during it.
	copyPasses = 2
	// readersWait is how long the log waits for those who read from it before it
	// begins anew; what lasts longer is waited for again later.
	readersWait = 20 * time.Millisecond
)

// written counts the pages that the last commit wrote to the log, and begins to copy
// the log into the file when it is long. The turn is the caller's.
func (w *sqliteWriter) written() {
	pages := 1 // where that is not known
	if status, ok := w.conn.raw.(sqlite.DBStatus); ok {
		if count, _, err := status.Status(sqlite.DBStatusCacheWrite, true); err == nil {
			pages = count
		}
	}
	w.frames += pages
	if w.frames >= w.most && !w.copying && w.copyLog != nil {
		w.copying = true
		w.copies.Go(w.copyLog)
	}
}

// copyLog copies the log into the file, most of it beside the writer, and has the
// log begin anew: the writer waits for the last part only. A log that could not
// begin anew, because somebody reads from it or the disk is full, grows by an
// eighth before the next try.
func (db *sqliteDB) copyLog() {
	began := false
	conn, err := db.connectWith("wal_autocheckpoint = 0", fmt.Sprintf("busy_timeout = %d", readersWait.Milliseconds()))
	if err == nil {
		defer conn.close()
	}
	for pass := 0; err == nil && pass < copyPasses; pass++ {
		_, _, err = conn.checkpoint("PASSIVE")
	}
	_ = db.writer.alone(func() error {
		if err == nil {
			began, _, err = conn.checkpoint("RESTART")
		}
		db.writer.copying, db.writer.frames = false, 0
		if err != nil || !began {
			db.writer.frames = db.writer.most - db.writer.most/8
		}
		return nil
	})
}

// checkpoint copies the log into the file and reports whether it did all that the
// mode asks for, and how many pages are in the log.
func (c *sqliteConn) checkpoint(mode string) (all bool, frames int64, err error) {
	err = c.query(context.Background(), "PRAGMA wal_checkpoint("+mode+")", nil, func(scan func(...any) error) error {
		var busy, copied int64
		err := scan(&busy, &frames, &copied)
		all = busy == 0
		return err
	})
	return all, frames, err
}
