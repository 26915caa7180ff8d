package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What hashing a password with argon2id costs: 19 MiB and two passes, about 30 ms
// of one core.
const (
	passwordPasses = 2
	passwordKiB    = 19 << 10
	passwordLanes  = 1
	passwordSalt   = 16 // bytes
	passwordHash   = 32 // bytes
)

// passwordTurns bounds how many passwords are hashed at the same time, so that
// many sign-ins at once take no more than their share of memory and cores.
var passwordTurns = make(chan struct{}, 4)

// HashPassword is what is kept of a password: an argon2id hash in the usual text
// form, with a salt of its own.
func HashPassword(password string) string {
	salt := make([]byte, passwordSalt)
	_, _ = rand.Read(salt) // documented never to fail
	hash := deriveKey(password, salt, passwordPasses, passwordKiB, passwordLanes)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, passwordKiB, passwordPasses, passwordLanes, encode(salt), encode(hash))
}

// nobody is the hash of a password that nobody has.
var nobody = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, passwordKiB, passwordPasses, passwordLanes,
	strings.Repeat("A", base64.RawStdEncoding.EncodedLen(passwordSalt)), strings.Repeat("A", base64.RawStdEncoding.EncodedLen(passwordHash)))

// PasswordFits reports whether a password is the one of a hash. For an empty hash
// it is false, after the same work, so that the time does not say whether there
// is such a user.
func PasswordFits(password, hash string) bool {
	if hash == "" {
		fits(password, nobody)
		return false
	}
	return fits(password, hash)
}

func fits(password, hash string) bool {
	var version int
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil || passes == 0 || lanes == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != passwordHash {
		return false
	}
	return subtle.ConstantTimeCompare(deriveKey(password, salt, passes, memory, lanes), want) == 1
}

func deriveKey(password string, salt []byte, passes, memory uint32, lanes uint8) []byte {
	passwordTurns <- struct{}{}
	defer func() { <-passwordTurns }()
	key := argon2.IDKey([]byte(password), salt, passes, memory, lanes, passwordHash)
	runtime.GC() // else what it needed stays until as much again was allocated
	return key
}
