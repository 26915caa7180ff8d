package merchant

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"
)

// PublishAfter is how old a platform key must be before anybody is shown it:
// longer than any process goes by what it read before the key was made. Until
// then a caller that was shown it by one process could name it to another that
// does not know it.
const PublishAfter = 15 * time.Second

// PlatformKey is a key pair of the service itself. It is made, shown to those
// who verify by it (PublishAfter later), signs where nobody names a key (from
// ActivatesAt on), and is retired (ExpiresAt): from then on it signs and opens
// nothing. Several are alive while one takes the place of another.
type PlatformKey struct {
	ID      string
	Purpose string // dialect it signs for
	// Identity is whose it is where each identity has its own; else "".
	Identity string
	// PublicPEM and PrivatePEM are PKIX and PKCS#8 PEM, or base64 of 32 bytes.
	PublicPEM  string
	PrivatePEM string // sealed at rest
	// CertificatePEM and PublicKeyID are WeChat Pay's two ways to name the
	// public half. A merchant may have one of them alone.
	CertificatePEM string
	PublicKeyID    string
	CreatedAt      time.Time
	ActivatesAt    time.Time // zero: since ever
	ExpiresAt      time.Time // zero: not retired
}

// Retired reports whether the key's life is over.
func (k PlatformKey) Retired(now time.Time) bool {
	return !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now)
}

// Active reports whether the key may sign where nobody names one.
func (k PlatformKey) Active(now time.Time) bool {
	return !k.Retired(now) && !k.ActivatesAt.After(now)
}

// Published reports whether the key is shown to those who verify by it.
func (k PlatformKey) Published(now time.Time) bool {
	return !k.Retired(now) && (k.Active(now) || !k.CreatedAt.Add(PublishAfter).After(now))
}

// KeyInUse returns the key that signs where nobody names one: of those that are
// active the one that became so last. False if there is none.
func KeyInUse(keys []PlatformKey, now time.Time) (PlatformKey, bool) {
	keys = slices.DeleteFunc(slices.Clone(keys), func(k PlatformKey) bool { return !k.Active(now) })
	if len(keys) == 0 {
		return PlatformKey{}, false
	}
	return slices.MinFunc(keys, func(a, b PlatformKey) int {
		return cmp.Or(b.ActivatesAt.Compare(a.ActivatesAt), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	}), true
}

// idBytes of a hash name a key that has no row yet.
const idBytes = 8

// firstKey is the platform's key pair that an identity was made with, which
// stands in its own row until it is replaced. Its id is the same at every
// look. False for an identity without one.
func (i Identity) firstKey() (PlatformKey, bool) {
	k := PlatformKey{
		Purpose: i.Dialect, Identity: i.Name, CreatedAt: i.CreatedAt,
		PrivatePEM: i.Secrets[PlatformKeyPEM], PublicPEM: i.Public[PlatformPublicPEM],
		CertificatePEM: i.Public[PlatformCertPEM], PublicKeyID: i.Public[PlatformPublicKeyID],
	}
	if k.PrivatePEM == "" {
		k.PrivatePEM, k.PublicPEM = i.Secrets[PlatformSecretKey], i.Public[PlatformPublicKey]
	}
	if k.PrivatePEM == "" {
		return PlatformKey{}, false
	}
	sum := sha256.Sum256([]byte(i.Dialect + "\n" + i.Name + "\n" + k.PublicPEM + "\n" + k.CertificatePEM))
	k.ID = "pk_" + hex.EncodeToString(sum[:idBytes])
	return k, true
}

// Platform returns the platform's key pairs for an identity that has its own,
// retired ones too: those on record, else the one that it was made with.
func (i Identity) Platform() []PlatformKey {
	if len(i.PlatformKeys) > 0 {
		return i.PlatformKeys
	}
	if first, ok := i.firstKey(); ok {
		return []PlatformKey{first}
	}
	return nil
}

// Showing is the identity as others see it at a time: its Public and Secrets
// tell of the platform's key in use.
func (i Identity) Showing(now time.Time) Identity {
	key, ok := KeyInUse(i.PlatformKeys, now)
	if !ok {
		return i
	}
	return i.holding(key)
}

// holding is i with a platform key in the place of the one that it was made with.
func (i Identity) holding(key PlatformKey) Identity {
	public, secrets := map[string]string{}, map[string]string{}
	if i.Public[PlatformPublicKey] != "" {
		public[PlatformPublicKey], secrets[PlatformSecretKey] = key.PublicPEM, key.PrivatePEM
	} else {
		public[PlatformCertPEM], public[PlatformSerial] = key.CertificatePEM, key.Serial()
		public[PlatformPublicPEM], public[PlatformPublicKeyID] = key.PublicPEM, key.PublicKeyID
		secrets[PlatformKeyPEM] = key.PrivatePEM
	}
	i.Public, i.Secrets = over(i.Public, public), over(i.Secrets, secrets)
	return i
}

// over gives texts with others in their place; "" takes one away.
func over(texts, others map[string]string) map[string]string {
	out := maps.Clone(texts)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, others)
	maps.DeleteFunc(out, func(_, text string) bool { return text == "" })
	return out
}
