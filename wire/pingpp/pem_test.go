package pingpp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestBothFormsOfAPrivateKeyAreTheSameKey(t *testing.T) {
	private, public := testKeys(t)
	wrapped, err := ParsePrivateKey(readFile(t, "merchant_pkcs8.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if !private.Equal(wrapped) {
		t.Error("PKCS#1 and PKCS#8 gave different keys")
	}
	if !public.Equal(&private.PublicKey) {
		t.Error("the public half is another key's")
	}
}

func TestAPublicKeyIsWrittenAsOpenSSLWritesIt(t *testing.T) {
	_, public := testKeys(t)
	got, err := MarshalPublicKey(public)
	if err != nil || !bytes.Equal(got, readFile(t, "merchant_public.pem")) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWhatIsNoPublicKey(t *testing.T) {
	tests := []struct {
		name string
		text []byte
	}{
		{"an empty text", nil},
		{"a text without PEM", []byte("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")},
		{"a private key", readFile(t, "merchant_pkcs8.pem")},
		{"the PKCS#1 form of a public key", readFile(t, "merchant_public_pkcs1.pem")},
		{"a key of an elliptic curve", readFile(t, "curve_public.pem")},
		{"a key of 1024 bits", readFile(t, "short_public.pem")},
		{"PEM around nothing", []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")},
		{"an endless text", bytes.Repeat([]byte("\n"), maxPEMLength+1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if key, err := ParsePublicKey(test.text); !errors.Is(err, ErrKey) || key != nil {
				t.Errorf("got %v, %v, want ErrKey", key, err)
			}
		})
	}
}

func TestWhatIsNoPrivateKey(t *testing.T) {
	tests := []struct {
		name string
		text []byte
	}{
		{"an empty text", nil},
		{"a public key", readFile(t, "merchant_public.pem")},
		{"a key of an elliptic curve", readFile(t, "curve_pkcs8.pem")},
		{
			"PKCS#8 with the armour of PKCS#1",
			bytes.ReplaceAll(readFile(t, "merchant_pkcs8.pem"), []byte(" PRIVATE"), []byte(" RSA PRIVATE")),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := ParsePrivateKey(test.text)
			if !errors.Is(err, ErrKey) || key != nil {
				t.Fatalf("got a key or %v, want ErrKey", err)
			}
			if strings.Contains(err.Error(), "MII") {
				t.Errorf("the error repeats the key: %v", err)
			}
		})
	}
}
