package secret_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/secret"
)

func TestAPasswordFitsItsOwnHashAlone(t *testing.T) {
	one, two := secret.HashPassword("correct horse"), secret.HashPassword("correct horse")
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("two hashes of one password: %s, %s", one, two)
	}
	if !secret.PasswordFits("correct horse", one) || !secret.PasswordFits("correct horse", two) {
		t.Error("the password does not fit")
	}
	for _, hash := range []string{"", "x", one[:len(one)-4], strings.Replace(one, "t=2", "t=0", 1), strings.Replace(one, "argon2id", "argon2i", 1), strings.Replace(one, "v=19", "v=18", 1)} {
		if secret.PasswordFits("correct horse", hash) {
			t.Errorf("fits %q", hash)
		}
	}
	if secret.PasswordFits("correct hors", one) || secret.PasswordFits("", "") {
		t.Error("another password fits")
	}
}
