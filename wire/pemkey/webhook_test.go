package pemkey

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// exampleWebhook is what the specification's libraries test themselves with.
var exampleWebhook = Webhook{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", At: time.Unix(1614265330, 0), Body: []byte(`{"test": 2432232314}`)}

const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func secretOf(t testing.TB, text string) []byte {
	t.Helper()
	secret, err := ParseWebhookSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestTheExampleOfTheSpecification(t *testing.T) {
	secret := secretOf(t, exampleSecret)
	if got := exampleWebhook.SignHMAC(secret); got != exampleSignature {
		t.Errorf("got %s", got)
	}
	header := map[string][]string{}
	exampleWebhook.Set(header, exampleSignature)
	want := map[string]string{"Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp": "1614265330", "Webhook-Signature": exampleSignature}
	for name, value := range want {
		if !slices.Equal(header[name], []string{value}) {
			t.Errorf("%s is %q", name, header[name])
		}
	}
	got, err := WebhookKeys{Secrets: [][]byte{secret}}.Verify(header, exampleWebhook.Body, exampleWebhook.At)
	if err != nil || got.ID != exampleWebhook.ID || !got.At.Equal(exampleWebhook.At) || !bytes.Equal(got.Body, exampleWebhook.Body) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOneOfSeveralSignaturesIsEnough(t *testing.T) {
	old, fresh := secretOf(t, exampleSecret), secretOf(t, NewWebhookSecret())
	private, err := ParseEd25519PrivateKey(read(t, "ed25519_pkcs8.pem"))
	if err != nil {
		t.Fatal(err)
	}
	public := private.Public().(ed25519.PublicKey)
	if text := WebhookPublicKey(public); text != "whpk_"+base64.StdEncoding.EncodeToString(public) {
		t.Errorf("public key %s", text)
	}
	header := map[string][]string{}
	exampleWebhook.Set(header, "v9,AAAA", exampleWebhook.SignHMAC(fresh), exampleSignature, exampleWebhook.SignEd25519(private))
	for name, keys := range map[string]WebhookKeys{
		"the old secret": {Secrets: [][]byte{old}}, "the new one": {Secrets: [][]byte{fresh}}, "either": {Secrets: [][]byte{old, fresh}},
		"the public key": {Public: []ed25519.PublicKey{{}, public}},
	} {
		if _, err := keys.Verify(header, exampleWebhook.Body, exampleWebhook.At); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, keys := range map[string]WebhookKeys{
		"no key": {}, "another secret": {Secrets: [][]byte{secretOf(t, NewWebhookSecret())}},
		// A signature of one kind does not count for the other.
		"the public key as a secret": {Secrets: [][]byte{public}},
	} {
		if _, err := keys.Verify(header, exampleWebhook.Body, exampleWebhook.At); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebhooksThatAreRefused(t *testing.T) {
	keys := WebhookKeys{Secrets: [][]byte{secretOf(t, exampleSecret)}}
	good := map[string][]string{}
	exampleWebhook.Set(good, exampleSignature)
	// The dot moves between id and timestamp, and the signed text stays.
	dotted := Webhook{ID: "msg.1614265330", At: time.Unix(1, 0)}
	for _, test := range []struct {
		name   string
		header map[string][]string
		body   string
		after  time.Duration
		want   error
	}{
		{"in time", nil, "", WebhookTolerance, nil},
		{"early, in time", nil, "", -WebhookTolerance, nil},
		{"late", nil, "", WebhookTolerance + time.Second, ErrWebhookTime},
		{"early", nil, "", -WebhookTolerance - time.Second, ErrWebhookTime},
		{"another body", nil, "{}", 0, ErrSignature},
		{"another id", map[string][]string{HeaderWebhookID: {"msg_1"}}, "", 0, ErrSignature},
		{"another timestamp", map[string][]string{HeaderWebhookTimestamp: {"1614265331"}}, "", 0, ErrSignature},
		{"no id", map[string][]string{HeaderWebhookID: nil}, "", 0, ErrWebhookHeader},
		{"an empty id", map[string][]string{HeaderWebhookID: {""}}, "", 0, ErrWebhookHeader},
		{"two timestamps", map[string][]string{HeaderWebhookTimestamp: {"1614265330", "1614265330"}}, "", 0, ErrWebhookHeader},
		{"a timestamp with a sign", map[string][]string{HeaderWebhookTimestamp: {"+1614265330"}}, "", 0, ErrWebhookHeader},
		{"a timestamp with a zero before", map[string][]string{HeaderWebhookTimestamp: {"01614265330"}}, "", 0, ErrWebhookHeader},
		{"a timestamp in words", map[string][]string{HeaderWebhookTimestamp: {"now"}}, "", 0, ErrWebhookHeader},
		{"a timestamp in milliseconds", map[string][]string{HeaderWebhookTimestamp: {"1614265330000"}}, "", 0, ErrWebhookHeader},
		{"no signature", map[string][]string{HeaderWebhookSignature: nil}, "", 0, ErrWebhookHeader},
		{"a signature without its version", map[string][]string{HeaderWebhookSignature: {strings.TrimPrefix(exampleSignature, "v1,")}}, "", 0, ErrSignature},
		{"too many signatures", map[string][]string{HeaderWebhookSignature: {strings.Repeat("v1,A ", maxSignatureText)}}, "", 0, ErrWebhookHeader},
		{"a dot in the id", map[string][]string{HeaderWebhookID: {dotted.ID}, HeaderWebhookTimestamp: {dotted.timestamp()}}, "", 0, ErrWebhookHeader},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := maps.Clone(good)
			maps.Copy(header, test.header)
			body := exampleWebhook.Body
			if test.body != "" {
				body = []byte(test.body)
			}
			if _, err := keys.Verify(header, body, exampleWebhook.At.Add(test.after)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestSecretsOfWebhooks(t *testing.T) {
	if secret := secretOf(t, NewWebhookSecret()); len(secret) != 32 {
		t.Errorf("%d bytes", len(secret))
	}
	for text, want := range map[string]string{
		"":             "found a text that does not begin with whsec_",
		"whpk_AAAA":    "found a text that does not begin with whsec_",
		"whsec_secret": "found no padded base64 behind whsec_",
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)): "found 23 bytes",
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)): "found 65 bytes",
	} {
		if _, err := ParseWebhookSecret(text); !errors.Is(err, ErrKey) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzWebhook holds for any message: it verifies as it was signed, unless its id
// could not be told from the rest, and no other body does.
func FuzzWebhook(f *testing.F) {
	f.Add("msg_1", int64(1614265330), []byte("{}"), 1)
	f.Add("a.1", int64(0), []byte(""), 0)
	keys := WebhookKeys{Secrets: [][]byte{secretOf(f, exampleSecret)}}
	f.Fuzz(func(t *testing.T, id string, seconds int64, body []byte, at int) {
		w := Webhook{ID: id, At: time.Unix(seconds, 0), Body: body}
		header := map[string][]string{}
		w.Set(header, w.SignHMAC(keys.Secrets[0]))
		got, err := keys.Verify(header, body, w.At)
		if err != nil {
			if id != "" && len(id) <= maxWebhookID && !strings.Contains(id, ".") && seconds >= 0 && seconds < 1e12 {
				t.Fatalf("%q %d: %v", id, seconds, err)
			}
			return
		}
		if got.ID != id || !got.At.Equal(w.At) {
			t.Fatalf("%+v reads as %+v", w, got)
		}
		changed := append(bytes.Clone(body), 'x')
		changed[uint(at)%uint(len(changed))] ^= 1
		if _, err := keys.Verify(header, changed, w.At); !errors.Is(err, ErrSignature) {
			t.Fatalf("%q was accepted for %q", changed, body)
		}
	})
}
