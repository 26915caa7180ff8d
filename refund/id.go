package refund

import (
	"crypto/rand"
	"io"
	"strings"
	"sync/atomic"
	"time"
)

const (
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// idLength is what Ping++ documents for the part behind "ch_" and "re_".
	idLength = 24
	// timeDigits of base 62 hold milliseconds until the year 8888.
	timeDigits = 8
)

// idSource is where ids come from, nil for crypto/rand.Reader.
var idSource atomic.Pointer[io.Reader]

func randomSource() io.Reader {
	if source := idSource.Load(); source != nil {
		return *source
	}
	return rand.Reader
}

// IDsFrom has all ids of the process made of source, which must not fail, until
// restore is called: for a simulation that comes out the same each time. Anywhere
// else ids can then be guessed.
func IDsFrom(source io.Reader) (restore func()) {
	before := idSource.Swap(&source)
	return func() { idSource.Store(before) }
}

// NewID makes an id of 24 letters and digits that sorts by time: 8 digits of
// milliseconds, then 16 random ones (95 bits), all in base 62.
func NewID(now time.Time) string {
	var random [idLength - timeDigits]byte
	fillRandom(random[:])
	return IDAt(now, random[:])
}

// IDAt is NewID with the randomness given: 16 bytes, each below 62.
func IDAt(now time.Time, random []byte) string {
	id := make([]byte, idLength)
	ms := now.UnixMilli()
	for n := timeDigits - 1; n >= 0; n-- {
		id[n] = alphabet[ms%int64(len(alphabet))]
		ms /= int64(len(alphabet))
	}
	for n, b := range random {
		id[timeDigits+n] = alphabet[b%byte(len(alphabet))]
	}
	return string(id)
}

// fillRandom fills digits with even choices from 0 to 61: bytes that would
// favour some are drawn again.
func fillRandom(digits []byte) {
	const even = 256 / len(alphabet) * len(alphabet)
	var pool [2 * idLength]byte
	at, source := len(pool), randomSource()
	for n := range digits {
		for {
			if at == len(pool) {
				if _, err := io.ReadFull(source, pool[:]); err != nil {
					panic("ids: the source of randomness failed: " + err.Error())
				}
				at = 0
			}
			b := pool[at]
			at++
			if int(b) < even {
				digits[n] = b % byte(len(alphabet))
				break
			}
		}
	}
}

// IDTime is the time that an id of NewID or IDAt was made at, to the
// millisecond; false for any other text.
func IDTime(id string) (time.Time, bool) {
	if len(id) != idLength {
		return time.Time{}, false
	}
	var ms int64
	for n := range idLength {
		digit := strings.IndexByte(alphabet, id[n])
		if digit < 0 {
			return time.Time{}, false
		}
		if n < timeDigits {
			ms = ms*int64(len(alphabet)) + int64(digit)
		}
	}
	return time.UnixMilli(ms).UTC(), true
}
