package wechatpay

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
)

func TestSerialNumbersAndIDs(t *testing.T) {
	for _, pair := range [][2]string{{"ab0C", "AB0c"}, {"0AB", "ab"}, {"PUB_KEY_ID_01", "PUB_KEY_ID_01"}} {
		if !SameSerial(pair[0], pair[1]) {
			t.Errorf("%v differ", pair)
		}
	}
	for _, pair := range [][2]string{{"", ""}, {"AB", "AB0"}, {"AB", "A"}} {
		if SameSerial(pair[0], pair[1]) {
			t.Errorf("%v are the same", pair)
		}
	}
	for id, want := range map[string]bool{
		"PUB_KEY_ID_0116193209372024092600000000000001": true, "PUB_KEY_ID_1": true,
		"PUB_KEY_ID_": false, "PUB_KEY_ID_1x": false, "3775B6": false, "pub_key_id_1": false,
	} {
		if IsPublicKeyID(id) != want {
			t.Errorf("%s: got %v", id, !want)
		}
	}
}

func TestSealedTextsOfTheNodeClient(t *testing.T) {
	for _, v := range readJSON[[]struct {
		Key, Nonce, Plaintext, Ciphertext string
		AssociatedData                    string `json:"associated_data"`
	}](t, "sealed.json") {
		got, err := Seal(v.Key, v.Nonce, v.AssociatedData, []byte(v.Plaintext))
		if want := (Sealed{Algorithm, v.Ciphertext, v.AssociatedData, v.Nonce}); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", v.AssociatedData, got, err)
		}
		if opened, err := got.Open(v.Key); err != nil || string(opened) != v.Plaintext {
			t.Errorf("%q: got %s, %v", v.AssociatedData, opened, err)
		}
	}
}

func TestSealedTextsThatDoNotOpen(t *testing.T) {
	good, err := Seal(testAPIv3Key, "fdasflihfnse", "refund", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*Sealed)
		key    string
		want   error
	}{
		{"another algorithm", func(s *Sealed) { s.Algorithm = "AEAD_SM4_GCM" }, testAPIv3Key, ErrSealed},
		{"other data", func(s *Sealed) { s.AssociatedData = "" }, testAPIv3Key, ErrSealed},
		{"another nonce", func(s *Sealed) { s.Nonce = "fdasflihfnsf" }, testAPIv3Key, ErrSealed},
		{"a nonce of 13 bytes", func(s *Sealed) { s.Nonce += "x" }, testAPIv3Key, ErrSealed},
		{"a changed text", func(s *Sealed) { s.Ciphertext = "AAAA" + s.Ciphertext[4:] }, testAPIv3Key, ErrSealed},
		{"less than a tag", func(s *Sealed) { s.Ciphertext = "AAAA" }, testAPIv3Key, ErrSealed},
		{"no base64", func(s *Sealed) { s.Ciphertext = "!" }, testAPIv3Key, ErrSealed},
		{"a text without end", func(s *Sealed) { s.Ciphertext = strings.Repeat("A", maxSealed+4) }, testAPIv3Key, ErrSealed},
		{"another key", func(*Sealed) {}, strings.Repeat("0", 32), ErrSealed},
		{"a short key", func(*Sealed) {}, testAPIv3Key[:31], ErrAPIv3Key},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := good
			test.change(&changed)
			if opened, err := changed.Open(test.key); !errors.Is(err, test.want) || opened != nil {
				t.Errorf("got %s, %v, want %v", opened, err, test.want)
			}
		})
	}
	if _, err := Seal(testAPIv3Key, "short", "", nil); !errors.Is(err, ErrSealed) {
		t.Errorf("a short nonce: %v", err)
	}
	if _, err := Seal("short", "fdasflihfnse", "", nil); !errors.Is(err, ErrAPIv3Key) {
		t.Errorf("a short key: %v", err)
	}
}

func TestFieldsEncryptedByTheNodeClients(t *testing.T) {
	key := privateKey(t, "platform_key.pem")
	v := readJSON[map[string]string](t, "sensitive.json")
	ours, err := Encrypt(rand.Reader, &key.PublicKey, v["text"])
	if err != nil {
		t.Fatal(err)
	}
	for name, encrypted := range map[string]string{"axios-plugin": v["axios"], "node-v3": v["node_v3"], "ours": ours} {
		if got, err := Decrypt(key, encrypted); err != nil || got.Reveal() != v["text"] {
			t.Errorf("%s: got %q, %v", name, got.Reveal(), err)
		}
	}
	for name, encrypted := range map[string]string{"nothing": "", "a plain text": v["text"], "no base64": "!", "too long": strings.Repeat("A", 1028)} {
		if _, err := Decrypt(key, encrypted); !errors.Is(err, ErrSensitive) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decrypt(privateKey(t, "merchant_key.pem"), ours); !errors.Is(err, ErrSensitive) {
		t.Errorf("another key: %v", err)
	}
	if _, err := Encrypt(rand.Reader, &key.PublicKey, strings.Repeat("a", 214)); err != nil {
		t.Errorf("214 bytes: %v", err)
	}
	if _, err := Encrypt(rand.Reader, &key.PublicKey, strings.Repeat("a", 215)); !errors.Is(err, ErrSensitive) {
		t.Errorf("215 bytes: %v", err)
	}
}

func TestADecryptedFieldShowsItselfNowhere(t *testing.T) {
	card := Card{BankType: "ICBC_DEBIT", Account: Sensitive{"6214830100000403"}, RealName: Sensitive{"张三"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(verb, card); strings.Contains(text, "0403") || strings.Contains(text, "张三") || strings.Contains(text, "e5bca0") {
			t.Errorf("%s: %s", verb, text)
		}
	}
	if text, err := json.Marshal(card); err != nil || strings.Contains(string(text), "0403") {
		t.Errorf("JSON: %s, %v", text, err)
	}
	if card.Tail() != "0403" {
		t.Errorf("tail: %s", card.Tail())
	}
	for _, number := range []string{"", "403", "62148301000004O3"} {
		if tail := (Card{Account: Sensitive{number}}).Tail(); tail != "" {
			t.Errorf("%q has the tail %q", number, tail)
		}
	}
}

func certificateList(t testing.TB) string {
	t.Helper()
	certificate, _, err := pemkey.ParseRSACertificate(string(read(t, "platform_cert.pem")))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := SealCertificate(testAPIv3Key, "61f9c719728a", certificate)
	if err != nil {
		t.Fatal(err)
	}
	return marshal(t, CertificateList{[]SealedCertificate{sealed}})
}

func TestTheListOfCertificates(t *testing.T) {
	list := certificateList(t)
	if want := `{"data":[{"serial_no":"0B5A2C7E4D9F10382C6A5B4E3D2C1F0099887766","effective_time":"`; !strings.HasPrefix(list, want) {
		t.Errorf("got %s", list)
	}
	if want := `","expire_time":"2126-11-01T06:51:05+08:00","encrypt_certificate":{"algorithm":"AEAD_AES_256_GCM","nonce":"61f9c719728a","associated_data":"certificate","ciphertext":"`; !strings.Contains(list, want) {
		t.Errorf("got %s", list)
	}
	keys, err := OpenCertificates(decode(t, list), testAPIv3Key)
	if err != nil || len(keys) != 1 || !privateKey(t, "platform_key.pem").PublicKey.Equal(keys["B5A2C7E4D9F10382C6A5B4E3D2C1F0099887766"]) {
		t.Errorf("got %v, %v", keys, err)
	}
	if got := marshal(t, CertificateList{}); got != `{"data":[]}` {
		t.Errorf("an empty list: %s", got)
	}
	tests := []struct {
		name, body, key string
		want            error
	}{
		{"an empty list", `{"data":[]}`, testAPIv3Key, ErrNoCertificate},
		{"no list", `{}`, testAPIv3Key, ErrNoCertificate},
		{"no object", `[]`, testAPIv3Key, ErrAnswer},
		{"an entry without a text", `{"data":[{"serial_no":"AB"}]}`, testAPIv3Key, ErrAnswer},
		{"another key", list, strings.Repeat("0", 32), ErrSealed},
		{"another number than the certificate's", strings.Replace(list, "0B5A", "0B5B", 1), testAPIv3Key, ErrAnswer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := OpenCertificates(decode(t, test.body), test.key); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	sealed, err := Seal(testAPIv3Key, "61f9c719728a", "certificate", []byte("no PEM"))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"data":[{"serial_no":"AB","encrypt_certificate":{"algorithm":"AEAD_AES_256_GCM","nonce":"61f9c719728a","associated_data":"certificate","ciphertext":"` + sealed.Ciphertext + `"}}]}`
	if _, err := OpenCertificates(decode(t, body), testAPIv3Key); !errors.Is(err, pemkey.ErrKey) {
		t.Errorf("a text that is no certificate: %v", err)
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2015, 5, 20, 5, 29, 35, 999_999_999, time.UTC)
	if got := marshal(t, Time(at)); got != `"2015-05-20T13:29:35+08:00"` {
		t.Errorf("got %s", got)
	}
	for _, text := range []string{"2015-05-20T13:29:35+08:00", "2015-05-20T05:29:35Z", "2015-05-20T05:29:35.000Z", "2015-05-20T00:29:35-05:00"} {
		if got, err := ParseTime(text); err != nil || !got.Equal(at.Truncate(time.Second)) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2015-05-20", "2015-05-20 13:29:35", "2015-05-20T13:29:35", "20150520132935"} {
		if _, err := ParseTime(text); !errors.Is(err, ErrTime) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzOpenCertificates(f *testing.F) {
	f.Add([]byte(certificateList(f)))
	f.Add([]byte(`{"data":[{"serial_no":"AB","encrypt_certificate":{"algorithm":"AEAD_AES_256_GCM","nonce":"61f9c719728a","ciphertext":""}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := exactjson.Decode(data, exactjson.Limits{})
		if err != nil {
			return
		}
		if keys, err := OpenCertificates(body, testAPIv3Key); err == nil && len(keys) == 0 {
			t.Fatal("no key and no error")
		}
	})
}
