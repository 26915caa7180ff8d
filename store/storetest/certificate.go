package storetest

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// certificateUntil is a certificate in PEM that is valid until a time.
func certificateUntil(t testing.TB, until time.Time) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// certificateSetting is settings with a certificate and its successor in one text.
func certificateSetting(t testing.TB, first, second time.Time) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"mchid": "1900009191", "platform_certificate": certificateUntil(t, first) + certificateUntil(t, second)})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
