package reconcile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// parts is into how many parts the marks are cut by a hash of the refund: of a
// million refunds of a day one part's are some 16,000, and only one part is in
// memory at a time.
const parts = 64

// spool holds on disk what grows with a bill: the rows that are to be looked at,
// the marks of refunds that the bill has, and the refunds that it ought to have.
// Both sides are cut by the same hash, so that each part is compared by itself.
//
// It was chosen over an ordered merge because bills have no order that an index of
// ours has, and over a table of marks because a comparison then would write a row
// for each refund into a database that has to carry refunds meanwhile.
type spool struct {
	folder string
	left   int64 // bytes that may be written yet
	rows   *file
	billed [parts]*file
	booked [parts]*file
}

// file is one file of the spool, made when it is first written to. It has no name, so
// that nothing is left of it whatever ends the process.
type file struct {
	spool *spool
	f     *os.File
	w     *bufio.Writer
}

// newSpool makes a spool of at most so many bytes in a folder, "" for the system's
// folder of temporary files.
func newSpool(folder string, most int64) *spool {
	s := &spool{folder: folder, left: most}
	s.rows = &file{spool: s}
	for n := range parts {
		s.billed[n], s.booked[n] = &file{spool: s}, &file{spool: s}
	}
	return s
}

// remove gives the spool's disk back.
func (s *spool) remove() {
	for n := range parts {
		s.billed[n].close()
		s.booked[n].close()
	}
	s.rows.close()
}

// keptRow is a row of the bill that is to be looked at. Marked says that its refund
// has its mark.
type keptRow struct {
	channel.Listed
	Marked bool
}

// row keeps a row.
func (s *spool) row(row keptRow) error {
	text, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return s.rows.line(string(text))
}

// eachRow calls each for every row that was kept, in order.
func (s *spool) eachRow(each func(keptRow) error) error {
	return s.rows.each(func(line string) error {
		var row keptRow
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return err
		}
		return each(row)
	})
}

// bill marks a refund of ours that the bill has.
func (s *spool) bill(id string) error { return s.billed[part(id)].line(id) }

// book keeps a refund that the bill ought to have. near says that it may be in the
// bill of the day before or after.
func (s *spool) book(id string, near nearness) error {
	return s.booked[part(id)].line(id + " " + string(near))
}

// each calls again for each refund that the bill has more than once, and absent for
// each that it ought to have and has not.
func (s *spool) each(again func(id string) error, absent func(id string, near nearness) error) error {
	for n := range parts {
		times := make(map[string]int)
		err := s.billed[n].each(func(id string) error {
			times[id]++
			if times[id] == 2 {
				return again(id)
			}
			return nil
		})
		if err != nil {
			return err
		}
		err = s.booked[n].each(func(line string) error {
			id, near, _ := strings.Cut(line, " ")
			if times[id] > 0 {
				return nil
			}
			return absent(id, nearness(near))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func part(id string) uint32 {
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, id)
	return sum.Sum32() % parts
}

// line adds a line. Errors: KindTooLarge where the spool is full.
func (f *file) line(text string) error {
	size := int64(len(text)) + 1
	if size > f.spool.left {
		return refund.Errorf(refund.KindTooLarge, "date", "the comparison of the day needs more temporary disk than it may have: "+
			"too much of the bill differs (hint: is it this account's bill of this day?)")
	}
	f.spool.left -= size
	if f.f == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	_, err := f.w.WriteString(text + "\n")
	return roomHint(err)
}

func (f *file) open() error {
	opened, err := os.CreateTemp(f.spool.folder, "refundry-reconcile-")
	if err != nil {
		return roomHint(fmt.Errorf("make a temporary file: %w", err))
	}
	f.f, f.w = opened, bufio.NewWriter(opened)
	if err := os.Remove(opened.Name()); err != nil {
		return fmt.Errorf("unlink a temporary file: %w", err)
	}
	return nil
}

// roomHint adds to an error of the disk what to do.
func roomHint(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (hint: TMPDIR names a folder with room)", err)
}

// each reads the file's lines. What each writes to it meanwhile is not read.
func (f *file) each(each func(line string) error) error {
	if f.f == nil {
		return nil
	}
	if err := f.w.Flush(); err != nil {
		return roomHint(err)
	}
	if _, err := f.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	reader := bufio.NewReader(f.f)
	for {
		line, err := reader.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = each(strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return err
		}
	}
}

func (f *file) close() {
	if f.f != nil {
		_ = f.f.Close()
	}
}

// nearness says in which other day's bill a refund may be.
type nearness string

const (
	onlyToday nearness = "-"
	orBefore  nearness = "before"
	orAfter   nearness = "after"
	orEither  nearness = "either"
)
