package wallet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/refundry/refundry/wire/exactjson"
)

// vector is testdata/envelope.json, the contract's (L1.1-2); keys are
// hexadecimal.
type vector struct {
	MerchantSecret string `json:"merchant_secret"`
	MerchantPublic string `json:"merchant_public"`
	PlatformSecret string `json:"platform_secret"`
	PlatformPublic string `json:"platform_public"`
	Nonce          string `json:"nonce"`
	Plaintext      string `json:"plaintext"`
	Payload        string `json:"payload"`
}

func readVector(t testing.TB) (v vector, merchant, platform Keys) {
	t.Helper()
	data, err := os.ReadFile("testdata/envelope.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	key := func(text string) *[KeySize]byte {
		raw, err := hex.DecodeString(text)
		if err != nil || len(raw) != KeySize {
			t.Fatalf("%q is no key", text)
		}
		return (*[KeySize]byte)(raw)
	}
	return v, Keys{key(v.MerchantSecret), key(v.PlatformPublic)}, Keys{key(v.PlatformSecret), key(v.MerchantPublic)}
}

func nonceOf(t testing.TB, from []byte) *[NonceSize]byte {
	t.Helper()
	nonce, err := NewNonce(bytes.NewReader(from))
	if err != nil {
		t.Fatal(err)
	}
	return nonce
}

func counting(n int) []byte {
	numbers := make([]byte, n)
	for i := range numbers {
		numbers[i] = byte(i)
	}
	return numbers
}

func TestTheVectorOfTheContract(t *testing.T) {
	v, merchant, platform := readVector(t)
	sealed, err := Seal([]byte(v.Plaintext), nonceOf(t, counting(NonceSize)), merchant)
	if want := (Envelope{2, v.Payload, v.Nonce}); err != nil || sealed != want {
		t.Errorf("Seal: got %+v, %v, want %+v", sealed, err, want)
	}
	opened, err := Open(Envelope{2, v.Payload, v.Nonce}, platform)
	if err != nil || string(opened) != v.Plaintext {
		t.Errorf("Open: got %s, %v", opened, err)
	}
	for secret, peer := range map[*[KeySize]byte]*[KeySize]byte{merchant.Secret: platform.Peer, platform.Secret: merchant.Peer} {
		if public, err := PublicKey(secret); err != nil || *public != *peer {
			t.Errorf("PublicKey: got %x, %v, want %x", public, err, peer)
		}
	}
}

func TestARequestWithoutABodyCarriesSixteenBytes(t *testing.T) {
	_, merchant, platform := readVector(t)
	plaintext, err := Placeholder(bytes.NewReader(counting(100)))
	if err != nil || len(plaintext) != 16 {
		t.Fatalf("%x, %v", plaintext, err)
	}
	sealed, err := Seal(plaintext, nonceOf(t, counting(NonceSize)), merchant)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := Open(sealed, platform); err != nil || !bytes.Equal(opened, plaintext) {
		t.Errorf("got %x, %v", opened, err)
	}
	if _, err := Placeholder(strings.NewReader("short")); err == nil {
		t.Error("a source that ran dry was taken")
	}
	if _, err := NewNonce(strings.NewReader("short")); err == nil {
		t.Error("a source that ran dry made a nonce")
	}
}

func TestEnvelopesThatDoNotOpen(t *testing.T) {
	v, merchant, platform := readVector(t)
	good := Envelope{2, v.Payload, v.Nonce}
	tests := []struct {
		name   string
		change func(*Envelope)
		keys   Keys
	}{
		{"version 1", func(e *Envelope) { e.Version = 1 }, platform},
		{"version 3", func(e *Envelope) { e.Version = 3 }, platform},
		{"a changed payload", func(e *Envelope) { e.Payload = "n" + e.Payload[1:] }, platform},
		{"a shortened payload", func(e *Envelope) { e.Payload = e.Payload[:len(e.Payload)-4] }, platform},
		{"an empty payload", func(e *Envelope) { e.Payload = "" }, platform},
		{"a payload that is no base64", func(e *Envelope) { e.Payload = "!" + e.Payload[1:] }, platform},
		{"a payload without end", func(e *Envelope) { e.Payload = strings.Repeat("A", maxPayload+4) }, platform},
		{"another nonce", func(e *Envelope) { e.Nonce = "B" + e.Nonce[1:] }, platform},
		{"a short nonce", func(e *Envelope) { e.Nonce = e.Nonce[:28] }, platform},
		{"a nonce with a line end", func(e *Envelope) { e.Nonce = e.Nonce[:31] + "\n" }, platform},
		{"the secret key of the sender and its own public key", func(*Envelope) {}, Keys{merchant.Secret, platform.Peer}},
		{"another peer", func(*Envelope) {}, Keys{platform.Secret, platform.Secret}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := good
			test.change(&changed)
			if opened, err := Open(changed, test.keys); !errors.Is(err, ErrSealed) || opened != nil {
				t.Errorf("got %s, %v, want ErrSealed", opened, err)
			}
		})
	}
	if _, err := Open(good, Keys{}); !errors.Is(err, ErrKey) {
		t.Errorf("without keys: %v", err)
	}
	if _, err := Seal(nil, &[NonceSize]byte{}, Keys{}); !errors.Is(err, ErrKey) {
		t.Errorf("without keys: %v", err)
	}
}

func TestWhichBodiesAreEnvelopes(t *testing.T) {
	tests := []struct {
		name, body       string
		envelope, opened bool
	}{
		{"the three members", `{"version":2,"payload":"a","nonce":"b"}`, true, true},
		{"in another order", `{"nonce":"b","version":2,"payload":"a"}`, true, true},
		{"another version", `{"version":1,"payload":"a","nonce":"b"}`, true, true},
		{"a version that is a text", `{"version":"2","payload":"a","nonce":"b"}`, true, false},
		{"a version with decimals", `{"version":2.0,"payload":"a","nonce":"b"}`, true, false},
		{"a payload that is a number", `{"version":2,"payload":1,"nonce":"b"}`, true, false},
		{"a nonce that is null", `{"version":2,"payload":"a","nonce":null}`, true, false},
		{"one member more", `{"version":2,"payload":"a","nonce":"b","x":1}`, false, false},
		{"one member less", `{"version":2,"payload":"a"}`, false, false},
		{"one member with another name", `{"version":2,"payload":"a","Nonce":"b"}`, false, false},
		{"a refund request", `{"charges_id":"c","client_ip":"::1","amount":1}`, false, false},
		{"a list", `[]`, false, false},
		{"nothing", ``, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := decode(t, test.body)
			if got := IsEnvelope(body); got != test.envelope {
				t.Fatalf("IsEnvelope is %v", got)
			}
			if !test.envelope {
				return
			}
			if e, err := ReadEnvelope(body); (err == nil) != test.opened || err != nil && !errors.Is(err, ErrSealed) {
				t.Errorf("ReadEnvelope: %+v, %v", e, err)
			}
		})
	}
}

func TestKeysInBase64(t *testing.T) {
	_, merchant, _ := readVector(t)
	text := FormatKey(merchant.Secret)
	if key, err := ParseKey(text); err != nil || *key != *merchant.Secret {
		t.Errorf("%x, %v", key, err)
	}
	for _, bad := range []string{"", "AAAA", text[:43], text + "A", strings.Repeat("A", 44), "!" + text[1:], text[:43] + "\n"} {
		if _, err := ParseKey(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := PublicKey(nil); !errors.Is(err, ErrKey) {
		t.Errorf("PublicKey of nothing: %v", err)
	}
}

func FuzzEnvelope(f *testing.F) {
	v, _, platform := readVector(f)
	written, err := Marshal(Envelope{2, v.Payload, v.Nonce})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(written)
	f.Add([]byte(`{"version":1e0,"payload":"====","nonce":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := exactjson.Decode(data, exactjson.Limits{})
		if err == nil && IsEnvelope(body) != LooksSealed(data) {
			t.Fatalf("%s is an envelope for one reader alone", data)
		}
		if err != nil || !IsEnvelope(body) {
			return
		}
		e, err := ReadEnvelope(body)
		if err != nil {
			return
		}
		// Nobody forges what only the two can seal.
		if opened, err := Open(e, platform); err == nil && string(opened) != v.Plaintext {
			t.Fatalf("%s opens as %q", data, opened)
		}
	})
}
