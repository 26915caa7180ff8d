package sqldb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The log's form: a header, then frames of a header and a page each. A checksum goes
// on from frame to frame.
const (
	logHeader   = 32
	frameHeader = 24
	logMagic    = 0x377f0682 // its last bit says that checksums are of big-endian words
)

var errLogGone = errors.New("what was written to the log can't be read any more; nothing is written until the program is started again")

// rewrite writes the log's frames once more as they are, and flushes them. count
// returns how many frames SQLite knows of; fewer than these are errLogGone.
func (l *sqliteLog) rewrite(count func() (int64, error)) error {
	if err := l.open(); err != nil {
		return err
	}
	known, err := count()
	if err != nil {
		return err
	}
	found, err := l.rewriteFrames()
	if err != nil {
		return fmt.Errorf("write the log once more: %w", err)
	}
	if found < known {
		return fmt.Errorf("%w: %d of %d pages are there", errLogGone, found, known)
	}
	return l.sync(l.file)
}

// rewriteFrames writes the header and all sound frames in their places.
func (l *sqliteLog) rewriteFrames() (frames int64, err error) {
	header := make([]byte, logHeader)
	if _, err := l.file.ReadAt(header, 0); err != nil {
		return 0, noLog(err)
	}
	magic := binary.BigEndian.Uint32(header)
	if magic&^1 != logMagic {
		return 0, nil
	}
	sum := checksum{big: magic&1 == 1}
	sum.add(header[:24])
	if !sum.is(header[24:]) {
		return 0, nil
	}
	if _, err := l.file.WriteAt(header, 0); err != nil {
		return 0, err
	}
	frame := make([]byte, frameHeader+binary.BigEndian.Uint32(header[8:]))
	for at := int64(logHeader); ; at += int64(len(frame)) {
		if _, err := l.file.ReadAt(frame, at); err != nil {
			return frames, noLog(err)
		}
		sum.add(frame[:8])
		sum.add(frame[frameHeader:])
		if string(frame[8:16]) != string(header[16:24]) || !sum.is(frame[16:]) {
			return frames, nil
		}
		if _, err := l.file.WriteAt(frame, at); err != nil {
			return frames, err
		}
		frames++
	}
}

// noLog is nil where the log ends.
func noLog(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// checksum is the log's.
type checksum struct {
	big    bool
	s0, s1 uint32
}

func (c *checksum) add(data []byte) {
	var order binary.ByteOrder = binary.LittleEndian
	if c.big {
		order = binary.BigEndian
	}
	for ; len(data) >= 8; data = data[8:] {
		c.s0 += order.Uint32(data) + c.s1
		c.s1 += order.Uint32(data[4:]) + c.s0
	}
}

// is reports whether the first eight bytes are the sum so far.
func (c *checksum) is(sum []byte) bool {
	return binary.BigEndian.Uint32(sum) == c.s0 && binary.BigEndian.Uint32(sum[4:]) == c.s1
}
