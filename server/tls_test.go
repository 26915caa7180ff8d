package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes a certificate for this machine and gives its files and
// who trusts it.
func certificate(t *testing.T) (certFile, keyFile string, trusted *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
	for name, content := range map[string][]byte{certFile: text, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted = x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	return certFile, keyFile, trusted
}

func TestWithACertificateItSpeaksTLSAndHTTP1(t *testing.T) {
	certFile, keyFile, trusted := certificate(t)
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
	}), Options{Certificate: read(t, certFile, keyFile)})
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Errorf("it says that it is at %s", s.url)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("answered %s over %s", response.Status, response.Proto)
	}
}

func TestACertificateThatIsNotThereIsAnError(t *testing.T) {
	if _, err := ReadCertificate("nowhere.pem", "nowhere.pem"); err == nil || !strings.Contains(err.Error(), "nowhere.pem") {
		t.Errorf("got %v", err)
	}
	if none, err := ReadCertificate("", ""); none != nil || err != nil {
		t.Errorf("no files are %v, %v", none, err)
	}
}

func read(t *testing.T, certFile, keyFile string) *Certificate {
	t.Helper()
	certificate, err := ReadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestACertificateIsReadAgainAndOneThatIsBrokenIsNot(t *testing.T) {
	certFile, keyFile, _ := certificate(t)
	serving := read(t, certFile, keyFile)
	s := start(t, http.NotFoundHandler(), Options{Certificate: serving})
	serial := func() string {
		connection, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true}) // it is the certificate that is looked at
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = connection.Close() }()
		return string(connection.ConnectionState().PeerCertificates[0].Raw)
	}
	first := serial()
	newCert, newKey, _ := certificate(t)
	for from, to := range map[string]string{newCert: certFile, newKey: keyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if serial() != first {
		t.Error("the certificate was read without being asked for")
	}
	if err := serving.Reload(); err != nil {
		t.Fatal(err)
	}
	second := serial()
	if second == first {
		t.Error("the certificate was not read again")
	}
	if err := os.WriteFile(certFile, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := serving.Reload(); err == nil {
		t.Error("a broken file was read")
	}
	if serial() != second {
		t.Error("the certificate did not stay")
	}
}
