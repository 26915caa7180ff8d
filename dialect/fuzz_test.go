package dialect

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
)

// FuzzHeaders holds for any headers: no wait is longer than the longest, and a
// key that is taken is the header's own text, visible and short.
func FuzzHeaders(f *testing.F) {
	f.Add("wait=5", "k-1")
	f.Add(`respond-async, wait="007"; x=y, wait=1`, " k ")
	f.Add("wait=99999999999999999999", "\x7f")
	f.Fuzz(func(t *testing.T, prefer, key string) {
		r := &http.Request{Header: http.Header{"Prefer": {prefer}, "Idempotency-Key": {key}}}
		if wait := Wait(r, merchant.Merchant{}, merchant.PingPP); wait < 0 || wait > MaxWait || wait%time.Second != 0 {
			t.Errorf("%q waits %s", prefer, wait)
		}
		got, err := IdempotencyKey(r)
		if err != nil {
			return
		}
		if got == "" || len(got) > MaxIdempotencyKey || got != strings.TrimSpace(key) {
			t.Errorf("%q is the key %q", key, got)
		}
		for _, c := range []byte(got) {
			if c <= ' ' || c > '~' {
				t.Errorf("the key %q has %q", got, c)
			}
		}
	})
}
