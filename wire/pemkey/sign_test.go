package pemkey

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// TestSignaturesOfOpenSSL compares with signatures that openssl made.
func TestSignaturesOfOpenSSL(t *testing.T) {
	key, err := ParseRSAPrivateKey(read(t, "merchant_pkcs1.pem"))
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message 退款")
	if got, err := SignSHA256(key, message); err != nil || got != read(t, "sha256.sig") {
		t.Errorf("SHA-256: %s, %v", got, err)
	}
	if got, err := SignSHA1(key, message); err != nil || got != read(t, "sha1.sig") {
		t.Errorf("SHA-1: %s, %v", got, err)
	}
	good := read(t, "sha256.sig")
	if err := VerifySHA256(&key.PublicKey, message, good); err != nil {
		t.Error(err)
	}
	raw, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	// The last character before the padding has bits that no byte takes.
	loose := good[:len(good)-3] + string(good[len(good)-3]+1) + "=="
	if again, err := base64.StdEncoding.DecodeString(loose); err != nil || string(again) != string(raw) {
		t.Fatalf("the text is another signature: %v", err)
	}
	for name, signature := range map[string]string{
		"none": "", "of SHA-1": read(t, "sha1.sig"), "no base64": strings.Repeat("!", len(good)), "without padding": strings.TrimRight(good, "="),
		"with a line end": good + "\n", "another text of the same bytes": loose, "too long": good + good,
	} {
		if err := VerifySHA256(&key.PublicKey, message, signature); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := VerifySHA256(&key.PublicKey, message[1:], good); !errors.Is(err, ErrSignature) {
		t.Errorf("another message: %v", err)
	}
}

func TestNoKeyIsAnErrorAndNoPanic(t *testing.T) {
	if _, err := SignSHA256(nil, nil); !errors.Is(err, ErrKey) {
		t.Errorf("got %v", err)
	}
	if err := VerifySHA256(nil, nil, "QUFB"); !errors.Is(err, ErrKey) {
		t.Errorf("got %v", err)
	}
}

// FuzzVerifySHA256 looks for a signature text other than the right one that
// passes.
func FuzzVerifySHA256(f *testing.F) {
	key, err := ParseRSAPrivateKey(read(f, "merchant_pkcs1.pem"))
	if err != nil {
		f.Fatal(err)
	}
	good := read(f, "sha256.sig")
	f.Add("message 退款", good)
	f.Add("message", good)
	f.Add("message 退款", read(f, "sha1.sig"))
	f.Add("message 退款", good[:100]+"\n"+good[101:])
	f.Fuzz(func(t *testing.T, message, signature string) {
		if err := VerifySHA256(&key.PublicKey, []byte(message), signature); (err == nil) != (message == "message 退款" && signature == good) {
			t.Fatalf("%q %q: %v", message, signature, err)
		}
	})
}
