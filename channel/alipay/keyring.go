package alipay

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	wire "github.com/refundry/refundry/wire/alipay"
)

// downloadAgainAfter is how long a certificate that could not be had is not asked for
// again: anybody can send an answer that names one.
const downloadAgainAfter = time.Minute

// keyring are the keys that verify answers, with the certificates that were downloaded
// since the account was opened.
type keyring struct {
	mu     sync.Mutex
	known  wire.Keys
	failed map[string]time.Time
}

// earlierName stands for the public key of an earlier version.
func earlierName(version int64) string { return "version " + strconv.FormatInt(version, 10) }

// verify checks an answer.
func (k *keyring) verify(a wire.Answer) error {
	k.mu.Lock()
	keys := maps.Clone(k.known)
	k.mu.Unlock()
	return keys.Verify(a)
}

// add keeps a key that was downloaded.
func (k *keyring) add(sn string, key *rsa.PublicKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = maps.Clone(k.known)
	k.known[sn] = key
}

// mayAsk reports whether a certificate may be asked for at now, and notes it.
func (k *keyring) mayAsk(sn string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at, ok := k.failed[sn]; ok && now.Sub(at) < downloadAgainAfter && !at.After(now) {
		return false
	}
	if k.failed == nil || len(k.failed) >= maxFailed {
		k.failed = make(map[string]time.Time)
	}
	k.failed[sn] = now
	return true
}

// maxFailed bounds the names that are remembered.
const maxFailed = 64

// errNoCertificate: a certificate that an answer names can't be had.
var errNoCertificate = errors.New("its certificate could not be downloaded")

// verify checks an answer's signature, and has a certificate downloaded that is not
// known yet: the platform changes its own without asking.
func (c *connector) verify(ctx context.Context, a wire.Answer) error {
	err := c.keys.verify(a)
	if !errors.Is(err, wire.ErrUnknownCertificate) || c.platform.roots.SN == "" {
		return err
	}
	if !c.keys.mayAsk(a.CertSN, c.now()) {
		return fmt.Errorf("%w: %w", err, errNoCertificate)
	}
	key, problem := c.download(ctx, a.CertSN)
	if problem != nil {
		return fmt.Errorf("%w: %w: %w", err, errNoCertificate, problem)
	}
	c.keys.add(a.CertSN, key)
	return c.keys.verify(a)
}

// download asks for a certificate of Alipay's. The answer is signed by that very
// certificate: what makes it count is that an issuer which the account knows has signed
// it, in the name that Alipay's certificate there has. Apps have certificates of the same
// issuers, in other names.
func (c *connector) download(ctx context.Context, sn string) (*rsa.PublicKey, error) {
	a := c.post(ctx, wire.MethodCertificate, wire.CertificateQuery{SN: sn})
	if a.problem != nil {
		return nil, a.problem
	}
	if status := wire.StatusOf(a.Node); !status.OK() {
		return nil, status
	}
	certificate, err := wire.OpenCertificate(wire.CertificateContent(a.Node), sn)
	if err == nil {
		err = wire.CheckIssued(certificate, c.platform.issuers, c.now())
	}
	if err != nil {
		return nil, err
	}
	known := func(one *x509.Certificate) bool { return one.Subject.CommonName == certificate.Subject.CommonName }
	if certificate.Subject.CommonName == "" || !slices.ContainsFunc(c.platform.certificates, known) {
		return nil, fmt.Errorf("%w: it is %s's", wire.ErrCertificate, certificate.Subject)
	}
	key := certificate.PublicKey.(*rsa.PublicKey) // as it was parsed
	return key, (wire.Keys{sn: key}).Verify(a.Answer)
}
