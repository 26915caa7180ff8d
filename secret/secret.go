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
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	// MasterBytes is the master key's length.
	MasterBytes = 32
	version     = "v1"
	maxMasters  = 2 // the one in use and the one that replaces it
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

// Keyring seals and opens with keys made of master keys: of one, as a rule, and of
// two while one replaces the other.
type Keyring struct {
	mu   sync.Mutex
	keys []key // the first one's is the keyring's id
	// file is where the master keys were read, "" for elsewhere. It is read again
	// for a key that is not known, at most once in rereadPause.
	file string
	read time.Time
}

// rereadPause is long enough that what can't be opened costs nothing.
const rereadPause = time.Second

// key is what is made of one master key.
type key struct {
	id   string
	seal cipher.AEAD
}

// New makes a keyring of master keys of 32 bytes each.
func New(masters ...[]byte) (*Keyring, error) {
	k := &Keyring{}
	for _, master := range masters {
		made, err := newKey(master)
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, made)
	}
	return k, nil
}

func newKey(master []byte) (key, error) {
	if len(master) != MasterBytes {
		return key{}, ErrMasterKey
	}
	text, err := hkdf.Key(sha256.New, master, nil, "refundry secrets "+version, 32)
	if err != nil {
		return key{}, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(text)
	if err != nil {
		return key{}, fmt.Errorf("make cipher: %w", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, fmt.Errorf("make cipher: %w", err)
	}
	id, err := hkdf.Key(sha256.New, master, nil, "refundry key id", 4)
	if err != nil {
		return key{}, fmt.Errorf("derive key id: %w", err)
	}
	return key{hex.EncodeToString(id), seal}, nil
}

// Load takes the master key from text (the value of REFUNDRY_MASTER_KEY) or,
// when that is empty, from dir/master.key. One that is not there is made where
// mayMake says so, and ErrNoMasterKey elsewhere. Either may hold two keys, separated
// by a comma or a new line, while one replaces the other.
func Load(text, dir string, mayMake bool) (*Keyring, error) {
	if text != "" {
		return parse(text)
	}
	name := filepath.Join(dir, masterFile)
	text, err := readOrMake(name, mayMake)
	if err != nil {
		return nil, err
	}
	k, err := parse(text)
	if err == nil {
		k.file = name
	}
	return k, err
}

// parse makes a keyring of one or two keys in base64.
func parse(text string) (*Keyring, error) {
	words := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
	if len(words) == 0 || len(words) > maxMasters {
		return nil, ErrMasterKey
	}
	masters := make([][]byte, len(words))
	for n, word := range words {
		var err error
		if masters[n], err = base64.StdEncoding.DecodeString(word); err != nil {
			return nil, ErrMasterKey
		}
	}
	return New(masters...)
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
	// The folder itself may be new, too.
	for _, dir := range []string{filepath.Dir(name), filepath.Dir(filepath.Dir(name))} {
		if err := syncFolder(dir); err != nil {
			return "", err
		}
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

// ID names the first master key without telling anything of it: 8 hex digits.
func (k *Keyring) ID() string { return k.IDs()[0] }

// IDs names all master keys.
func (k *Keyring) IDs() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	ids := make([]string, len(k.keys))
	for n, one := range k.keys {
		ids[n] = one.id
	}
	return ids
}

// With is a keyring with the keys of both.
func (k *Keyring) With(other *Keyring) *Keyring {
	k.mu.Lock()
	defer k.mu.Unlock()
	return &Keyring{keys: append(slices.Clone(k.keys), other.keys...), file: k.file}
}

// find returns the key with an id; the file is read again for one that is not known.
func (k *Keyring) find(id string) (key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	is := func(one key) bool { return one.id == id }
	at := slices.IndexFunc(k.keys, is)
	if at < 0 && k.file != "" && time.Since(k.read) > rereadPause {
		k.read = time.Now()
		if text, err := os.ReadFile(k.file); err == nil {
			if fresh, err := parse(string(text)); err == nil {
				k.keys = append(k.keys, fresh.keys...) // the old ones open what is read now
			}
		}
		at = slices.IndexFunc(k.keys, is)
	}
	if at < 0 {
		return key{}, ErrOtherKey
	}
	return k.keys[at], nil
}

// Seal is SealUnder the first key.
func (k *Keyring) Seal(plain []byte, table, column, row string) string {
	k.mu.Lock()
	first := k.keys[0]
	k.mu.Unlock()
	return first.text(plain, table, column, row)
}

// SealUnder returns "v1.<key id>.<base64 of nonce and ciphertext>". The text can be
// opened only for the same table, column and row. ErrOtherKey: it has no key with
// the id.
func (k *Keyring) SealUnder(id string, plain []byte, table, column, row string) (string, error) {
	one, err := k.find(id)
	if err != nil {
		return "", err
	}
	return one.text(plain, table, column, row), nil
}

func (k key) text(plain []byte, table, column, row string) string {
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
	one, err := k.find(id)
	if err != nil {
		return nil, err
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) < one.seal.NonceSize() {
		return nil, ErrBroken
	}
	size := one.seal.NonceSize()
	plain, err := one.seal.Open(nil, raw[:size], raw[size:], place(table, column, row))
	if err != nil {
		return nil, ErrBroken
	}
	return plain, nil
}

func place(table, column, row string) []byte {
	return []byte(table + "\x00" + column + "\x00" + row)
}
