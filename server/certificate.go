package server

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"
)

// Certificate is a certificate chain with its key that can be read again from
// its files while it is served, so that a new one needs no restart.
type Certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// ReadCertificate reads a certificate from PEM files; nil for no files.
func ReadCertificate(certFile, keyFile string) (*Certificate, error) {
	if certFile == "" && keyFile == "" {
		return nil, nil
	}
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again. On an error the certificate stays what it was.
func (c *Certificate) Reload() error {
	read, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w (hint: --tls-cert and --tls-key take PEM files that belong together)", err)
	}
	c.current.Store(&read)
	return nil
}

// Current is the certificate that new connections get.
func (c *Certificate) Current() *tls.Certificate { return c.current.Load() }

// ValidUntil is when the certificate ends that new connections get; zero for none.
func (c *Certificate) ValidUntil() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.Current().Leaf.NotAfter
}

// config is how connections are secured; nil is plain HTTP.
func (c *Certificate) config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.Current(), nil },
		MinVersion:     tls.VersionTLS12,
	}
}
