package pemkey

import (
	"crypto/x509"
	"encoding/pem"
	"time"
)

// ValidUntil returns when the certificate of a text ends that lasts longest: where
// one replaces another, both are there for a while. What is no certificate that can
// be read is passed over; zero is none.
func ValidUntil(text string) time.Time {
	var last time.Time
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return last
		}
		if one, err := x509.ParseCertificate(block.Bytes); err == nil && one.NotAfter.After(last) {
			last = one.NotAfter
		}
	}
}
