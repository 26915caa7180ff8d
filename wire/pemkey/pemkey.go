// Package pemkey reads and writes keys and certificates in PEM, signs and
// verifies with them, and signs webhooks as the Standard Webhooks specification
// describes. Every protocol takes them from here.
//
// A text is one PEM block, with nothing but white space behind it; an error
// states what the text holds and what is wanted, and never repeats the text.
package pemkey

import (
	"errors"
	"fmt"
)

// Sizes of RSA keys in bits. The protocols ask for 2048. The upper limits keep
// one signature from costing a noticeable part of a second.
const (
	MinRSABits     = 2048
	MaxRSABits     = 4096
	MaxLongRSABits = 8192
)

// maxText is far above the text of the largest key or chain of certificates, in
// bytes.
const maxText = 64 << 10

// maxBlocks is how many PEM blocks of one text are read: certificates of one
// owner while they are replaced.
const maxBlocks = 8

// ErrKey is wrapped by every error about a text that holds no usable key or
// certificate.
var ErrKey = errors.New("unusable key")

// Accept widens what a reader takes. The zero value is PEM with RSA keys of
// MinRSABits to MaxRSABits.
type Accept uint8

const (
	// Bare also takes the base64 of the key without its PEM lines, as the
	// consoles of Alipay and Ping++ show it.
	Bare Accept = 1 << iota
	// Long also takes RSA keys of up to MaxLongRSABits.
	Long
)

func join(accept []Accept) (all Accept) {
	for _, one := range accept {
		all |= one
	}
	return all
}

func (a Accept) maxRSABits() int {
	if a&Long != 0 {
		return MaxLongRSABits
	}
	return MaxRSABits
}

// mismatch is the error for a text that holds something else than is wanted.
func mismatch(want, found string) error {
	return fmt.Errorf("%w: want %s, found %s", ErrKey, want, found)
}
