package merchant

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/wire/pemkey"
)

// PlatformName is the subject of the platform's certificates.
const PlatformName = "Refundry platform"

// NewRSAPlatformKey makes an RSA key pair for the service itself, PKIX and PKCS#8
// PEM, of a private key or, for "", a new one.
func NewRSAPlatformKey(purpose, private string, now time.Time) (PlatformKey, error) {
	var made Pair
	var err error
	if private == "" {
		made, err = NewPair("", now)
	} else {
		made, err = PairFrom(private, "", now)
	}
	if err != nil {
		return PlatformKey{}, err
	}
	return PlatformKey{Purpose: purpose, PublicPEM: made.Public, PrivatePEM: made.Private, CreatedAt: now}, nil
}

// NewPlatformKey makes the first key of the service itself of a form.
func (p PlatformForm) NewPlatformKey(shared string, now time.Time) (PlatformKey, error) {
	key, err := p.Make(PlatformKey{}, shared, now)
	if err != nil {
		return PlatformKey{}, fmt.Errorf("make platform key of %s: %w", p.Kind, err)
	}
	key.ID, key.Purpose = newKeyID(), p.Purpose
	return key, nil
}

func newKeyID() string { return "pk_" + RandomLetters(idLength) }

// SuccessorKeys makes what is to take the place of the platform's keys of a
// merchant's identities in one dialect. Identities whose key in use is the same
// get the same new one. shared is a private key (RSA, PKCS#8 PEM) to make it of;
// "" makes new ones.
func (p PlatformForm) SuccessorKeys(identities []Identity, shared string, now time.Time) ([]PlatformKey, error) {
	var made []PlatformKey
	successors := map[string]PlatformKey{} // by the private half of the one before
	for _, identity := range identities {
		old, ok := KeyInUse(identity.Platform(), now)
		if !ok {
			continue
		}
		successor, known := successors[old.PrivatePEM]
		if !known {
			var err error
			if successor, err = p.Make(old, shared, now); err != nil {
				return nil, fmt.Errorf("make the platform's next key for %s %s: %w", identity.Dialect, identity.Name, err)
			}
			successors[old.PrivatePEM] = successor
		}
		successor.ID, successor.Purpose, successor.Identity = newKeyID(), p.Purpose, identity.Name
		made = append(made, successor)
	}
	return made, nil
}

// UsePlatformKey makes the demo merchant's identities whose key is shared with
// the service's own show that as the platform's.
func (f *Fresh) UsePlatformKey(key PlatformKey, now time.Time) error {
	f.Identities = slices.Clone(f.Identities)
	for _, d := range f.dialects {
		for _, form := range d.Platform {
			if !form.EachIdentity || !form.DemoShares {
				continue
			}
			identities := slices.DeleteFunc(slices.Clone(f.Identities), func(i Identity) bool { return i.Dialect != d.Name })
			made, err := form.SuccessorKeys(identities, key.PrivatePEM, now)
			if err != nil {
				return fmt.Errorf("use platform key: %w", err)
			}
			for _, k := range made {
				at := slices.IndexFunc(f.Identities, func(i Identity) bool { return i.Dialect == d.Name && i.Name == k.Identity })
				k.PublicKeyID = f.Identities[at].Public[PlatformPublicKeyID]
				f.Identities[at] = f.Identities[at].holding(k)
			}
		}
	}
	return nil
}

// certificate is the first of the key's certificates; nil if it has none.
func (k PlatformKey) certificate() *x509.Certificate {
	for _, text := range pemkey.Split(k.CertificatePEM) {
		if certificate, _, err := pemkey.ParseRSACertificate(text); err == nil {
			return certificate
		}
	}
	return nil
}

// Serial is that of the key's certificate, 40 upper-case hex digits; "" if it
// has none.
func (k PlatformKey) Serial() string {
	certificate := k.certificate()
	if certificate == nil {
		return ""
	}
	return pemkey.Serial(certificate)
}

// Expires is the end of the key's certificate, by which nothing is verified
// any more; zero if it has none.
func (k PlatformKey) Expires() time.Time {
	certificate := k.certificate()
	if certificate == nil {
		return time.Time{}
	}
	return certificate.NotAfter
}
