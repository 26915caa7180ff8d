package pemkey

import (
	"crypto/ed25519"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestACertificateIsReadWithItsKeyAndSerial(t *testing.T) {
	certificate, public, err := ParseRSACertificate(read(t, "certificate.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if got := Serial(certificate); got != "3775B6A45ACD588826D15E583A95F5DD00ABCDEF" {
		t.Errorf("serial number %s", got)
	}
	if MarshalCertificate(certificate) != read(t, "certificate.pem") {
		t.Error("openssl writes it in another way")
	}
	own, err := ParseRSAPrivateKey(read(t, "certificate_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(CheckPair(own, certificate), CheckPair(own, public)); err != nil {
		t.Error(err)
	}
	other, err := ParseRSAPrivateKey(read(t, "merchant_pkcs1.pem"))
	if err != nil {
		t.Fatal(err)
	}
	err = CheckPair(other, certificate)
	if !errors.Is(err, ErrPair) || !strings.Contains(err.Error(), "3775B6A45ACD588826D15E583A95F5DD00ABCDEF") {
		t.Errorf("another key: %v", err)
	}
	if err := CheckPair(other, public); !errors.Is(err, ErrPair) {
		t.Errorf("another key: %v", err)
	}
	if err := CheckPair(other, ed25519.PublicKey{}); !errors.Is(err, ErrPair) {
		t.Errorf("a key of another kind: %v", err)
	}
	// Its first digit is a zero, which many programs drop.
	if certificate, _, err = ParseRSACertificate(read(t, "zero_serial_cert.pem")); err != nil || Serial(certificate) != "0B5A2C7E4D9F10382C6A5B4E3D2C1F0099887766" {
		t.Errorf("serial number %s, %v", Serial(certificate), err)
	}
}

func TestACertificateIsValidFromItsFirstToItsLastSecond(t *testing.T) {
	certificate, _, err := ParseRSACertificate(read(t, "certificate.pem"))
	if err != nil {
		t.Fatal(err)
	}
	from, until := time.Date(2026, 11, 24, 22, 51, 5, 0, time.UTC), time.Date(2126, 10, 31, 22, 51, 5, 0, time.UTC)
	for _, at := range []time.Time{from, until} {
		if err := CheckValid(certificate, at); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	for at, want := range map[time.Time]string{
		from.Add(-time.Second): "certificate 3775B6A45ACD588826D15E583A95F5DD00ABCDEF is valid from 2026-11-24T22:51:05Z",
		until.Add(time.Second): "certificate 3775B6A45ACD588826D15E583A95F5DD00ABCDEF expired at 2126-10-31T22:51:05Z",
	} {
		if err := CheckValid(certificate, at); !errors.Is(err, ErrValidity) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestSeveralCertificates(t *testing.T) {
	one, two := read(t, "certificate.pem"), read(t, "zero_serial_cert.pem")
	all, err := ParseRSACertificates("old:\n" + one + "new:\n" + two + "\n")
	if err != nil || len(all) != 2 || Serial(all[1]) != "0B5A2C7E4D9F10382C6A5B4E3D2C1F0099887766" {
		t.Errorf("%d certificates, %v", len(all), err)
	}
	for text, want := range map[string]string{
		"":                               "want certificates in PEM, found an empty text",
		one + "x":                        "want certificates alone, found text behind the last END line",
		one + read(t, "curve_cert.pem"):  "PEM block 2: unusable key: want a certificate with an RSA key, found a certificate with an EC public key on P-256",
		one + read(t, "curve_pkcs8.pem"): "PEM block 2: unusable key: want a certificate with an RSA key, found a private key",
		strings.Repeat(one, 9):           "want certificates, found more than 8 PEM blocks",
	} {
		if _, err := ParseRSACertificates(text); !errors.Is(err, ErrKey) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestASelfSignedCertificate(t *testing.T) {
	key, err := ParseRSAPrivateKey(read(t, "merchant_pkcs1.pem"))
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)
	made, err := SelfSign(key, "Merchant 1900009191", from, from.AddDate(5, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	certificate, _, err := ParseRSACertificate(MarshalCertificate(made))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(CheckPair(key, certificate), CheckValid(certificate, from), CheckValid(certificate, from.AddDate(5, 0, 0))); err != nil {
		t.Error(err)
	}
	if err := certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature); err != nil {
		t.Errorf("it is not signed by its own key: %v", err)
	}
	if certificate.Subject.CommonName != "Merchant 1900009191" || !regexp.MustCompile(`^[4-7][0-9A-F]{39}$`).MatchString(Serial(certificate)) {
		t.Errorf("subject %s, serial number %s", certificate.Subject, Serial(certificate))
	}
}
