package reconcile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/refundry/refundry/channel"
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
	dir    string
	rows   *file
	billed [parts]*file
	booked [parts]*file
}

// file is one file of the spool, opened when it is first written to.
type file struct {
	path string
	f    *os.File
	w    *bufio.Writer
}

func newSpool(folder string) (*spool, error) {
	dir, err := os.MkdirTemp(folder, "refundry-reconcile-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w (hint: TMPDIR names a folder with room)", err)
	}
	s := &spool{dir: dir, rows: &file{path: filepath.Join(dir, "rows")}}
	for n := range parts {
		s.billed[n] = &file{path: filepath.Join(dir, "billed-"+strconv.Itoa(n))}
		s.booked[n] = &file{path: filepath.Join(dir, "booked-"+strconv.Itoa(n))}
	}
	return s, nil
}

// remove deletes the spool. Its files held no secrets, and are gone in any case.
func (s *spool) remove() {
	for n := range parts {
		s.billed[n].close()
		s.booked[n].close()
	}
	s.rows.close()
	_ = os.RemoveAll(s.dir)
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

func (f *file) line(text string) error {
	if f.f == nil {
		opened, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		f.f, f.w = opened, bufio.NewWriter(opened)
	}
	_, err := f.w.WriteString(text + "\n")
	return err
}

// each reads the file's lines. What each writes to it meanwhile is not read.
func (f *file) each(each func(line string) error) error {
	if f.f == nil {
		return nil
	}
	if err := f.w.Flush(); err != nil {
		return err
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
