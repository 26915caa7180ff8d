package wechatpay

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/pemkey"
)

// sentRequest is a request of testdata/requests.json.
type sentRequest struct{ Name, Method, Target, Body, Authorization string }

func TestRequestsOfEveryClientVerify(t *testing.T) {
	_, key, err := pemkey.ParseRSACertificate(string(read(t, "merchant_cert.pem")))
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range readJSON[[]sentRequest](t, "requests.json") {
		t.Run(request.Name, func(t *testing.T) {
			a, err := ParseAuthorization(request.Authorization)
			if err != nil {
				t.Fatal(err)
			}
			if a.MchID != "1900009191" || !SameSerial(a.Serial, "3775B6A45ACD588826D15E583A95F5DD00ABCDEF") {
				t.Errorf("read as %+v", a)
			}
			if err := VerifyRequest(key, a, request.Method, request.Target, []byte(request.Body)); err != nil {
				t.Error(err)
			}
			for name, change := range map[string]func(*sentRequest){
				"another method":           func(r *sentRequest) { r.Method = "PUT" },
				"another target":           func(r *sentRequest) { r.Target += "1" },
				"another query":            func(r *sentRequest) { r.Target += "?a=1" },
				"a body more":              func(r *sentRequest) { r.Body += " " },
				"a body without its end":   func(r *sentRequest) { r.Body = strings.TrimSuffix(r.Body, "\n") + "x" },
				"another escape in a path": func(r *sentRequest) { r.Target = strings.Replace(r.Target, "/v3", "/%763", 1) + "%41" },
			} {
				changed := request
				change(&changed)
				if err := VerifyRequest(key, a, changed.Method, changed.Target, []byte(changed.Body)); !errors.Is(err, pemkey.ErrSignature) {
					t.Errorf("%s: got %v", name, err)
				}
			}
		})
	}
}

func TestOnlyHarmlessEscapesAreUndone(t *testing.T) {
	tests := []struct {
		name, target, decoded string
		ok                    bool
	}{
		{"nothing to undo", "/v3/r|1?a=%41", "/v3/r|1?a=%41", false},
		{"one character", "/v3/r%7C1", "/v3/r|1", true},
		{"several, in both cases, before a query", "/v3/r%7c1%2A%40?sub_mchid=%31", "/v3/r|1*@?sub_mchid=%31", true},
		{"a line end", "/v3/r%0A1", "", false},
		{"a blank", "/v3/r%201", "", false},
		{"a slash", "/v3%2Fr", "", false},
		{"a question mark", "/v3/r%3Fa=1", "", false},
		{"a percent sign", "/v3/r%257C", "", false},
		{"half of a Chinese character", "/v3/r%E9", "", false},
		{"an escape that is cut off", "/v3/r%7", "", false},
		{"an escape that is none", "/v3/r%zz", "", false},
		{"a sign in an escape", "/v3/r%+7", "", false},
		{"a bare question mark stays", "/v3/%41?", "/v3/A?", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := DecodedTarget(test.target)
			if ok != test.ok || ok && got != test.decoded {
				t.Errorf("got %q %v", got, ok)
			}
		})
	}
}

func TestOurOwnRequestsVerify(t *testing.T) {
	key := privateKey(t, "merchant_key.pem")
	signer := Signer{"3775B6A45ACD588826D15E583A95F5DD00ABCDEF", key}
	target := RefundTarget("r|1*@", "1900000109")
	a, err := signer.Authorize("1900000100", "GET", target, nil, "N", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseAuthorization(a.String())
	if err != nil || again != a {
		t.Fatalf("got %+v, %v, want %+v", again, err, a)
	}
	if err := VerifyRequest(&key.PublicKey, again, "GET", target, nil); err != nil {
		t.Error(err)
	}
	if _, err := (Signer{}).Authorize("1", "GET", "/", nil, "N", signedAt); !errors.Is(err, pemkey.ErrKey) {
		t.Errorf("without a key: %v", err)
	}
}

func TestAuthorizationHeaders(t *testing.T) {
	const rest = `nonce_str="N",timestamp="1700000000",serial_no="AB",signature="c2ln"`
	want := Authorization{"190", "N", "1700000000", "AB", "c2ln"}
	tests := []struct {
		name, header string
		ok           bool
	}{
		{"as Go sends it", Scheme + ` mchid="190",` + rest, true},
		{"the scheme in lower case", strings.ToLower(Scheme) + ` mchid="190",` + rest, true},
		{"blanks behind commas", Scheme + ` mchid="190", ` + strings.ReplaceAll(rest, ",", ",  "), true},
		{"values without quotes", Scheme + ` mchid=190,` + strings.ReplaceAll(rest, `"`, ""), true},
		{"an attribute more", Scheme + ` mchid="190",algorithm="x",` + rest, true},
		{"nothing", "", false},
		{"another scheme", `Basic mchid="190",` + rest, false},
		{"the scheme for SM2", `WECHATPAY2-SM2-WITH-SM3 mchid="190",` + rest, false},
		{"no attributes", Scheme, false},
		{"no mchid", Scheme + " " + rest, false},
		{"no signature", Scheme + ` mchid="190",nonce_str="N",timestamp="1700000000",serial_no="AB"`, false},
		{"an empty signature", Scheme + ` mchid="190",nonce_str="N",timestamp="1700000000",serial_no="AB",signature=""`, false},
		{"an attribute twice", Scheme + ` mchid="190",mchid="191",` + rest, false},
		{"a quote too few", Scheme + ` mchid="190,` + rest, false},
		{"a quote inside", Scheme + ` mchid="1"9"0",` + rest, false},
		{"a backslash", Scheme + ` mchid="1\90",` + rest, false},
		{"a comma too many", Scheme + ` mchid="190",` + rest + ",", false},
		{"a timestamp in words", Scheme + ` mchid="190",` + strings.Replace(rest, "1700000000", "now", 1), false},
		{"a timestamp with decimals", Scheme + ` mchid="190",` + strings.Replace(rest, "1700000000", "1.5", 1), false},
		{"a header without end", Scheme + ` mchid="190",` + rest + `,x="` + strings.Repeat("a", maxAuthorization) + `"`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseAuthorization(test.header)
			if test.ok && (err != nil || got != want) {
				t.Errorf("got %+v, %v", got, err)
			}
			if !test.ok && !errors.Is(err, ErrAuthorization) {
				t.Errorf("got %v, want ErrAuthorization", err)
			}
		})
	}
}

func TestTimestampsMayBeFiveMinutesAway(t *testing.T) {
	for timestamp, want := range map[string]error{
		"1700000000": nil, "1699999700": nil, "1700000300": nil,
		"1699999699": ErrTimestamp, "1700000301": ErrTimestamp, "99999999999": ErrTimestamp, "": ErrTimestamp,
	} {
		if err := CheckTime(timestamp, signedAt); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", timestamp, err, want)
		}
	}
}

func TestAnswersSignedByOpenSSL(t *testing.T) {
	key := privateKey(t, "platform_key.pem")
	for _, v := range readJSON[[]struct{ Name, Timestamp, Nonce, Body, Signature string }](t, "answers.json") {
		t.Run(v.Name, func(t *testing.T) {
			got, err := (Signer{"AB", key}).SignAnswer([]byte(v.Body), v.Nonce, signedAt)
			if want := (AnswerSignature{v.Timestamp, v.Nonce, "AB", v.Signature}); err != nil || got != want {
				t.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
			header := http.Header{}
			got.Set(header)
			again, err := ReadAnswerSignature(header)
			if err != nil || again != got {
				t.Fatalf("read as %+v, %v", again, err)
			}
			keys := PlatformKeys{"AB": &key.PublicKey}
			if err := keys.Verify(again, []byte(v.Body), signedAt.Add(MaxSkew)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHeadersHaveTheirLetterCase(t *testing.T) {
	header := http.Header{}
	AnswerSignature{"1", "N", "S", "s"}.Set(header)
	header[HeaderRequestID] = []string{"r"}
	var written bytes.Buffer
	if err := header.Write(&written); err != nil {
		t.Fatal(err)
	}
	want := "Request-ID: r\r\nWechatpay-Nonce: N\r\nWechatpay-Serial: S\r\nWechatpay-Signature: s\r\n" +
		"Wechatpay-Signature-Type: WECHATPAY2-SHA256-RSA2048\r\nWechatpay-Timestamp: 1\r\n"
	if diff := cmp.Diff(want, written.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAnswersThatAreAsIfForged(t *testing.T) {
	key := privateKey(t, "platform_key.pem")
	good, err := (Signer{"0b5a2c7e4d9f10382c6a5b4e3d2c1f0099887766", key}).SignAnswer([]byte("{}"), "N", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	keys := PlatformKeys{NormalSerial(good.Serial): &key.PublicKey, "PUB_KEY_ID_1": &privateKey(t, "merchant_key.pem").PublicKey}
	if err := keys.Verify(good, []byte("{}"), signedAt); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*AnswerSignature)
		body   string
		now    time.Time
		want   error
	}{
		{"another body", func(*AnswerSignature) {}, "{ }", signedAt, pemkey.ErrSignature},
		{"another nonce", func(a *AnswerSignature) { a.Nonce = "M" }, "{}", signedAt, pemkey.ErrSignature},
		{"another time", func(a *AnswerSignature) { a.Timestamp = "1700000001" }, "{}", signedAt, pemkey.ErrSignature},
		{"an old one", func(*AnswerSignature) {}, "{}", signedAt.Add(MaxSkew + time.Second), ErrTimestamp},
		{"one of the future", func(*AnswerSignature) {}, "{}", signedAt.Add(-MaxSkew - time.Second), ErrTimestamp},
		{"an unknown key", func(a *AnswerSignature) { a.Serial = "AB" }, "{}", signedAt, ErrUnknownSerial},
		{"another key's name", func(a *AnswerSignature) { a.Serial = "PUB_KEY_ID_1" }, "{}", signedAt, pemkey.ErrSignature},
		{"the platform's own probe", func(a *AnswerSignature) { a.Signature = "WECHATPAY/SIGNTEST/" + a.Signature[19:] }, "{}", signedAt, pemkey.ErrSignature},
		{"no base64", func(a *AnswerSignature) { a.Signature = "!" }, "{}", signedAt, pemkey.ErrSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := good
			test.change(&changed)
			if err := keys.Verify(changed, []byte(test.body), test.now); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestSignatureHeadersThatAreMissingOrBad(t *testing.T) {
	for _, name := range []string{HeaderTimestamp, HeaderNonce, HeaderSerial, HeaderSignature} {
		for why, values := range map[string][]string{"missing": nil, "empty": {""}, "twice": {"1", "1"}, "with a blank": {"1 1"}, "endless": {strings.Repeat("1", 5000)}} {
			header := http.Header{}
			AnswerSignature{"1700000000", "N", "S", "c2ln"}.Set(header)
			header[name] = values
			if _, err := ReadAnswerSignature(header); !errors.Is(err, ErrAnswerHeader) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %s: got %v", name, why, err)
			}
		}
	}
	header := http.Header{}
	AnswerSignature{"now", "N", "S", "c2ln"}.Set(header)
	if _, err := ReadAnswerSignature(header); !errors.Is(err, ErrAnswerHeader) {
		t.Errorf("a timestamp in words: %v", err)
	}
}

func TestTheKeyThatTheRequestNamesSigns(t *testing.T) {
	certificate, public := Signer{Serial: "0B5A"}, Signer{Serial: "PUB_KEY_ID_0116"}
	tests := []struct {
		name, named, want string
		ok                bool
	}{
		{"none is named", "", "0B5A", true},
		{"the certificate", "0b5a", "0B5A", true},
		{"the certificate without its zero", "B5A", "0B5A", true},
		{"the public key", "PUB_KEY_ID_0116", "PUB_KEY_ID_0116", true},
		{"a key that we don't have", "PUB_KEY_ID_0117", "0B5A", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, ok := ChooseSigner(test.named, certificate, public); got.Serial != test.want || ok != test.ok {
				t.Errorf("got %s %v", got.Serial, ok)
			}
		})
	}
}

func TestNoncesAreOfTheirLengthAndASCII(t *testing.T) {
	source := bytes.NewReader(bytes.Repeat([]byte{0, 31, 32, 255}, 100))
	if nonce, err := NewNonce(source); err != nil || nonce != strings.Repeat("A7A7", 8) {
		t.Errorf("got %q, %v", nonce, err)
	}
	if nonce, err := NewSealNonce(source); err != nil || len(nonce) != 12 {
		t.Errorf("got %q, %v", nonce, err)
	}
	if _, err := NewNonce(strings.NewReader("short")); err == nil {
		t.Error("a source that ran dry was taken")
	}
}

func FuzzParseAuthorization(f *testing.F) {
	for _, request := range readJSON[[]sentRequest](f, "requests.json") {
		f.Add(request.Authorization)
	}
	f.Add(Scheme + ` mchid=190, nonce_str=N,timestamp="1",serial_no==,signature="="`)
	f.Fuzz(func(t *testing.T, header string) {
		a, err := ParseAuthorization(header)
		if err != nil {
			return
		}
		if again, err := ParseAuthorization(a.String()); err != nil || again != a {
			t.Fatalf("%q is %+v and then %+v, %v", header, a, again, err)
		}
	})
}

func FuzzDecodedTarget(f *testing.F) {
	for _, target := range []string{"/v3/r%7C1%2A%40?a=%41", "/%", "?%", "/%0a%2f"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		decoded, ok := DecodedTarget(target)
		if !ok {
			return
		}
		path, query, _ := strings.Cut(target, "?")
		decodedPath, decodedQuery, _ := strings.Cut(decoded, "?")
		if query != decodedQuery || strings.Count(path, "/") != strings.Count(decodedPath, "/") || strings.Count(path, "\n") != strings.Count(decodedPath, "\n") {
			t.Fatalf("%q became %q", target, decoded)
		}
	})
}

func FuzzReadAnswerSignature(f *testing.F) {
	f.Add("1700000000", "N", "0B5A", "c2ln")
	key := &privateKey(f, "platform_key.pem").PublicKey
	f.Fuzz(func(t *testing.T, timestamp, nonce, serial, signature string) {
		header := http.Header{}
		AnswerSignature{timestamp, nonce, serial, signature}.Set(header)
		a, err := ReadAnswerSignature(header)
		if err != nil {
			return
		}
		if (PlatformKeys{NormalSerial(serial): key}).Verify(a, nil, signedAt) == nil {
			t.Fatalf("forged: %+v", a)
		}
	})
}
