package pingpp

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// FuzzSignedRequest holds for any request: what a client of each generation
// signs by a formula of our own here is taken, and the same signature opens no
// request that differs in one byte.
func FuzzSignedRequest(f *testing.F) {
	private, public := testKeys(f)
	f.Add(`{"amount":1}`, "/v1/charges/ch_x/refunds", uint32(1409634160), 3)
	f.Add("", "/v1/charges/ch_x?", uint32(1409634160), 0)
	f.Add("null", "/v1/a%2fb?a[b]=c", uint32(4_000_000_000), 7)
	f.Fuzz(func(t *testing.T, body, target string, seconds uint32, at int) {
		stamp := fmt.Sprintf("%010d", seconds)
		for generation, signed := range map[string]string{"current": body + target + stamp, "body and time": body + stamp, "body": body} {
			digest := sha256.Sum256([]byte(signed))
			raw, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
			if err != nil {
				t.Fatal(err)
			}
			request := SignedRequest{Body: []byte(body), Target: target, Timestamp: stamp, Signature: base64.StdEncoding.EncodeToString(raw)}
			switch generation {
			case "body":
				request.Timestamp = ""
			case "body and time":
				if body == "" || body+target == body {
					continue // is not taken without a body, or is the current one
				}
			}
			if err := VerifyRequest(public, request); err != nil {
				t.Fatalf("%s: %q %q %q: %v", generation, body, target, stamp, err)
			}
			if body == "" {
				continue
			}
			changed := bytes.Clone(request.Body)
			changed[uint(at)%uint(len(changed))] ^= 1
			request.Body = changed
			if VerifyRequest(public, request) == nil {
				t.Fatalf("%s: %q was opened by a signature of %q", generation, changed, body)
			}
		}
	})
}

// FuzzIDs holds for any text: what counts as an id of one kind has only letters
// and digits behind its prefix, so that it can stand in a path as it is.
func FuzzIDs(f *testing.F) {
	const plain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	f.Add("ch_L8qn10mLmr1GS8e5OODmHaL4")
	f.Add("evt_401409634160")
	f.Add("152607010000000001")
	f.Fuzz(func(t *testing.T, id string) {
		for name, is := range map[string]func(string) bool{
			"charge": IsChargeID, "refund": IsRefundID, "event": IsEventID, "app": IsAppID, "request": IsRequestID,
			"batch": IsBatchRefundID, "order": IsOrderID, "batch number": IsBatchNo, "order number": IsRefundOrderNo,
		} {
			if !is(id) {
				continue
			}
			if !IsPossibleID(id) {
				t.Errorf("%s id %q is no possible id", name, id)
			}
			if strange := strings.Trim(id, plain); strange != "" {
				t.Errorf("%s id %q has %q", name, id, strange)
			}
		}
	})
}
