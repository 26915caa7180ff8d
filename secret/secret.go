// Package secret seals what the database must not show: private keys, API
// secrets, APIv3 keys. Only the master key is outside of the database.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// MasterBytes is the master key's length.
	MasterBytes = 32
	version     = "v1"
	// masterFile is the master key's file in the data folder, in base64.
	masterFile = "master.key"
	// Environment names the variable that holds the master key instead.
	Environment = "REFUNDRY_MASTER_KEY"
)

// The reasons why a secret can't be opened or a key can't be used.
var (
	ErrMasterKey = errors.New("the master key is not 32 bytes in base64")
	// ErrNoMasterKey: a key made now could not open what another has sealed.
	ErrNoMasterKey = errors.New("the master key is missing")
	ErrOtherKey    = errors.New("sealed with another master key")
	ErrBroken      = errors.New("the sealed text is damaged or stands in another row")
)

// Keyring seals and opens with keys made of one master key.
type Keyring struct {
	id   string
	seal cipher.AEAD
}

// New makes a keyring of a master key of 32 bytes.
func New(master []byte) (*Keyring, error) {
	if len(master) != MasterBytes {
		return nil, ErrMasterKey
	}
	key, err := hkdf.Key(sha256.New, master, nil, "refundry secrets "+version, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	id, err := hkdf.Key(sha256.New, master, nil, "refundry key id", 4)
	if err != nil {
		return nil, fmt.Errorf("derive key id: %w", err)
	}
	return &Keyring{id: hex.EncodeToString(id), seal: seal}, nil
}

// Load takes the master key from text (the value of REFUNDRY_MASTER_KEY) or,
// when that is empty, from dir/master.key. One that is not there is made where
// mayMake says so, and ErrNoMasterKey elsewhere.
func Load(text, dir string, mayMake bool) (*Keyring, error) {
	if text == "" {
		var err error
		if text, err = readOrMake(filepath.Join(dir, masterFile), mayMake); err != nil {
			return nil, err
		}
	}
	master, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, ErrMasterKey
	}
	return New(master)
}

// readOrMake makes the file so that two processes which start at once end up
// with the same key: the second reads the first one's.
func readOrMake(name string, mayMake bool) (string, error) {
	text, err := os.ReadFile(name)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return string(text), wrap(err, "read master key")
	}
	if !mayMake {
		return "", fmt.Errorf("%w: there is no file %s", ErrNoMasterKey, name)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return "", fmt.Errorf("make data folder: %w", err)
	}
	master := make([]byte, MasterBytes)
	_, _ = rand.Read(master) // documented never to fail
	made, err := os.CreateTemp(filepath.Dir(name), masterFile+".*")
	if err != nil {
		return "", fmt.Errorf("make master key: %w", err)
	}
	defer func() { _ = os.Remove(made.Name()) }() // its link stays
	_, err = made.WriteString(base64.StdEncoding.EncodeToString(master) + "\n")
	if err = errors.Join(err, made.Sync(), made.Close()); err != nil {
		return "", fmt.Errorf("write master key: %w", err)
	}
	if err := os.Link(made.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("put master key in place: %w", err)
	}
	text, err = os.ReadFile(name)
	return string(text), wrap(err, "read master key")
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// ID names the master key without telling anything of it: 8 hex digits.
func (k *Keyring) ID() string { return k.id }

// Seal returns "v1.<key id>.<base64 of nonce and ciphertext>". The text can be
// opened only for the same table, column and row.
func (k *Keyring) Seal(plain []byte, table, column, row string) string {
	nonce := make([]byte, k.seal.NonceSize())
	_, _ = rand.Read(nonce)
	sealed := k.seal.Seal(nonce, nonce, plain, place(table, column, row))
	return version + "." + k.id + "." + base64.RawStdEncoding.EncodeToString(sealed)
}

// Open returns what Seal sealed. Errors: ErrOtherKey, ErrBroken.
func (k *Keyring) Open(sealed, table, column, row string) ([]byte, error) {
	form, rest, _ := strings.Cut(sealed, ".")
	id, text, ok := strings.Cut(rest, ".")
	if form != version || !ok {
		return nil, ErrBroken
	}
	if id != k.id {
		return nil, ErrOtherKey
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) < k.seal.NonceSize() {
		return nil, ErrBroken
	}
	size := k.seal.NonceSize()
	plain, err := k.seal.Open(nil, raw[:size], raw[size:], place(table, column, row))
	if err != nil {
		return nil, ErrBroken
	}
	return plain, nil
}

func place(table, column, row string) []byte {
	return []byte(table + "\x00" + column + "\x00" + row)
}
