package alipay_test

import (
	"crypto/rsa"
	"os"
	"testing"

	"github.com/refundry/refundry/wire/alipay"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
)

// The files in testdata were made and signed by openssl.
func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func privateKey(t testing.TB, name string) *rsa.PrivateKey {
	t.Helper()
	key, err := pemkey.ParseRSAPrivateKey(read(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// keys are those of key mode.
func keys(t testing.TB) alipay.Keys {
	t.Helper()
	key, err := pemkey.ParseRSAPublicKey(read(t, "alipay_public.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return alipay.Keys{"": key}
}

func node(t testing.TB, text string) exactjson.Value {
	t.Helper()
	value, err := exactjson.Decode([]byte(text), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return value
}
