package pemkey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files in testdata were made by openssl for these tests alone.
func read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bare takes the PEM lines away.
func bare(t testing.TB, name string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(read(t, name)), "\n")
	return strings.Join(lines[1:len(lines)-1], "\r\n")
}

func TestAPrivateKeyIsTheSameInEveryForm(t *testing.T) {
	want, err := ParseRSAPrivateKey(read(t, "merchant_pkcs1.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"PKCS#8":                  read(t, "merchant_pkcs8.pem"),
		"CRLF and a comment":      "Bag Attributes\r\n" + strings.ReplaceAll(read(t, "merchant_pkcs8.pem"), "\n", "\r\n") + "\r\n ",
		"a byte order mark":       byteOrderMark + read(t, "merchant_pkcs1.pem"),
		"lines of PKCS#1":         bare(t, "merchant_pkcs1.pem"),
		"one line of PKCS#8":      strings.ReplaceAll(bare(t, "merchant_pkcs8.pem"), "\r\n", ""),
		"what is written, PKCS#1": MarshalRSAPrivateKey(want),
	} {
		if got, err := ParseRSAPrivateKey(text, Bare); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	written, err := MarshalPrivateKey(want)
	if err != nil || written != read(t, "merchant_pkcs8.pem") {
		t.Errorf("openssl writes PKCS#8 in another way (%v)", err)
	}
	public, err := MarshalPublicKey(&want.PublicKey)
	if err != nil || public != read(t, "merchant_public.pem") {
		t.Errorf("openssl writes the public key in another way (%v)", err)
	}
	for name, text := range map[string]string{"PEM": public, "base64": bare(t, "merchant_public.pem")} {
		if got, err := ParseRSAPublicKey(text, Bare); err != nil || !got.Equal(&want.PublicKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnEd25519KeyReadsAsItWasWritten(t *testing.T) {
	key, err := ParseEd25519PrivateKey(read(t, "ed25519_pkcs8.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if written, err := MarshalPrivateKey(key); err != nil || written != read(t, "ed25519_pkcs8.pem") {
		t.Errorf("openssl writes it in another way (%v)", err)
	}
}

// TestWhatIsRefused holds the texts that an operator sees: what is there, and
// what is wanted.
func TestWhatIsRefused(t *testing.T) {
	const want, public, certificate = "want an RSA private key", "want an RSA public key (PKIX)", "want a certificate with an RSA key"
	private := func(text string) error { _, err := ParseRSAPrivateKey(text); return err }
	privateBare := func(text string) error { _, err := ParseRSAPrivateKey(text, Bare); return err }
	publicKey := func(text string) error { _, err := ParseRSAPublicKey(text); return err }
	publicBare := func(text string) error { _, err := ParseRSAPublicKey(text, Bare); return err }
	cert := func(text string) error { _, _, err := ParseRSACertificate(text); return err }
	ed := func(text string) error { _, err := ParseEd25519PrivateKey(text); return err }
	good := read(t, "merchant_pkcs8.pem")
	for _, test := range []struct {
		name  string
		parse func(string) error
		text  string
		want  string
	}{
		{"nothing", private, " \n", want + " in PEM, found an empty text"},
		{"words", private, "my key", want + " in PEM, found a text that is no key"},
		{"words for base64", privateBare, "my key", want + " in PEM or base64, found a text that is no key"},
		{"base64 of something else", privateBare, "bXkga2V5", want + ", found bytes of no known key or certificate"},
		{"base64 where PEM is wanted", private, bare(t, "merchant_pkcs1.pem"), want + " in PEM, found the base64, without BEGIN and END lines, of the PKCS#1 form of an RSA private key of 2048 bits"},
		{"DER", private, derOf(t, "merchant_pkcs8.pem"), want + " in PEM, found the bytes (DER) of the PKCS#8 form of an RSA private key of 2048 bits"},
		{"a PKCS#12 file", private, read(t, "pair.p12"), want + " in PEM, found the bytes (DER) of " + pkcs12},
		{"a public key for a private one", private, read(t, "merchant_public.pem"), want + ", found a public key"},
		{"a public key's base64 for a private key", privateBare, bare(t, "merchant_public.pem"), want + ", found a public key"},
		{"a certificate for a key", private, read(t, "certificate.pem"), want + ", found a certificate"},
		{"a certificate's request", private, read(t, "request.pem"), want + ", found a certificate request"},
		{"an encrypted key", private, read(t, "encrypted_pkcs8.pem"), want + ", found " + encrypted},
		{"an encrypted key of the old form", private, read(t, "encrypted_pkcs1.pem"), want + ", found " + encrypted},
		{"a curve in PKCS#8", private, read(t, "curve_pkcs8.pem"), want + ", found an EC private key on P-256"},
		{"a curve in its own form", private, read(t, "curve_sec1.pem"), want + ", found an EC private key"},
		{"a curve behind its parameters", private, read(t, "curve_with_parameters.pem"), want + " alone, found 2 PEM blocks (EC PARAMETERS, EC PRIVATE KEY)"},
		{"Ed25519", private, read(t, "ed25519_pkcs8.pem"), want + ", found an Ed25519 private key"},
		{"RSA for Ed25519", ed, good, "want an Ed25519 private key, found an RSA private key of 2048 bits"},
		{"a key with its certificate", private, good + read(t, "certificate.pem"), want + " alone, found 2 PEM blocks (PRIVATE KEY, CERTIFICATE)"},
		{"text behind", private, good + "password", want + " alone, found a private key with text behind its END line"},
		{"no END line", private, good[:len(good)-30], want + ", found a PEM block that is damaged or has no END line"},
		{"a damaged block before a good one", private, strings.Replace(good, "MII", "M!I", 1) + good, want + ", found a PEM block that is damaged or has no END line"},
		{"line ends as characters", private, strings.ReplaceAll(good, "\n", `\n`), want + `, found a PEM block whose line ends are written as the two characters \n`},
		{
			"the label of PKCS#1 over PKCS#8", private, strings.ReplaceAll(good, " PRIVATE", " RSA PRIVATE"),
			want + `, found the PKCS#8 form of an RSA private key of 2048 bits behind the label "RSA PRIVATE KEY"`,
		},
		{"an unknown block", private, "-----BEGIN X-----\nAAAA\n-----END X-----\n", want + `, found a PEM block "X"`},
		{"too long", private, strings.Repeat("\n", maxText+1), want + ", found a text longer than 65536 bytes"},
		{"nine blocks", private, strings.Repeat(good, 9), want + ", found more than 8 PEM blocks"},

		{"a private key for a public one", publicKey, good, public + ", found a private key"},
		{"PKCS#1", publicKey, read(t, "merchant_public_pkcs1.pem"), public + ", found " + labelNames[labelPKCS1Public]},
		{"the base64 of PKCS#1", publicBare, bare(t, "merchant_public_pkcs1.pem"), public + ", found " + labelNames[labelPKCS1Public]},
		{"a curve", publicKey, read(t, "curve_public.pem"), public + ", found an EC public key on P-256"},
		{"1024 bits", publicKey, read(t, "short_public.pem"), public + " of 2048 to 4096 bits, found one of 1024"},
		{"PEM around nothing", publicKey, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", public + `, found bytes of no known key or certificate behind the label "PUBLIC KEY"`},

		{"a key for a certificate", cert, good, certificate + ", found a private key"},
		{"a certificate of a curve", cert, read(t, "curve_cert.pem"), certificate + ", found a certificate with an EC public key on P-256"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.parse(test.text)
			if !errors.Is(err, ErrKey) || err.Error() != "unusable key: "+test.want {
				t.Errorf("got  %v\nwant unusable key: %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "MII") {
				t.Error("the error repeats the key")
			}
		})
	}
}

func derOf(t testing.TB, name string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(read(t, name)))
	return string(block.Bytes)
}

func TestALongKeyIsTakenWhereTheCallerSaysSo(t *testing.T) {
	long := read(t, "long_public.pem")
	if _, err := ParseRSAPublicKey(long); !errors.Is(err, ErrKey) {
		t.Errorf("8192 bits: %v", err)
	}
	if key, err := ParseRSAPublicKey(long, Long); err != nil || key.N.BitLen() != MaxLongRSABits {
		t.Errorf("8192 bits: %v", err)
	}
}

func TestOtherKindsOfKeysAreWritten(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := MarshalPrivateKey(key)
	if _, parseErr := ParseRSAPrivateKey(text); err != nil || parseErr == nil || !strings.Contains(parseErr.Error(), "EC private key on P-256") {
		t.Errorf("wrote %v, read as %v", err, parseErr)
	}
	if _, err := MarshalPublicKey("key"); !errors.Is(err, ErrKey) {
		t.Errorf("a text as a key: %v", err)
	}
}

func TestSplitReturnsTheBlocksOfAText(t *testing.T) {
	one, two := read(t, "certificate.pem"), read(t, "zero_serial_cert.pem")
	got := Split("first\n" + one + "second\n" + two + "the end")
	if len(got) != 2 || got[0] != one || got[1] != two {
		t.Errorf("got %q", got)
	}
	if many := Split(strings.Repeat(one, 20)); len(many) != maxBlocks {
		t.Errorf("%d blocks", len(many))
	}
	if none := Split("no PEM"); none != nil {
		t.Errorf("got %q", none)
	}
}

// FuzzParse holds for any text: no panic, only keys of an allowed size, each of
// which reads the same when it is written again, and errors that don't repeat
// a long piece of the text.
func FuzzParse(f *testing.F) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if !file.IsDir() {
			f.Add([]byte(read(f, file.Name())))
		}
	}
	f.Add([]byte(bare(f, "merchant_pkcs1.pem")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		text := string(raw)
		if key, err := ParseRSAPublicKey(text, Bare); err == nil {
			if bits := key.N.BitLen(); bits < MinRSABits || bits > MaxRSABits {
				t.Fatalf("took a key of %d bits", bits)
			}
			written, err := MarshalPublicKey(key)
			if again, parseErr := ParseRSAPublicKey(written); err != nil || parseErr != nil || !again.Equal(key) {
				t.Fatalf("%s is another key: %v, %v", written, err, parseErr)
			}
		}
		key, err := ParseRSAPrivateKey(text, Bare)
		if err == nil {
			signature, err := SignSHA256(key, raw)
			if err != nil || VerifySHA256(&key.PublicKey, raw, signature) != nil || CheckPair(key, &key.PublicKey) != nil {
				t.Fatalf("took a private key that does not fit its public half: %v", err)
			}
		} else if len(raw) > 3*maxLabel && bytes.Contains([]byte(err.Error()), raw[:3*maxLabel]) {
			t.Fatalf("the error repeats the text: %v", err)
		}
		if key, err := ParseEd25519PrivateKey(text); err == nil {
			if written, err := MarshalPrivateKey(key); err != nil || len(Split(written)) != 1 {
				t.Fatalf("wrote %q, %v", written, err)
			}
		}
		if certificate, key, err := ParseRSACertificate(text, Bare); err == nil {
			again, _, err := ParseRSACertificate(MarshalCertificate(certificate))
			if err != nil || !again.Equal(certificate) || key == nil {
				t.Fatalf("certificate %s is another one: %v", Serial(certificate), err)
			}
		}
		if all, err := ParseRSACertificates(text); err == nil && len(all) != len(Split(text)) {
			t.Fatalf("%d certificates of %d blocks", len(all), len(Split(text)))
		}
	})
}
