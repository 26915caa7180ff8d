package wechatpay

import (
	"crypto/rsa"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
)

// The keys and certificates in testdata were made by openssl for these tests
// alone. requests.json holds what the official clients send (two were run, the
// others' forms are those of the contract page); answers.json was signed by
// openssl, sealed.json and sensitive.json come out of the Node clients. So
// nothing there depends on the code under test.

// testAPIv3Key is the APIv3 key of sealed.json.
const testAPIv3Key = "0123456789abcdef0123456789abcdef"

// signedAt is the timestamp in most of the vectors.
var signedAt = time.Unix(1700000000, 0)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readJSON[T any](t testing.TB, name string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(read(t, name), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func privateKey(t testing.TB, name string) *rsa.PrivateKey {
	t.Helper()
	key, err := pemkey.ParseRSAPrivateKey(string(read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func decode(t testing.TB, body string) exactjson.Value {
	t.Helper()
	value, err := exactjson.Decode([]byte(body), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	text, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
