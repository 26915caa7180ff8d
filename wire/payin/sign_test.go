package payin

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"
)

// vector is a request of testdata/signatures.json. They are the contract's own
// (Y2-14).
type vector struct {
	Name, Verb, Target, Key, Secret, Timestamp, Text, Signature string
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var read []vector
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func (v vector) signed() Signed {
	return Seen(Authentication{Key: v.Key, Timestamp: v.Timestamp, SignMethod: SignMethod, SignVersion: SignVersion}, v.Verb, v.Target)
}

func TestSignaturesOfTheContract(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			if got := v.signed().Text(); got != v.Text {
				t.Errorf("text\n got %s\nwant %s", got, v.Text)
			}
			if got := v.signed().Sign(v.Secret); got != v.Signature {
				t.Errorf("Sign: got %s, want %s", got, v.Signature)
			}
			if err := v.signed().Verify(v.Secret, v.Target, v.Signature); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

func TestOurOwnCallsVerify(t *testing.T) {
	now := time.Unix(1690344393, 0)
	for operation, id := range map[Operation]string{
		CreateRefund: "M948164T2023072607034709567189", QueryRefund: "M1T2_R1", CreateOrder: "M948164",
		QueryOrder: "M1T2", QueryTransaction: "M1T2_1", QueryMerchant: "M948164",
	} {
		a := Authenticate("AK1", "s", operation, operation.Path(id), now)
		header := map[string][]string{}
		a.Set(header)
		read, err := ReadAuthentication(header)
		if err != nil || read != a {
			t.Fatalf("%s: read %+v, %v, want %+v", operation, read, err, a)
		}
		target := Prefix + operation.Path(id)
		if err := Seen(read, operation.Verb(), target).Verify("s", target, read.Signature); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
		if err := read.CheckTime(now.Add(MaxSkew)); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

// Each recipe of the documents encodes a few characters in its own way; they
// matter only for ids that were imported.
func TestEveryDocumentedRecipeIsAccepted(t *testing.T) {
	a := Authentication{Key: "AK1", Timestamp: "1690344393", SignMethod: SignMethod, SignVersion: SignVersion}
	for _, test := range []struct{ name, uri string }{
		{"Python keeps the tilde", "%2Forders%2FA%21~%2A%27%28%29_-."},
		{"JavaScript keeps seven more", "%2Forders%2FA!~*'()_-."},
		{"PHP keeps none of them", "%2Forders%2FA%21%7E%2A%27%28%29_-."},
		{"Java keeps the asterisk", "%2Forders%2FA%21%7E*%27%28%29_-."},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "key=AK1&method=order.detail&signMethod=HmacSHA256&signVersion=1&timestamp=1690344393&uri=" + test.uri
			target := "/orders/A!~*'()_-."
			signature := base64Of(mac(text, "s"))
			if err := Seen(a, "GET", target).Verify("s", target, signature); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestAQueryMayBeSignedOrLeftOut(t *testing.T) {
	a := Authentication{Key: "AK1", Timestamp: "1690344393", SignMethod: SignMethod, SignVersion: SignVersion}
	const target = "/api_v1/orders/M1T2?a=1&b=%20"
	s := Seen(a, "GET", target)
	if s.URI != "/orders/M1T2" {
		t.Fatalf("URI is %q", s.URI)
	}
	bare, whole := s.Sign("s"), s
	whole.URI = "/orders/M1T2?a=1&b=%20"
	for name, signature := range map[string]string{"path": bare, "path and query": whole.Sign("s")} {
		if err := s.Verify("s", target, signature); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := s
	other.URI = "/orders/M1T2?a=2"
	if err := s.Verify("s", target, other.Sign("s")); !errors.Is(err, ErrSignature) {
		t.Errorf("another query: %v", err)
	}
}

func TestAChangedRequestIsRefused(t *testing.T) {
	v := vectors(t)[0]
	tests := []struct {
		name   string
		change func(*vector)
	}{
		{"another verb", func(v *vector) { v.Verb = "GET" }},
		{"another order", func(v *vector) { v.Target = "/orders/M1/refunds" }},
		{"another key", func(v *vector) { v.Key += "1" }},
		{"another secret", func(v *vector) { v.Secret += "1" }},
		{"another time", func(v *vector) { v.Timestamp = "1690344394" }},
		{"no signature", func(v *vector) { v.Signature = "" }},
		{"a signature without padding", func(v *vector) { v.Signature = v.Signature[:43] }},
		{"the path with its root is not what is signed", func(v *vector) {
			s := v.signed()
			s.URI = Prefix + s.URI
			v.Signature = s.Sign(v.Secret)
		}},
		{"an operation that doesn't exist, though signed with an empty name", func(v *vector) {
			v.Verb = "DELETE"
			v.Signature = v.signed().Sign(v.Secret)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := v
			test.change(&changed)
			if err := changed.signed().Verify(changed.Secret, changed.Target, changed.Signature); !errors.Is(err, ErrSignature) {
				t.Errorf("got %v, want ErrSignature", err)
			}
		})
	}
}

func TestAFingerprintTellsRequestsApart(t *testing.T) {
	s := Signed{Key: "AK1", Timestamp: "1690344393", URI: "/orders/M1/refunds"}
	first := s.Fingerprint([]byte(`{"amount":"1"}`))
	if again := s.Fingerprint([]byte(`{"amount":"1"}`)); again != first {
		t.Error("the same request has two fingerprints")
	}
	other := s
	other.Key, other.Timestamp = "AK11", "690344393"
	for name, got := range map[string]string{
		"another body":                    s.Fingerprint([]byte(`{"amount":"2"}`)),
		"a digit moved between two texts": other.Fingerprint([]byte(`{"amount":"1"}`)),
	} {
		if got == first {
			t.Errorf("%s has the same fingerprint", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	v := vectors(f)[0]
	f.Add(v.Verb, v.Target, v.Signature)
	f.Add("GET", "/api_v1/refunds/M1_R1?x=%zz", "====")
	f.Add("GET", "//?", "")
	f.Fuzz(func(t *testing.T, verb, target, signature string) {
		a := Authentication{Key: v.Key, Timestamp: v.Timestamp, SignMethod: SignMethod, SignVersion: SignVersion}
		s := Seen(a, verb, target)
		if s.Verify(v.Secret, target, signature) == nil && (verb != v.Verb || s.URI != v.signed().URI) {
			t.Fatalf("%s %s was opened by a signature of another request", verb, target)
		}
		if s.Method != "" {
			if err := s.Verify(v.Secret, target, s.Sign(v.Secret)); err != nil {
				t.Fatalf("own signature of %s %s: %v", verb, target, err)
			}
		}
	})
}
