package chargefile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLine is the most bytes of one line. A charge with 100 lines of goods and
// as many on its coupons is far below.
const MaxLine = 256 << 10

// Lines reads a stream line by line. A line that is too long is read past and
// reported with its number, so that those behind it are not lost.
type Lines struct {
	in     *bufio.Reader
	end    byte // of a line
	number int
	text   []byte
	ended  bool
}

// NewLines reads lines that end with \n or \r\n.
func NewLines(in io.Reader) *Lines { return newLines(in, '\n') }

func newLines(in io.Reader, end byte) *Lines {
	return &Lines{in: bufio.NewReaderSize(in, 64<<10), end: end}
}

// Number is that of the line that Next returned last, from 1.
func (l *Lines) Number() int { return l.number }

// Ended reports whether the line that Next returned last had a line end.
func (l *Lines) Ended() bool { return l.ended }

// Next returns a line without its end, valid until the next call. tooLong
// means that it had more than MaxLine bytes, of which text is the beginning.
// The error is io.EOF at the end; what a failing stream gave of a line before
// it failed is not returned.
func (l *Lines) Next() (text []byte, tooLong bool, err error) {
	l.text = l.text[:0]
	for {
		piece, err := l.in.ReadSlice(l.end)
		if room := MaxLine + len("\r\n") - len(l.text); len(piece) > room {
			piece, tooLong = piece[:room], true
		}
		l.text = append(l.text, piece...)
		switch {
		case err == nil:
			l.number++
			l.ended = true
			text := bytes.TrimSuffix(bytes.TrimSuffix(l.text, []byte{l.end}), []byte{'\r'})
			return text[:min(len(text), MaxLine)], tooLong || len(text) > MaxLine, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.text) > 0:
			l.number++
			l.ended = false
			return l.text[:min(len(l.text), MaxLine)], tooLong || len(l.text) > MaxLine, nil
		default:
			return nil, false, err
		}
	}
}
