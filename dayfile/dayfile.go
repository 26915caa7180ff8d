// Package dayfile puts the rows of a file into their order with bounded memory: what
// is more than a few thousand rows waits, sorted in parts, in a temporary file that
// has no name. So a file can be as long as a day had orders, its hash and its length
// can be found before it is sent, and nobody's transaction is open while a slow
// client reads it.
package dayfile

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const (
	// maxHeld is how many rows are held in memory: some 3 MB of a daily file's.
	maxHeld = 10_000
	// maxBytes bounds the temporary file: three or four million rows.
	maxBytes = 1 << 30
	// readBuffer is that of each part while the rows are walked.
	readBuffer = 16 << 10
)

// ErrTooLarge says that there are more rows than a file may have.
var ErrTooLarge = errors.New("there are too many rows for one file")

// Rows are rows by their times, then by their keys; those that have both in common
// stay in the order in which they were added. R is what encoding/gob can encode.
// Rows are for one goroutine.
type Rows[R any] struct {
	held  []row[R]
	file  *os.File // nil while all are held
	parts []part
	bytes int64
	count int
}

type row[R any] struct {
	At  time.Time
	Key string
	Row R
}

func (r row[R]) compare(other row[R]) int {
	return cmp.Or(r.At.Compare(other.At), cmp.Compare(r.Key, other.Key))
}

// part is where sorted rows stand in the file.
type part struct{ offset, size int64 }

// Add adds a row. ErrTooLarge.
func (s *Rows[R]) Add(at time.Time, key string, value R) error {
	if len(s.held) == maxHeld {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.held = append(s.held, row[R]{at, key, value})
	s.count++
	return nil
}

// Len is how many rows there are.
func (s *Rows[R]) Len() int { return s.count }

// Close frees the temporary file.
func (s *Rows[R]) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

func (s *Rows[R]) sort() { slices.SortStableFunc(s.held, row[R].compare) }

// spill writes the rows that are held to the file, as one more part.
func (s *Rows[R]) spill() error {
	if s.file == nil {
		file, err := os.CreateTemp("", "refundry-rows-")
		if err != nil {
			return fmt.Errorf("make temporary file: %w", err)
		}
		s.file = file
		if err := os.Remove(file.Name()); err != nil {
			return fmt.Errorf("unlink temporary file: %w", err)
		}
	}
	s.sort()
	var text bytes.Buffer
	encoder := gob.NewEncoder(&text)
	for _, r := range s.held {
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("encode row: %w", err)
		}
	}
	size := int64(text.Len())
	if s.bytes+size > maxBytes {
		return ErrTooLarge
	}
	if _, err := s.file.WriteAt(text.Bytes(), s.bytes); err != nil {
		return fmt.Errorf("write temporary file: %w", err)
	}
	s.parts = append(s.parts, part{s.bytes, size})
	s.bytes += size
	clear(s.held)
	s.held = s.held[:0]
	return nil
}

// Each calls each for every row in their order; its error ends the walk and is
// returned. It may be called again, and then finds the same.
func (s *Rows[R]) Each(each func(R) error) error {
	s.sort()
	readers := make([]*reader[R], 0, len(s.parts)+1)
	for n, p := range s.parts {
		file := bufio.NewReaderSize(io.NewSectionReader(s.file, p.offset, p.size), readBuffer)
		readers = append(readers, &reader[R]{part: n, decoder: gob.NewDecoder(file)})
	}
	readers = append(readers, &reader[R]{part: len(s.parts), held: s.held})
	var queue merging[R]
	for _, r := range readers {
		if err := queue.next(r); err != nil {
			return err
		}
	}
	for len(queue) > 0 {
		first := queue.pop()
		if err := each(first.row.Row); err != nil {
			return err
		}
		if err := queue.next(first); err != nil {
			return err
		}
	}
	return nil
}

// reader walks one part: of the file, or what is held.
type reader[R any] struct {
	part    int
	decoder *gob.Decoder
	held    []row[R]
	row     row[R]
}

// read reads the next row; io.EOF after the last.
func (r *reader[R]) read() error {
	if r.decoder == nil {
		if len(r.held) == 0 {
			return io.EOF
		}
		r.row, r.held = r.held[0], r.held[1:]
		return nil
	}
	r.row = row[R]{} // gob leaves alone what is zero
	return r.decoder.Decode(&r.row)
}
