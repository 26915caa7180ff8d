package sqlitefile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrForeignWAL says that the -wal beside a database is not its own: the
// database was replaced, by a backup most likely, while the -wal of the old
// one lay there. SQLite would write the old one's pages into it.
var ErrForeignWAL = errors.New("the -wal file beside it belongs to another database")

// The layout of a database's header and of a write-ahead log:
// https://sqlite.org/fileformat2.html.
const (
	headerBytes   = 100
	magic         = "SQLite format 3\x00"
	walHeader     = 32
	frameHeader   = 24
	walMagic      = 0x377f0682 // and 0x377f0683 for checksums of big-endian words
	maxWALFrames  = 1 << 22    // 16 GiB of pages; what lies behind is not looked at
	atPageSize    = 16
	atCounter     = 24
	atPages       = 28
	atUserVersion = 60
	atValidFor    = 92
	firstPage     = 1
)

// header is what a database's first page says.
type header struct {
	pageSize    int64
	pages       int64 // 0 where it is not to be trusted
	userVersion uint32
	size        int64
}

// readHeader reads a header; ok is false for an empty file, which is a new
// database.
func readHeader(file *os.File) (h header, ok bool, err error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return header{}, false, err
	}
	var raw [headerBytes]byte
	if _, err := file.ReadAt(raw[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return header{}, false, err
	}
	if info.Size() < headerBytes || string(raw[:len(magic)]) != magic {
		return header{}, false, errors.New("it is no SQLite database")
	}
	word := func(at int) uint32 { return binary.BigEndian.Uint32(raw[at:]) }
	h = header{
		pageSize: int64(binary.BigEndian.Uint16(raw[atPageSize:])), pages: int64(word(atPages)),
		userVersion: word(atUserVersion), size: info.Size(),
	}
	if h.pageSize == 1 {
		h.pageSize = 65536
	}
	if h.pageSize < 512 || h.pageSize&(h.pageSize-1) != 0 {
		return header{}, false, fmt.Errorf("its pages have %d bytes, which no database's have", h.pageSize)
	}
	if word(atValidFor) != word(atCounter) {
		h.pages = 0
	}
	return h, true, nil
}

// walOf is the name of a database's write-ahead log. SQLite follows symbolic
// links before it makes that name.
func walOf(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path + "-wal"
}

// Check looks at the file that o owns: whether it can be a database, and
// whether the -wal that a killed process left belongs to it. What it costs
// does not grow with the database.
func (o *Owner) Check(path string) error { return check(o.file, path, o.kept) }

// Replaced reports whether the file may lack commits that were answered: it is
// not the database that was served last under this name, but a backup that was
// put there, or one whose -wal is beside another name.
func (o *Owner) Replaced(path string) (bool, error) {
	h, ok, err := readHeader(o.file)
	if err != nil {
		return false, fmt.Errorf("read the database's header: %w", err)
	}
	if !ok || o.kept.is(h.userVersion) {
		return false, nil
	}
	// Moved with its -wal, and without its lock file, it is what it was.
	_, err = os.Stat(walOf(path))
	return err != nil || o.kept.Now != 0 || h.userVersion == Copy, nil
}

func check(file *os.File, path string, kept session) error {
	h, ok, err := readHeader(file)
	if err != nil {
		return fmt.Errorf("open %s: %w (hint: restore it from a backup with refundry restore)", path, err)
	}
	if !ok {
		return nil
	}
	log, err := os.Open(walOf(path))
	if errors.Is(err, os.ErrNotExist) {
		return h.whole(path)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer func() { _ = log.Close() }()
	w, err := readWAL(log, h.size/h.pageSize)
	if err != nil {
		return fmt.Errorf("open %s: read its -wal: %w", path, err)
	}
	if !w.says {
		return h.whole(path)
	}
	if kept.Now != 0 && !kept.is(h.userVersion) || !w.follows(h) {
		return fmt.Errorf("open %s: %w (hint: if the file was restored from a backup, remove %s and %s, or restore again with refundry restore; else bring the right file back)",
			path, ErrForeignWAL, walOf(path), path+"-shm")
	}
	return nil
}

// whole refuses a file that is shorter than it says, which a copy that broke
// off is. With a -wal, that may hold the rest.
func (h header) whole(path string) error {
	if want := h.pages * h.pageSize; h.size < want {
		return fmt.Errorf("open %s: the file has %d bytes and should have %d: its end is missing (hint: restore it from a backup with refundry restore)", path, h.size, want)
	}
	return nil
}

// wal is what the complete commits of a write-ahead log say of the database
// that it belongs to.
type wal struct {
	// says is false for a log from which SQLite would take nothing.
	says     bool
	pageSize int64
	pages    int64 // of the database after the last commit
	// hasFirst is set where the first page is in it, which says how many pages
	// the database has.
	hasFirst bool
	// beyond are its pages behind the end of the database's file.
	beyond map[int64]bool
}

// follows reports whether a log can have been begun on a database with this
// header: then every page behind the end of the file is in the log, since a
// page gets into the file from there alone. The file of an older database ends
// earlier, because ours only grow.
func (w wal) follows(h header) bool {
	end := h.size / h.pageSize
	switch {
	case w.pageSize != h.pageSize:
		return false
	case w.pages > end:
		there := int64(0)
		for page := range w.beyond {
			if page <= w.pages { // not one that was given up again
				there++
			}
		}
		return w.hasFirst && there == w.pages-end
	}
	return h.pages == 0 || h.pages == w.pages || w.hasFirst
}

// readWAL reads a log; end is how many pages the database's file has.
func readWAL(log *os.File, end int64) (wal, error) {
	var raw [walHeader]byte
	if _, err := log.ReadAt(raw[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return wal{}, err
	}
	w := wal{pageSize: int64(binary.BigEndian.Uint32(raw[8:])), beyond: make(map[int64]bool)}
	if binary.BigEndian.Uint32(raw[:])&^1 != walMagic || w.pageSize < 512 {
		return wal{}, nil // SQLite reads nothing from it
	}
	var commit []int64 // pages of one that is not complete yet
	for n := range int64(maxWALFrames) {
		var frame [frameHeader]byte
		_, err := log.ReadAt(frame[:], walHeader+n*(frameHeader+w.pageSize))
		switch {
		case errors.Is(err, io.EOF):
			return w, nil
		case err != nil:
			return wal{}, err
		case string(frame[8:16]) != string(raw[16:24]):
			return w, nil // of an older log, whose place this one took
		}
		commit = append(commit, int64(binary.BigEndian.Uint32(frame[:])))
		if after := binary.BigEndian.Uint32(frame[4:]); after != 0 {
			w.says, w.pages = true, int64(after)
			for _, page := range commit {
				w.hasFirst = w.hasFirst || page == firstPage
				if page > end {
					w.beyond[page] = true
				}
			}
			commit = commit[:0]
		}
	}
	return w, nil
}
