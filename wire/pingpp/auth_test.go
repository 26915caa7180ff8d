package pingpp

import (
	"encoding/base64"
	"strings"
	"testing"
)

const sampleKey = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"

func TestKeyFromTheAuthorizationHeader(t *testing.T) {
	basic := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	tests := []struct {
		name, header, want string
	}{
		{"Bearer carries the key itself", "Bearer " + sampleKey, sampleKey},
		{"Basic carries the key as user with no password", "Basic " + basic(sampleKey+":"), sampleKey},
		{"a password is ignored", "Basic " + basic(sampleKey+":secret:more"), sampleKey},
		{"a missing colon is forgiven", "Basic " + basic(sampleKey), sampleKey},
		{"missing padding is forgiven", "Basic " + strings.TrimRight(basic(sampleKey+":"), "="), sampleKey},
		{"the scheme may be lower case", "bearer " + sampleKey, sampleKey},
		{"the scheme may be upper case", "BASIC " + basic(sampleKey+":"), sampleKey},
		{"further spaces do not matter", " Bearer   " + sampleKey + " ", sampleKey},
		{"a key of any form passes so that it can be refused by name", "Bearer nonsense", "nonsense"},
		{"no header is no key", "", ""},
		{"a scheme alone is no key", "Bearer", ""},
		{"a scheme with a space is no key", "Bearer ", ""},
		{"another scheme is no key", "Digest " + sampleKey, ""},
		{"a bare key is no key", sampleKey, ""},
		{"broken base64 is no key", "Basic ***", ""},
		{"an empty user is no key", "Basic " + basic(":password"), ""},
		{"a space inside is no key", "Bearer sk test", ""},
		{"a control character is no key", "Basic " + basic("sk\x00:"), ""},
		{"letters outside ASCII are no key", "Bearer 密钥", ""},
		{"128 characters are a key", "Bearer " + strings.Repeat("k", 128), strings.Repeat("k", 128)},
		{"129 characters are no key", "Bearer " + strings.Repeat("k", 129), ""},
		{"endless credentials are no key", "Basic " + strings.Repeat("QUFB", 1000), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, ok := Key(test.header)
			if key != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %v, want %q", key, ok, test.want)
			}
		})
	}
}

func FuzzKey(f *testing.F) {
	f.Add("Bearer " + sampleKey)
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte(sampleKey+":")))
	f.Add("basic Og==")
	f.Add(" \t")
	f.Fuzz(func(t *testing.T, header string) {
		key, ok := Key(header)
		if ok != (key != "") {
			t.Fatalf("%q: key %q with ok %v", header, key, ok)
		}
		if !ok {
			return
		}
		if !isVisible(key, maxKeyLength) {
			t.Fatalf("%q: key %q is no visible ASCII", header, key)
		}
		// Whatever was accepted must be the same account in both styles.
		if again, _ := Key("Bearer " + key); again != key {
			t.Fatalf("%q: key %q became %q in Bearer", header, key, again)
		}
		user, _, _ := strings.Cut(key, ":")
		if again, _ := Key("Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))); again != user {
			t.Fatalf("%q: key %q became %q in Basic", header, key, again)
		}
	})
}
