package pingpp

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/refundry/refundry/wire/pemkey"
)

// vector is one request of testdata/signatures.json. The key was made for these
// tests alone, and openssl made the signatures, so that they do not depend on
// the code under test.
type vector struct {
	Name      string `json:"name"`
	Body      string `json:"body"`
	Target    string `json:"target"`
	Timestamp string `json:"timestamp"`
	Signed    string `json:"signed"`
	Signature string `json:"signature"`
}

func (vector vector) request() SignedRequest {
	return SignedRequest{
		Body: []byte(vector.Body), Target: vector.Target,
		Timestamp: vector.Timestamp, Signature: vector.Signature,
	}
}

func TestSignaturesMadeByOpenSSL(t *testing.T) {
	private, public := testKeys(t)
	for _, vector := range testVectors(t) {
		t.Run(vector.Name, func(t *testing.T) {
			got, err := pemkey.SignSHA256(private, []byte(vector.Signed))
			if err != nil || got != vector.Signature {
				t.Errorf("signed: got %s, %v, want %s", got, err, vector.Signature)
			}
			if err := VerifyRequest(public, vector.request()); err != nil {
				t.Errorf("VerifyRequest: %v", err)
			}
		})
	}
}

func TestAChangedRequestIsRefused(t *testing.T) {
	_, public := testKeys(t)
	vectors := testVectors(t)
	current, oldest := vectors[0], vectors[5]
	tests := []struct {
		name   string
		vector vector
		change func(*SignedRequest)
		want   error
	}{
		{"another body", current, func(r *SignedRequest) { r.Body = []byte(`{}`) }, pemkey.ErrSignature},
		{"another target", current, func(r *SignedRequest) { r.Target += "?" }, pemkey.ErrSignature},
		{"another timestamp", current, func(r *SignedRequest) { r.Timestamp = "1409634161" }, pemkey.ErrSignature},
		{"a dropped timestamp", current, func(r *SignedRequest) { r.Timestamp = "" }, pemkey.ErrSignature},
		{"an added timestamp", oldest, func(r *SignedRequest) { r.Timestamp = "1700000000" }, pemkey.ErrSignature},
		{"no signature", current, func(r *SignedRequest) { r.Signature = "" }, ErrSignatureMissing},
		{"a signature without padding", current, func(r *SignedRequest) {
			r.Signature = strings.TrimRight(r.Signature, "=")
		}, pemkey.ErrSignature},
		{"a signature in the alphabet of addresses", current, func(r *SignedRequest) {
			r.Signature = strings.NewReplacer("+", "-", "/", "_").Replace(r.Signature)
		}, pemkey.ErrSignature},
		{"an endless signature", current, func(r *SignedRequest) {
			r.Signature = strings.Repeat("QUFB", 1000)
		}, pemkey.ErrSignature},
		{"a timestamp in words", current, func(r *SignedRequest) { r.Timestamp = "yesterday!" }, ErrTimestamp},
		{"a timestamp in milliseconds", current, func(r *SignedRequest) { r.Timestamp += "000" }, ErrTimestamp},
		{"the target's end moved into the timestamp", current, func(r *SignedRequest) {
			r.Target, r.Timestamp = r.Target[:len(r.Target)-8], "/refunds"+r.Timestamp
		}, ErrTimestamp},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := test.vector.request()
			test.change(&request)
			if err := VerifyRequest(public, request); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestASignatureOverATimestampAloneOpensNoGET(t *testing.T) {
	private, public := testKeys(t)
	signature, err := pemkey.SignSHA256(private, []byte("1700000000"))
	if err != nil {
		t.Fatal(err)
	}
	request := SignedRequest{Target: "/v1/charges", Timestamp: "1700000000", Signature: signature}
	if err := VerifyRequest(public, request); !errors.Is(err, pemkey.ErrSignature) {
		t.Errorf("got %v, want ErrSignature", err)
	}
}

func TestRequestStringTakesItsPartsAsTheyAre(t *testing.T) {
	body := append(make([]byte, 0, 64), "{}"...)
	got := RequestString(body, "/v1/charges/ch_1?", "1700000000")
	if want := "{}/v1/charges/ch_1?1700000000"; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if rest := body[:cap(body)][2]; rest != 0 {
		t.Error("the caller's spare bytes were written to")
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	_, public := testKeys(t)
	vector := testVectors(t)[0]
	other := *public
	other.E = 3
	if err := VerifyRequest(&other, vector.request()); !errors.Is(err, pemkey.ErrSignature) {
		t.Errorf("got %v, want ErrSignature", err)
	}
}

func TestNoKeyIsAnErrorAndNoPanic(t *testing.T) {
	if err := VerifyRequest(nil, SignedRequest{Signature: "QUFB"}); !errors.Is(err, pemkey.ErrKey) {
		t.Errorf("got %v", err)
	}
}

// FuzzVerify looks for a signature text other than the right one that passes,
// and for panics on the way.
func FuzzVerify(f *testing.F) {
	_, public := testKeys(f)
	right := testVectors(f)[0]
	f.Add(right.Body, right.Target, right.Timestamp, right.Signature)
	f.Add(right.Body, right.Target, "", right.Signature)
	f.Add("", "", "", "=")
	f.Add("", "", "0", "QUFB")
	known := make(map[string]string)
	for _, vector := range testVectors(f) {
		raw, err := base64.StdEncoding.DecodeString(vector.Signature)
		if err != nil {
			f.Fatal(err)
		}
		known[string(raw)] = vector.Signed
	}
	f.Fuzz(func(t *testing.T, body, target, timestamp, signature string) {
		request := SignedRequest{Body: []byte(body), Target: target, Timestamp: timestamp, Signature: signature}
		if VerifyRequest(public, request) != nil {
			return
		}
		raw, err := base64.StdEncoding.DecodeString(signature)
		if err != nil {
			t.Fatalf("accepted %q, which is no base64", signature)
		}
		signed, ours := known[string(raw)]
		if timestamp == "" {
			target = ""
		}
		if !ours || signed != body+target+timestamp && (body == "" || signed != body+timestamp) {
			t.Fatalf("forged: %q %q %q %q", body, target, timestamp, signature)
		}
	})
}

func testKeys(t testing.TB) (*rsa.PrivateKey, *rsa.PublicKey) {
	t.Helper()
	private, err := pemkey.ParseRSAPrivateKey(string(readFile(t, "merchant_pkcs1.pem")))
	if err != nil {
		t.Fatal(err)
	}
	public, err := pemkey.ParseRSAPublicKey(string(readFile(t, "merchant_public.pem")))
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

func testVectors(t testing.TB) []vector {
	t.Helper()
	var vectors []vector
	if err := json.Unmarshal(readFile(t, "signatures.json"), &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}
