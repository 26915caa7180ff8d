package wallet

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/box"
	"golang.org/x/crypto/nacl/secretbox"

	"github.com/refundry/refundry/wire/exactjson"
)

// FuzzSeal holds for any text: what one side seals the other opens, by another
// way as well, and neither after a change nor with another nonce.
func FuzzSeal(f *testing.F) {
	_, merchantKeys, platform := readVector(f)
	f.Add([]byte(`{"charges_id":"c1"}`), []byte("nonce"), 3)
	f.Add([]byte{}, []byte{}, 0)
	f.Fuzz(func(t *testing.T, plain, random []byte, at int) {
		var nonce [NonceSize]byte
		copy(nonce[:], random)
		sealed, err := Seal(plain, &nonce, merchantKeys)
		if err != nil {
			t.Fatal(err)
		}
		written, err := Marshal(sealed)
		if err != nil {
			t.Fatal(err)
		}
		body, err := exactjson.Decode(written, exactjson.Limits{})
		if err != nil || !IsEnvelope(body) || !LooksSealed(written) {
			t.Fatalf("%s is no envelope: %v", written, err)
		}
		read, err := ReadEnvelope(body)
		if err != nil || read != sealed {
			t.Fatalf("%s reads as %+v, %v", written, read, err)
		}
		if opened, err := Open(read, platform); err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opens as %q, %v", opened, err)
		}
		raw, err := decodeBase64(read.Payload)
		if err != nil {
			t.Fatal(err)
		}
		// The two halves of the box by themselves: agreed key, then secretbox.
		var shared [KeySize]byte
		box.Precompute(&shared, platform.Peer, platform.Secret)
		if opened, ok := secretbox.Open(nil, raw, &nonce, &shared); !ok || !bytes.Equal(opened, plain) {
			t.Fatalf("opens elsewhere as %q", opened)
		}
		raw[uint(at)%uint(len(raw))] ^= 1
		var other [NonceSize]byte
		copy(other[:], "another nonce")
		for name, changed := range map[string]Envelope{
			"a changed payload":  {read.Version, base64.StdEncoding.EncodeToString(raw), read.Nonce},
			"another nonce":      {read.Version, read.Payload, base64.StdEncoding.EncodeToString(other[:])},
			"another version":    {read.Version + 1, read.Payload, read.Nonce},
			"a line in its text": {read.Version, read.Payload[:4] + "\n" + read.Payload[4:], read.Nonce},
		} {
			if opened, err := Open(changed, platform); err == nil && (changed.Nonce != read.Nonce || changed.Payload != read.Payload || changed.Version != read.Version) {
				t.Fatalf("%s opens as %q", name, opened)
			}
		}
	})
}

// FuzzNames holds for any text: a currency, a key and a refund's id read the
// same when they are written again.
func FuzzNames(f *testing.F) {
	f.Add("CHY", "re_")
	f.Add("kwd", "wr-")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "")
	f.Fuzz(func(t *testing.T, text, prefix string) {
		if currency, err := ParseCurrency(text); err == nil {
			for _, style := range []CurrencyStyle{StylePage, StyleISO} {
				if again, err := ParseCurrency(FormatCurrency(currency, style)); err != nil || again != currency {
					t.Errorf("%q is %s, and again %s, %v", text, currency, again, err)
				}
			}
			if !strings.EqualFold(text, string(currency)) && !strings.EqualFold(text, literalCHY) {
				t.Errorf("%q is %s", text, currency)
			}
		}
		if key, err := ParseKey(text); err == nil && FormatKey(key) != text {
			t.Errorf("%q is the key %q", text, FormatKey(key))
		}
		if got := RefundIDPrefix(map[string]string{SettingRefundIDPrefix: prefix}); got == prefix {
			if core, ok := CoreRefundID(RefundID(DefaultRefundIDPrefix+"x1", prefix), prefix); !ok || core != DefaultRefundIDPrefix+"x1" {
				t.Errorf("with the prefix %q an id comes back as %q, %t", prefix, core, ok)
			}
		}
	})
}
