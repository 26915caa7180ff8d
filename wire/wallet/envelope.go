package wallet

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/nacl/box"

	"github.com/refundry/refundry/wire/exactjson"
)

// Sizes in bytes of what a sealed envelope is made of (L1.1-2 and L1.1-5).
const (
	KeySize   = 32
	NonceSize = 24
	// PlaceholderSize is the plaintext of a request without a body, such as a
	// GET: random bytes, which nobody reads.
	PlaceholderSize = 16
)

// EnvelopeVersion is the only version that is served. Version 1, with a
// temporary key and a signature, is obsolete.
const EnvelopeVersion = 2

// maxPayload bounds the base64 of an envelope; a body is at most 1 MiB before
// it is sealed.
const maxPayload = 3 << 19

// What an envelope or a key can be blamed for.
var (
	// ErrSealed is any envelope that can't be opened. It is answered as failed
	// authentication (HTTP 401), in plain form.
	ErrSealed = errors.New("envelope can't be opened")
	ErrKey    = errors.New("not a key: want base64 of 32 bytes")
)

// Keys are one side's view: its own secret key and the peer's public key
// (Curve25519).
type Keys struct {
	Secret *[KeySize]byte
	Peer   *[KeySize]byte
}

// Envelope is a sealed body: {"version": 2, "payload": "...", "nonce": "..."}.
type Envelope struct {
	Version int64  `json:"version"`
	Payload string `json:"payload"` // base64
	Nonce   string `json:"nonce"`   // base64 of 24 bytes
}

// ParseKey reads a key in standard base64. It returns ErrKey and never repeats
// the text.
func ParseKey(text string) (*[KeySize]byte, error) {
	// Measured first, so that a long text is not decoded.
	if len(text) != base64.StdEncoding.EncodedLen(KeySize) {
		return nil, ErrKey
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != KeySize {
		return nil, ErrKey
	}
	return (*[KeySize]byte)(raw), nil
}

// FormatKey writes a key in standard base64.
func FormatKey(key *[KeySize]byte) string { return base64.StdEncoding.EncodeToString(key[:]) }

// PublicKey returns the public half of a secret key. It returns ErrKey for nil.
func PublicKey(secret *[KeySize]byte) (*[KeySize]byte, error) {
	if secret == nil {
		return nil, ErrKey
	}
	private, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return (*[KeySize]byte)(private.PublicKey().Bytes()), nil
}

// envelopeNames are an envelope's members.
var envelopeNames = []string{"version", "payload", "nonce"}

// IsEnvelope reports whether a body is sealed: an object with exactly the
// members version, payload and nonce, whatever is in them. Anything else is
// plain JSON (L6-2). An envelope of another version is still one, and is then
// refused.
func IsEnvelope(body exactjson.Value) bool {
	if body.Kind != exactjson.Object || len(body.Members) != len(envelopeNames) {
		return false
	}
	for _, name := range envelopeNames {
		if _, ok := body.Get(name); !ok {
			return false
		}
	}
	return true
}

// LooksSealed is IsEnvelope for a body that exact JSON refuses, such as one
// with a name twice, a version of a hundred digits or U+0000 in a nonce: it is
// an envelope that can't be opened, and no plain request. What is no JSON at
// all is neither.
func LooksSealed(body []byte) bool {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || len(members) != len(envelopeNames) {
		return false
	}
	for _, name := range envelopeNames {
		if _, ok := members[name]; !ok {
			return false
		}
	}
	return true
}

// ReadEnvelope takes an envelope out of a body for which IsEnvelope is true. It
// returns ErrSealed when its members have other kinds than they should.
func ReadEnvelope(body exactjson.Value) (Envelope, error) {
	version, _ := body.Get("version")
	payload, _ := body.Get("payload")
	nonce, _ := body.Get("nonce")
	number, err := strconv.ParseInt(version.Text, 10, 64)
	if err != nil || version.Kind != exactjson.Number || payload.Kind != exactjson.String || nonce.Kind != exactjson.String {
		return Envelope{}, ErrSealed
	}
	return Envelope{Version: number, Payload: payload.Text, Nonce: nonce.Text}, nil
}

// Seal seals a plaintext for the peer. The nonce must never be used twice for
// the same two keys: take it from NewNonce.
func Seal(plaintext []byte, nonce *[NonceSize]byte, keys Keys) (Envelope, error) {
	if keys.Secret == nil || keys.Peer == nil {
		return Envelope{}, fmt.Errorf("seal: %w", ErrKey)
	}
	sealed := box.Seal(nil, plaintext, nonce, keys.Peer, keys.Secret)
	return Envelope{
		Version: EnvelopeVersion,
		Payload: base64.StdEncoding.EncodeToString(sealed),
		Nonce:   base64.StdEncoding.EncodeToString(nonce[:]),
	}, nil
}

// Open opens what the peer sealed. It returns ErrSealed for everything that is
// wrong with it, and does not tell what: neither may a caller.
func Open(e Envelope, keys Keys) ([]byte, error) {
	if keys.Secret == nil || keys.Peer == nil {
		return nil, fmt.Errorf("open: %w", ErrKey)
	}
	if e.Version != EnvelopeVersion || len(e.Payload) > maxPayload || len(e.Nonce) != base64.StdEncoding.EncodedLen(NonceSize) {
		return nil, ErrSealed
	}
	nonce, err := decodeBase64(e.Nonce)
	if err != nil || len(nonce) != NonceSize {
		return nil, ErrSealed
	}
	sealed, err := decodeBase64(e.Payload)
	if err != nil {
		return nil, ErrSealed
	}
	plaintext, ok := box.Open(nil, sealed, (*[NonceSize]byte)(nonce), keys.Peer, keys.Secret)
	if !ok {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// decodeBase64 reads standard base64 with its padding, in one line: an
// envelope has one form, so that nothing stands between its bytes.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, ErrSealed
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// NewNonce draws a nonce; random is crypto/rand.Reader outside tests.
func NewNonce(random io.Reader) (*[NonceSize]byte, error) {
	var nonce [NonceSize]byte
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return nil, fmt.Errorf("draw nonce: %w", err)
	}
	return &nonce, nil
}

// Placeholder draws the plaintext of a request without a body.
func Placeholder(random io.Reader) ([]byte, error) {
	bytes := make([]byte, PlaceholderSize)
	if _, err := io.ReadFull(random, bytes); err != nil {
		return nil, fmt.Errorf("draw placeholder: %w", err)
	}
	return bytes, nil
}
