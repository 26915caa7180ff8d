package stripe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	headerSignature = "Stripe-Signature"
	// tolerance is how far a signature's time may be from ours.
	tolerance = 300 * time.Second
	// maxSignatureHeader bounds the header: a signature of each secret that is rolled
	// over, of some 70 characters.
	maxSignatureHeader = 2048
	// scheme is the only one of Stripe's that is signed with a secret; v0 is for
	// tests.
	scheme = "v1"
)

// Why a signature is none.
var (
	errSignatureHeader = errors.New("the header Stripe-Signature is absent or can't be read")
	errSignatureTime   = errors.New("the signature's time is more than 5 minutes off (hint: is this machine's clock right?)")
	errSignature       = errors.New("the signature is none of the account's webhook secrets' (hint: webhook_secret is that of the endpoint that has this address)")
)

// verify checks a header's signatures over a body as it came: one that any of the
// secrets makes is enough, for both sides may be rolling theirs over.
func verify(header string, body []byte, secrets []string, now time.Time) error {
	at, signatures, err := readSignature(header)
	if err != nil {
		return err
	}
	if off := now.Sub(time.Unix(at, 0)); off > tolerance || off < -tolerance {
		return errSignatureTime
	}
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(strconv.AppendInt(nil, at, 10))
		mac.Write([]byte{'.'})
		mac.Write(body)
		want := mac.Sum(nil)
		if slices.ContainsFunc(signatures, func(got []byte) bool { return hmac.Equal(got, want) }) {
			return nil
		}
	}
	return errSignature
}

// readSignature reads t=<seconds>,v1=<hex>[,v1=<hex>]. Other schemes are left out.
func readSignature(header string) (at int64, signatures [][]byte, err error) {
	if len(header) > maxSignatureHeader {
		return 0, nil, errSignatureHeader
	}
	timed := false
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			if at, err = strconv.ParseInt(value, 10, 64); err != nil || timed || at < 0 {
				return 0, nil, errSignatureHeader
			}
			timed = true
		case scheme:
			if signature, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, signature)
			}
		}
	}
	if !timed || len(signatures) == 0 {
		return 0, nil, errSignatureHeader
	}
	return at, signatures, nil
}
